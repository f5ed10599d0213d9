"""What a user gave to log in with. It is held in memory only: never logged, stored or put into a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import asyncssh

from runferry.errors import InvalidCredentials, InvalidRequest

SHORTEST_TOKEN = 16


class Secret:
    """A text that shows as ``***`` wherever it is printed or logged; only ``reveal()`` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def of(cls, text: str | None) -> Secret | None:
        """Return a secret, or None for None and for the empty text (a form field left empty)."""
        return cls(text) if text else None

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never serialized")


def read_token(path: Path) -> Secret:
    """Return the token a file holds. Raises InvalidRequest where there is none that could keep anybody out."""
    try:
        text = path.expanduser().read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: no token can be read from it ({type(error).__name__}).") from None
    if len(text) < SHORTEST_TOKEN or not text.isprintable() or " " in text:
        raise InvalidRequest(f"{path} must hold one token of at least {SHORTEST_TOKEN} characters, and nothing else.")
    return Secret(text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Any of these may be given, or none. ``private_key`` is the key's text; ``passphrase`` opens either key.

    With ``use_agent`` the SSH agent and the identities of ``~/.ssh`` are tried after what was given;
    without it, only what was given.
    """

    password: Secret | None = None
    private_key: Secret | None = None
    private_key_path: str | None = None
    passphrase: Secret | None = None
    use_agent: bool = True

    @property
    def has_key(self) -> bool:
        return self.private_key is not None or self.private_key_path is not None

    @property
    def has_any(self) -> bool:
        """Something was given."""
        return self.has_key or self.password is not None

    @property
    def is_empty(self) -> bool:
        """Nothing was given and nothing else may be used."""
        return not (self.use_agent or self.has_any)


def load_given_keys(credentials: Credentials) -> Sequence[asyncssh.SSHKeyPair]:
    """Read the keys that were given, text first. This blocks (a passphrase takes its time on purpose).

    Raises InvalidCredentials, which says what is wrong with which key, before any server has been asked.
    """
    keys: list[asyncssh.SSHKeyPair] = []
    if credentials.private_key is not None:
        text = credentials.private_key.reveal().strip() + "\n"
        keys += load_key(text.replace("\r\n", "\n").encode(), credentials.passphrase, "private_key")
    if credentials.private_key_path is not None:
        data = read_key_file(credentials.private_key_path)
        name = f"private_key_path: {credentials.private_key_path}"
        keys += load_key(data, credentials.passphrase, name, path=expand(credentials.private_key_path))
    return keys


def load_key(
    data: bytes, passphrase: Secret | None, name: str, *, path: Path | None = None
) -> Sequence[asyncssh.SSHKeyPair]:
    """Turn key text into key pairs; where it came from a file, the certificate beside it counts too."""
    secret = passphrase.reveal() if passphrase else None
    try:
        key = asyncssh.import_private_key(data, secret)
        return list(asyncssh.load_keypairs(path, secret) if path else asyncssh.load_keypairs(key))
    except (ValueError, OSError) as error:  # asyncssh's key errors are all ValueErrors
        raise InvalidCredentials(f"{name}: {explain(error, is_open=passphrase is not None)}") from None


def read_key_file(path: str) -> bytes:
    try:
        return expand(path).read_bytes()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise InvalidCredentials(f"private_key_path: {path}: {reason}.") from None
    except ValueError:
        raise InvalidCredentials("private_key_path: this is not a path.") from None


def expand(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InvalidCredentials(f"private_key_path: {path}: there is no such home directory.") from None


def explain(error: Exception, *, is_open: bool) -> str:
    """Say why a key could not be read, without quoting any of it."""
    text = str(error).lower()
    if "passphrase must be specified" in text:
        return "the key is encrypted; give its passphrase."
    if "passphrase" in text or (is_open and "decrypt" in text):
        return "the passphrase does not open this key."
    return "this is not a private key (OpenSSH or PEM format)."
