"""The keys a user gave, read before any server is asked. What is wrong with one is said without quoting any of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import asyncssh

from runferry.errors import InvalidCredentials
from runferry.ssh.credentials import Credentials, Secret


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
