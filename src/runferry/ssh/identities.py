"""The keys one login may offer, in order: those given, then those of ``~/.ssh/config``, the agent, the
defaults.

Keys that are not given are read only when the server has refused the ones before. It never asks for a
passphrase.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from runferry.blocking import in_thread
from runferry.ssh.credentials import Credentials
from runferry.ssh.sshconfig import Hop

AGENT_TIMEOUT = 5.0
DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to offer; ``is_given`` tells the user's own choice from what else this machine had."""

    key: asyncssh.SSHKeyPair
    is_given: bool


Source = Callable[[], Awaitable[Sequence[Identity]]]


class Identities:
    """The keys for one hop, one at a time. Close it when the login is over.

    A hop on the way (``is_end`` False) gets the given keys last: a signature tells it nothing, but they are
    meant for the target.
    """

    def __init__(
        self, hop: Hop, credentials: Credentials, given: Sequence[asyncssh.SSHKeyPair], *, is_end: bool
    ) -> None:
        self._hop = hop
        self._credentials = credentials
        self._given = given
        self._is_end = is_end
        self._agent: asyncssh.SSHAgentClient | None = None
        self._offered: set[bytes] = set()
        self._ready: list[Identity] = []
        self._sources = self._order_sources()

    async def next(self) -> Identity | None:
        """Return the next key that was not offered yet, or None when there are no more."""
        while self._ready or self._sources:
            if not self._ready:
                self._ready += await self._sources.pop(0)()
                continue
            identity = self._ready.pop(0)
            if identity.key.public_data not in self._offered:
                self._offered.add(identity.key.public_data)
                return identity
        return None

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    def _order_sources(self) -> list[Source]:
        own: list[Source] = []
        if self._credentials.use_agent:
            own = [self._load, self._ask_agent] if self._hop.identity_files else [self._ask_agent, self._load]
        return [self._give, *own] if self._is_end else [*own, self._give]

    async def _give(self) -> Sequence[Identity]:
        return [Identity(key, is_given=True) for key in self._given]

    async def _load(self) -> Sequence[Identity]:
        """Read the config's identity files, or the default ones where it names none."""
        secret = self._credentials.passphrase
        keys = await in_thread(load_identities, self._paths, secret.reveal() if secret else None)
        return [Identity(key, is_given=False) for key in keys]

    async def _ask_agent(self) -> Sequence[Identity]:
        """Get the agent's keys; with IdentitiesOnly those alone that belong to an identity file."""
        if self._hop.agent_path is None:
            return ()
        wanted = await in_thread(read_public_keys, self._paths) if self._hop.is_only_identities else None
        try:
            async with asyncio.timeout(AGENT_TIMEOUT):
                self._agent = await asyncssh.connect_agent(self._hop.agent_path)
                keys = await self._agent.get_keys()
        except (OSError, ValueError):  # no agent, a dead or a silent one: go on without
            return ()
        return [Identity(key, is_given=False) for key in keys if wanted is None or key.public_data in wanted]

    @property
    def _paths(self) -> Sequence[Path]:
        return self._hop.identity_files or default_identities()


def default_identities() -> tuple[Path, ...]:
    """Return where ssh-keygen puts keys unless told otherwise."""
    home = Path("~/.ssh").expanduser()
    return tuple(home / name for name in DEFAULT_NAMES)


def load_identities(paths: Sequence[Path], passphrase: str | None) -> list[asyncssh.SSHKeyPair]:
    """Read the keys that can be read; a missing file or a passphrase we do not have is no error here."""
    keys: list[asyncssh.SSHKeyPair] = []
    for path in paths:
        try:
            keys += asyncssh.load_keypairs(path, passphrase)
        except (OSError, ValueError):
            continue
    return keys


def read_public_keys(paths: Sequence[Path]) -> set[bytes]:
    """Return the public keys of these identity files (``x.pub`` beside ``x``, or ``x`` itself)."""
    found: set[bytes] = set()
    for path in (*(path.with_name(path.name + ".pub") for path in paths), *paths):
        try:
            found.add(asyncssh.read_public_key(path).public_data)
        except (OSError, ValueError):
            continue
    return found | {key.public_data for key in load_identities(paths, None)}
