"""Where saved secrets are kept: the keyring of the operating system, or this process's memory where there is none.

Nothing is ever written to a file or a database of ours, and no cryptography is made here. Calls that reach the keyring
block: it may ask the user to unlock it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from runferry.ssh.credentials import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)

SERVICE = "runferry"

USABLE_PRIORITY = 1
"""Backends below it are those that the keyring package itself does not recommend: none at all, or plain files."""


class Vault:
    """Keeps secrets by connection key and name."""

    def __init__(self) -> None:
        self._memory: dict[tuple[str, str], Secret] = {}

    def put(self, key: str, name: str, secret: Secret) -> bool:
        """Keep a secret; say whether it is in the keyring, and not only in memory until this process ends."""
        from keyring.errors import KeyringError

        backend = find_backend()
        if backend is not None:
            try:
                backend.set_password(SERVICE, entry_name(key, name), secret.reveal())
            except (KeyringError, RuntimeError, OSError) as error:
                log.warning("the keyring took no secret: %s", type(error).__name__)
            else:
                self._memory.pop((key, name), None)
                return True
        self._memory[key, name] = secret
        return False

    def get(self, key: str, name: str) -> Secret | None:
        from keyring.errors import KeyringError

        if (key, name) in self._memory:
            return self._memory[key, name]
        backend = find_backend()
        if backend is None:
            return None
        try:
            return Secret.of(backend.get_password(SERVICE, entry_name(key, name)))
        except (KeyringError, RuntimeError, OSError) as error:
            log.warning("the keyring gave no secret: %s", type(error).__name__)
            return None

    def drop(self, key: str, name: str) -> None:
        """Forget a secret, wherever it is."""
        from keyring.errors import KeyringError

        self._memory.pop((key, name), None)
        backend = find_backend()
        if backend is not None:
            try:
                backend.delete_password(SERVICE, entry_name(key, name))
            except (KeyringError, RuntimeError, OSError) as error:  # most often: there was none
                log.info("the keyring dropped no secret: %s", type(error).__name__)

    def names_in_memory(self, key: str) -> frozenset[str]:
        return frozenset(name for known, name in self._memory if known == key)


def find_backend() -> KeyringBackend | None:
    """Return the system's keyring, or None where there is none that keeps secrets safe."""
    import keyring  # slow to import, and needed by few

    backend = keyring.get_keyring()
    return backend if backend.priority >= USABLE_PRIORITY else None


def entry_name(key: str, name: str) -> str:
    return f"{key} {name}"
