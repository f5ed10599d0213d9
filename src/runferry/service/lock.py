"""The lock that keeps two servers out of one data directory. It ends with its process, however that dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from runferry.errors import Conflict, InvalidRequest

NAME = "lock"


class DataLock:
    """Holds ``<data_dir>/lock``. ``acquire`` raises Conflict while another process holds it, InvalidRequest where the
    directory cannot be made or written to.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME
        self._handle: int | None = None

    def acquire(self) -> None:
        try:
            close_to_others(self._path.parent)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise InvalidRequest(
                f"Data cannot be kept in {self._path.parent}: {error.strerror}; choose another place with --data-dir."
            ) from error
        try:
            lock(handle)
        except OSError as error:
            os.close(handle)
            raise Conflict(
                f"Another Runferry works in {self._path.parent}; stop it, or choose another --data-dir."
            ) from error
        self._handle = handle

    def release(self) -> None:
        """Let go; may be called again. The file stays: removing it would let two holders have one each."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def close_to_others(directory: Path) -> None:
    """Make the directory if there is none, and let nobody but its owner in: what is below needs no more."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # somebody else's: that it can be used at all is their decision
        directory.chmod(0o700)


if sys.platform == "win32":
    import msvcrt

    def lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
