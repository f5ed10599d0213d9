"""Saved connections: kept, listed without their secrets, and turned into logins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runferry.blocking import in_thread
from runferry.errors import InvalidCredentials
from runferry.service.vault import Vault
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.target import Target
from runferry.store.db import Database
from runferry.store.saved import SavedConnection, SavedStore

PASSWORD, PASSPHRASE, PRIVATE_KEY = "password", "passphrase", "private_key"
SECRETS = (PASSWORD, PASSPHRASE, PRIVATE_KEY)
DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """What to save. ``remembers`` True keeps the given secrets, False forgets all kept ones, None leaves them alone.

    Without ``auth_method`` it follows from what is given.
    """

    host: str
    username: str
    port: int | None = None
    name: str | None = None
    auth_method: str | None = None
    private_key_path: str | None = None
    secrets: Mapping[str, Secret] | None = None
    remembers: bool | None = None

    @property
    def key(self) -> str:
        """The connection's id, ``user@host:port``. Raises InvalidRequest for what can be none."""
        return str(Target(self.host, self.port or DEFAULT_PORT, self.username))


@dataclass(frozen=True, slots=True)
class SavedView:
    """A saved connection, and which secrets are at hand: in the keyring, or in memory until this process ends."""

    saved: SavedConnection
    in_memory: frozenset[str]

    @property
    def secrets(self) -> frozenset[str]:
        return self.in_memory | frozenset(self.saved.secrets)


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save: ``is_stored`` None where no secret was to be kept, False where only memory holds it."""

    view: SavedView
    is_new: bool
    is_stored: bool | None


class SavedConnections:
    """The saved connections of this data directory."""

    def __init__(self, db: Database, vault: Vault, *, clock: Callable[[], float]) -> None:
        self._store = SavedStore(db)
        self._vault = vault
        self._clock = clock

    async def all(self) -> Sequence[SavedView]:
        return [self._view(saved) for saved in await in_thread(self._store.all)]

    async def get(self, key: str) -> SavedView:
        """Raises NotFound."""
        return self._view(await in_thread(self._store.find, key))

    async def save(self, request: SaveRequest) -> Saved:
        """Save a connection, or update the one with the same key. Raises InvalidRequest."""
        key = request.key
        before = next((one for one in await in_thread(self._store.all) if one.key == key), None)
        return await in_thread(self._save, request, key, before)

    async def delete(self, key: str) -> None:
        """Forget a connection and its secrets. Raises NotFound."""
        saved = await in_thread(self._store.find, key)
        await in_thread(self._forget, saved, SECRETS)
        await in_thread(self._store.drop, saved.key)

    async def make_request(self, key: str, given: Credentials) -> tuple[Target, Credentials]:
        """Return how to log in to a saved connection; what is given goes before what was saved.

        Raises NotFound, and InvalidCredentials where a secret it needs is neither saved nor given.
        """
        saved = await in_thread(self._store.find, key)
        secrets = await in_thread(self._load, saved)
        credentials = Credentials(
            password=given.password or secrets.get(PASSWORD),
            private_key=given.private_key or secrets.get(PRIVATE_KEY),
            private_key_path=given.private_key_path or saved.private_key_path,
            passphrase=given.passphrase or secrets.get(PASSPHRASE),
            use_agent=saved.auth_method == "agent",
        )
        if credentials.is_empty:
            wanted = "password" if saved.auth_method == "password" else "private key"
            raise InvalidCredentials(f"{wanted}: that of {key} was not saved; give it with the request.")
        return Target(saved.host, saved.port, saved.username), credentials

    def _save(self, request: SaveRequest, key: str, before: SavedConnection | None) -> Saved:
        given = dict(request.secrets or {})
        kept = frozenset(before.secrets) if before else frozenset()
        if request.remembers is False and before is not None:
            self._forget(before, SECRETS)
            kept = frozenset()
        outcomes = {name: self._vault.put(key, name, secret) for name, secret in given.items() if request.remembers}
        stored = {name for name, is_stored in outcomes.items() if is_stored}
        saved = SavedConnection(
            key=key,
            host=request.host,
            port=request.port or DEFAULT_PORT,
            username=request.username,
            name=request.name or (before.name if before else key),
            auth_method=request.auth_method or find_method(request) or (before.auth_method if before else "agent"),
            private_key_path=request.private_key_path or (before.private_key_path if before else None),
            secrets=tuple(sorted((kept - outcomes.keys()) | stored)),
            saved_at=self._clock(),
        )
        self._store.put(saved)
        is_stored = all(outcomes.values()) if outcomes else None
        return Saved(self._view(saved), is_new=before is None, is_stored=is_stored)

    def _load(self, saved: SavedConnection) -> Mapping[str, Secret]:
        names = frozenset(saved.secrets) | self._vault.names_in_memory(saved.key)
        found = {name: self._vault.get(saved.key, name) for name in names}
        return {name: secret for name, secret in found.items() if secret is not None}

    def _forget(self, saved: SavedConnection, names: Sequence[str]) -> None:
        for name in names:
            if name in saved.secrets or name in self._vault.names_in_memory(saved.key):
                self._vault.drop(saved.key, name)

    def _view(self, saved: SavedConnection) -> SavedView:
        return SavedView(saved, self._vault.names_in_memory(saved.key))


def find_method(request: SaveRequest) -> str | None:
    """Return how one logs in with what is given; None where nothing is."""
    given = request.secrets or {}
    if request.private_key_path or PRIVATE_KEY in given:
        return "key"
    return "password" if PASSWORD in given else None
