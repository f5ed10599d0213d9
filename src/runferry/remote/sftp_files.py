"""Files and directories over SFTP, in the agent's terms: its records, OSError for trouble with a file.

The only module of the SFTP fallback that knows asyncssh; ConnectionLost and RemoteFailed are raised for the session's
trouble. It opens nothing that lstat does not call a regular file, and writes nothing. SFTP version 3 knows neither
inodes nor fractions of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import asyncssh

from runferry.agent import names
from runferry.agent.read import Refused
from runferry.agent.scan import BAD, DIR, FILE, LINK, OTHER, UNSURE, Problem, Record, explain, locate
from runferry.errors import ConnectionLost, RemoteFailed
from runferry.model import Version
from runferry.remote.least_clock import LeastClock
from runferry.remote.parts import MOST_SIGNED

CALL_TIMEOUT = 60.0

MOST_IN_DIRECTORY = 1_000_000
"""Names in one directory, which a server can make up for ever."""

_LONGEST_TEXT = 4096
"""Bytes of a name, a path or a link's target: PATH_MAX of Linux."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Status:
    """What SFTP says of one path; ``mtime`` in whole seconds."""

    mode: int
    size: int
    mtime: int

    @property
    def version(self) -> Version:
        return Version(self.size, self.mtime * 1_000_000_000)


class SftpFile:
    """An open regular file."""

    def __init__(self, file: asyncssh.SFTPClientFile) -> None:
        self._file = file

    async def read(self, length: int, offset: int) -> bytes:
        """Read ``length`` bytes, fewer at the end of the file."""
        data = await _call(lambda: self._file.read(length, offset))
        if not isinstance(data, bytes) or len(data) > length:
            raise RemoteFailed("The server's SFTP answered more than was asked for.")
        return data

    async def status(self) -> Status:
        return _status(await _call(self._file.stat))


class SftpFiles:
    """``root`` is absolute in bytes, paths are relative to it, as everywhere. ``clock`` takes in the times listed."""

    def __init__(self, client: asyncssh.SFTPClient) -> None:
        self._client = client
        self.clock = LeastClock()

    async def resolve(self, path: bytes) -> bytes:
        """Return a path absolute and free of links; relative ones start at the home directory."""
        real = await _call(lambda: self._client.realpath(path))
        if not isinstance(real, bytes) or not real.startswith(b"/"):
            raise RemoteFailed("The server's SFTP answered a path that is none.")
        return check_length(real)

    async def status(self, path: bytes, *, follow: bool) -> Status:
        """Return what a path is, or with ``follow`` what it leads to."""
        call = self._client.stat if follow else self._client.lstat
        return _status(await _call(lambda: call(path)))

    async def try_listing(self, directory: bytes) -> None:
        """Begin to list a directory; raises OSError where it may not be read."""

        async def begin() -> None:
            items = self._client.scandir(directory)
            try:
                await anext(items, None)
            finally:
                if isinstance(items, AsyncGenerator):
                    await items.aclose()

        await _call(begin)

    async def list_status(self, directory: bytes) -> dict[str, Status]:
        """Return what lies in a directory, by name, links not followed.

        OpenSSH leaves out what it cannot look at, without a word: a directory that may be read and not entered is
        listed without any name, not even its own.
        """
        found: dict[str, Status] = {}
        is_silent = True

        async def collect() -> None:
            nonlocal is_silent
            async for item in self._client.scandir(directory):
                is_silent = False
                name = item.filename if isinstance(item.filename, bytes) else item.filename.encode()
                if name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name:
                    found[names.decode(check_length(name))] = _status(item.attrs)
                if len(found) > MOST_IN_DIRECTORY:
                    raise RemoteFailed(f"A directory of the server has more than {MOST_IN_DIRECTORY} names.")

        await _call(collect)
        if is_silent:
            await self._check_entering(directory)
        return found

    async def _check_entering(self, directory: bytes) -> None:
        """Raise PermissionError where nothing in a directory can be looked at."""
        try:
            await self.status(directory + b"/.", follow=False)
        except PermissionError:
            raise
        except OSError:
            return  # it is gone, or the server knows no such path

    async def list_records(self, root: bytes, path: str) -> dict[str, Record]:
        """Return the record of each name in the directory ``path``."""
        directory = locate(root, path)
        level = names.depth(path)
        found = await self.list_status(directory)
        for status in found.values():
            self.clock.note(status.mtime * 1_000_000_000)
        return {name: await self._record(directory, name, status, level) for name, status in found.items()}

    async def look(self, root: bytes, path: str, name: str) -> Record | None:
        """Return the record of one name, or None where it is not there."""
        directory = locate(root, path)
        try:
            status = await self.status(directory + b"/" + names.encode(name), follow=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            return UNSURE, 0, 0, 0, 0, 0, 1, None, explain(error)
        return await self._record(directory, name, status, names.depth(path))

    async def read_stamp(self, root: bytes, path: str) -> int:
        """Return when the names in a directory changed last (seconds); raise NotADirectoryError where it is none."""
        status = await self.status(locate(root, path), follow=False)
        if not stat.S_ISDIR(status.mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return status.mtime

    @contextlib.asynccontextmanager
    async def open(self, path: bytes) -> AsyncIterator[tuple[SftpFile, Status]]:
        """Open a regular file; the status is lstat's, from before. Raises Refused for anything else."""
        before = await self.status(path, follow=False)
        if stat.S_ISLNK(before.mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not stat.S_ISREG(before.mode):
            raise Refused(("special", "It is not a regular file: it is never opened."))
        file = await _call(lambda: self._client.open(path, "rb", encoding=None))
        try:
            yield SftpFile(file), before
        finally:
            with contextlib.suppress(OSError, ConnectionLost, RemoteFailed):
                await _call(file.close)

    async def read_text(self, path: str) -> str | None:
        """Return the text of a small file of /proc, or None where it cannot be read."""
        try:
            async with self.open(path.encode()) as (file, _):
                return (await file.read(65536, 0)).decode("utf-8", "replace")
        except (OSError, Refused):
            return None

    async def close(self) -> None:
        """End the SFTP session. It may be called again."""
        self._client.exit()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._client.wait_closed()

    async def _record(self, directory: bytes, name: str, status: Status, level: int) -> Record:
        if level >= names.MAX_DEPTH or not names.is_fine(name):
            text = "Its name is not UTF-8, is too long, holds a backslash or a drive prefix, or it lies too deep."
            return BAD, 0, 0, 0, 0, 0, 1, None, ("name", text)
        if stat.S_ISDIR(status.mode):
            return DIR, 0, 0, 0, 0, 0, 1, None, None
        time_ns = status.mtime * 1_000_000_000
        kind = FILE
        target: str | None = None
        problem: Problem | None = None
        if stat.S_ISLNK(status.mode):
            kind = LINK
            target, problem = await self._try_link(directory + b"/" + names.encode(name))
        elif not stat.S_ISREG(status.mode):
            kind, problem = OTHER, ("special", "It is not a regular file: it is never opened.")
        return kind, status.size, time_ns, 0, 0, 0, 1, target, problem

    async def _try_link(self, path: bytes) -> tuple[str | None, Problem]:
        try:
            found = await _call(lambda: self._client.readlink(path))
        except OSError as error:
            return None, explain(error)
        target = names.escape(names.decode(check_length(found if isinstance(found, bytes) else found.encode())))
        try:
            await self.status(path, follow=True)
        except FileNotFoundError:
            return target, ("dangling", f"symbolic link to {target}, which leads nowhere")
        except OSError:
            pass  # it leads to where we may not look
        return target, ("link", f"symbolic link to {target}; not followed")


def check_length(name: bytes) -> bytes:
    """Return a name a server tells of; raise RemoteFailed where no system has names of that length."""
    if len(name) > _LONGEST_TEXT:
        raise RemoteFailed(f"The server's SFTP tells of a name of {len(name)} bytes, which cannot be.")
    return name


def _status(attrs: asyncssh.SFTPAttrs) -> Status:
    if attrs.permissions is None:
        raise RemoteFailed("The server's SFTP does not say what its files are.")
    size, mtime = attrs.size or 0, attrs.mtime or 0
    if not 0 <= size <= MOST_SIGNED or abs(mtime) > MOST_SIGNED // 1_000_000_000:
        raise RemoteFailed("The server's SFTP tells of a file that cannot be.")
    return Status(attrs.permissions, size, mtime)


async def _call(call: Callable[[], Awaitable[T]]) -> T:
    """Make one call of asyncssh and translate what it raises."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            return await call()
    except TimeoutError:
        raise RemoteFailed(f"The server's SFTP has not answered for {CALL_TIMEOUT:.0f} s.") from None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
    except asyncssh.SFTPPermissionDenied as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost) as error:
        raise ConnectionLost("The connection to the server broke.") from error
    except asyncssh.SFTPError as error:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
    except (asyncssh.Error, BrokenPipeError, ConnectionError) as error:
        raise ConnectionLost("The connection to the server broke.") from error
