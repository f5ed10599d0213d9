"""A disk that fails as told: ``os`` behind the seam of ``store.files``, with errors where a test wants them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path


class FailingDisk:
    """``fail(call, errno)`` lets a call fail, for paths that hold ``only``; ``heal`` makes the disk well again.

    A ``pwrite`` that fails has written the first half of what it was given. ``delay`` is seconds per write.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.failed = 0
        self._errors: dict[str, tuple[int, str]] = {}
        self._paths: dict[int, str] = {}
        self._never = threading.Event()

    def fail(self, call: str, error: int, *, only: str = "") -> None:
        self._errors[call] = error, only

    def heal(self) -> None:
        self._errors.clear()
        self.delay = 0.0

    def open(self, path: str | Path, flags: int, mode: int = 0o777, /) -> int:
        self._look("open", os.fspath(path))
        descriptor = os.open(path, flags, mode)
        self._paths[descriptor] = os.fspath(path)
        return descriptor

    def close(self, fd: int, /) -> None:
        os.close(fd)
        self._look("close", self._paths.pop(fd, ""))

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int, /) -> int:
        if self.delay:
            self._never.wait(self.delay)
        try:
            self._look("pwrite", self._paths[fd])
        except OSError:
            os.pwrite(fd, data[: len(data) // 2], offset)
            raise
        return os.pwrite(fd, data, offset)

    def ftruncate(self, fd: int, length: int, /) -> None:
        self._look("ftruncate", self._paths[fd])
        os.ftruncate(fd, length)

    def utime(self, path: int | str, *, ns: tuple[int, int]) -> None:
        self._look("utime", self._paths[path] if isinstance(path, int) else path)
        os.utime(path, ns=ns)

    def scandir(self, path: str, /) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        self._look("scandir", path)
        return os.scandir(path)

    def mkdir(self, path: str, mode: int = 0o777, /) -> None:
        self._look("mkdir", path)
        os.mkdir(path, mode)  # noqa: PTH102 - the seam is that of os

    def replace(self, src: str, dst: str | Path, /) -> None:
        self._look("replace", os.fspath(dst))
        os.replace(src, dst)  # noqa: PTH105

    def _look(self, call: str, path: str) -> None:
        error, only = self._errors.get(call, (0, ""))
        if error and only in path:
            self.failed += 1
            raise OSError(error, os.strerror(error))
