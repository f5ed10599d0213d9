"""An SSH server without a shell whose SFTP lies: it tells what a test wants of files that are not there. In the test's
loop.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Iterable

import asyncssh

from tests.support.lying_server import LyingServer

OLD = 1_700_000_000
Listing = Iterable[asyncssh.SFTPName]


def directory() -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(permissions=stat.S_IFDIR | 0o755, size=0, atime=OLD, mtime=OLD)


def file(size: int, *, mtime: int = OLD) -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(permissions=stat.S_IFREG | 0o644, size=size, atime=OLD, mtime=mtime)


def link() -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(permissions=stat.S_IFLNK | 0o777, size=1, atime=OLD, mtime=OLD)


class SftpLiar(LyingServer):
    """Tells of the root ``/r`` with ``files``, and gives ``contents`` whatever the listing says.

    ``listing`` makes up any directory; ``target`` is where every link leads; with ``is_stalled`` set, nothing of ``/r``
    is answered any more.
    """

    def __init__(self) -> None:
        super().__init__(sftp_factory=lambda channel: _Sftp(channel, self))
        self.files: dict[bytes, asyncssh.SFTPAttrs] = {}
        self.contents: Callable[[bytes, int, int], bytes] = lambda path, offset, size: b""
        self.listing: Callable[[bytes], Listing] = self._list_root
        self.target = b"x"
        self.home = b"/h"
        self.is_stalled = False
        self.reads = 0

    def find(self, path: bytes) -> asyncssh.SFTPAttrs:
        if path in (b"/r", b"/h", b"/"):
            return directory()
        found = self.files.get(path.removeprefix(b"/r/"))
        if found is None:
            raise asyncssh.SFTPNoSuchFile("no")
        return found

    def _list_root(self, path: bytes) -> Listing:
        return [asyncssh.SFTPName(name, attrs=attrs) for name, attrs in self.files.items()] if path == b"/r" else []


class _Sftp(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], liar: SftpLiar) -> None:
        super().__init__(channel)
        self._liar = liar

    async def _find(self, path: bytes) -> asyncssh.SFTPAttrs:
        if self._liar.is_stalled and path.startswith(b"/r"):
            await asyncio.Event().wait()
        return self._liar.find(path)

    async def realpath(self, path: bytes) -> bytes:
        return self._liar.home if path in (b"", b".") else path

    async def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return await self._find(path)

    async def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return await self._find(path)

    async def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        assert isinstance(file_obj, bytes)
        return await self._find(file_obj)

    def readlink(self, path: bytes) -> bytes:
        return self._liar.target

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name in self._liar.listing(path):
            yield name

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._liar.find(path)
        return path

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        assert isinstance(file_obj, bytes)
        self._liar.reads += 1
        return self._liar.contents(file_obj.removeprefix(b"/r/"), offset, size)

    def close(self, file_obj: object) -> None:
        """Nothing is open."""
