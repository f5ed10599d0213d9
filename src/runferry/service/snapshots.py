"""Takes consistent copies of SQLite databases that others are writing, by reading only. Opens no database.

Nothing is locked on the server and its ``-shm`` is never touched. With a write-ahead log, a copy is consistent when the
log did not start over (its salts are the same) between a look before the first byte of the database was read and one
after the last byte of the log: whatever was moved into the database meanwhile is then also in the log, which is read
last and cut after its last whole transaction. Without a log, the database must not have changed, and no journal may be
in use, before and after. What is not consistent is tried again, a few times, and then told as a problem.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import RemoteFailed
from runferry.formats.wire.wal import DATABASE_HEADER, HEADER, find_whole_prefix, read_database_header
from runferry.model import Chunk, Entry, Kind, Problem, ProblemCode, Version
from runferry.remote.base import CHUNK, Priority, Remote
from runferry.store.removal import remove_below

LARGEST = 2 * 1024**3
"""Bytes of the largest database that is copied."""

LARGEST_LOG = 256 * 1024**2
"""Bytes of the longest log that is read: it is held in memory."""

PAUSES = (0.2, 1.0)
"""Seconds before a copy that was not consistent is tried again."""

READ_TIMEOUT = 60.0
AT_ONCE = 4
SETTLED_NS = 2_000_000_000

Salts = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Base:
    """Of what the local copy of a database was made. ``salts``: of its log, None where there was none."""

    version: Version
    salts: Salts | None


@dataclass(frozen=True, slots=True)
class _Look:
    """A database and its log at one moment; ``header`` is the log's, empty where there is no log in use."""

    database: Entry
    header: bytes

    @property
    def salts(self) -> Salts | None:
        return struct.unpack_from(">II", self.header, 16) if self.header else None


class _Troubled(Exception):
    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Snapshots:
    """The copies of one sync, in a ``folder`` of their own. Calls for one path are to be made one after the other."""

    def __init__(self, remote: Remote, root: str, folder: Path) -> None:
        self._remote = remote
        self._root = root
        self._folder = folder
        self._bases: dict[str, Base] = {}

    async def clear(self) -> None:
        """Remove all copies."""
        self._bases.clear()
        await in_thread(remove_below, self._folder.parent, [self._folder.name])

    def forget(self, path: str) -> None:
        """Have everything copied the next time."""
        self._bases.pop(path, None)

    async def take(self, path: str) -> Path | Problem:
        """Return a consistent copy, with its log beside where it has one, or say why there is none now.

        Of a database whose log goes on, only the log is read again. Raises ConnectionLost and RemoteFailed.
        """
        for pause in (*PAUSES, None):
            try:
                return await self._try_to_take(path)
            except _Troubled as error:
                self.forget(path)
                if pause is None or error.code is not ProblemCode.CHANGING:
                    return Problem(path, error.code, str(error))
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns")

    async def _try_to_take(self, path: str) -> Path:
        target = self._folder / f"{blake2b(path.encode(), digest_size=16).hexdigest()}.db"
        before = await self._look(path)
        base = self._bases.get(path)
        if base is None or not self._is_good(base, before):
            self._bases.pop(path, None)
            is_settled = await self._copy(path, before, target)
            base = Base(before.database.version, before.salts) if is_settled or before.header else None
        log = await self._read_log(path) if before.header else b""
        after = await self._look(path)
        if after.header != before.header:
            raise _Troubled(ProblemCode.CHANGING, "The database's log started over while it was read.")
        if not before.header and after.database.version != before.database.version:
            raise _Troubled(ProblemCode.CHANGING, "The database changed while it was read.")
        with _translating():
            await in_thread(_write_log, target, _cut(log))
        if base is not None:
            self._bases[path] = Base(base.version, before.salts)
        return target

    def _is_good(self, base: Base, look: _Look) -> bool:
        """Say whether the copy that is here is one that the log of now completes."""
        if look.salts is not None and base.salts == look.salts:
            return True
        return base.salts is None and base.version == look.database.version

    # Looking

    async def _look(self, path: str) -> _Look:
        names = [path, f"{path}-wal", f"{path}-journal"]
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                database, log, journal = await self._remote.stat(self._root, names)
        except TimeoutError as error:
            raise RemoteFailed("The server did not answer in time.") from error
        if isinstance(database, Problem):
            raise _Troubled(database.code, database.message)
        if database.kind is not Kind.FILE:
            raise _Troubled(ProblemCode.SPECIAL, "It is no regular file.")
        if database.size > LARGEST:
            raise _Troubled(ProblemCode.TOO_LARGE, "The database is larger than 2 GiB.")
        header = await self._read_header(f"{path}-wal", log)
        if not header and await self._read_header(f"{path}-journal", journal, 8):
            raise _Troubled(ProblemCode.CHANGING, "A transaction is under way, or was left unfinished.")
        return _Look(database, header)

    async def _read_header(self, path: str, entry: Entry | Problem, length: int = HEADER) -> bytes:
        """Return how a file beside the database begins, empty where there is none in use."""
        if isinstance(entry, Problem):
            if entry.code is ProblemCode.VANISHED:
                return b""
            raise _Troubled(entry.code, f"What lies beside the database cannot be read: {entry.message}")
        if entry.size > LARGEST_LOG:
            raise _Troubled(ProblemCode.TOO_LARGE, "The database's log is larger than 256 MiB.")
        data = (await self._read(path, 0, length)).data if entry.size else b""
        return data if any(data) else b""

    async def _read(self, path: str, offset: int, length: int = CHUNK) -> Chunk:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                chunk = await self._remote.read(self._root, path, offset=offset, length=length, priority=Priority.BULK)
        except TimeoutError as error:
            raise RemoteFailed("The server did not answer in time.") from error
        if isinstance(chunk, Problem):
            code = ProblemCode.CHANGING if chunk.code is ProblemCode.VANISHED else chunk.code
            raise _Troubled(code, chunk.message)
        return chunk

    # Copying

    async def _copy(self, path: str, look: _Look, target: Path) -> bool:
        """Copy the database; say whether its version tells any other state from this one."""
        size, version = look.database.size, look.database.version
        is_settled = True
        with _translating():
            descriptor = await in_thread(_create, target)
            try:
                for start in range(0, size, AT_ONCE * CHUNK):
                    offsets = range(start, min(size, start + AT_ONCE * CHUNK), CHUNK)
                    chunks = await asyncio.gather(*(self._read(path, offset) for offset in offsets))
                    for offset, chunk in zip(offsets, chunks, strict=True):
                        if not look.header and (not chunk.stable or not _is_same(chunk.version, version)):
                            raise _Troubled(ProblemCode.CHANGING, "The database changed while it was read.")
                        is_settled &= chunk.clock_ns - chunk.version.mtime_ns > SETTLED_NS
                        await in_thread(os.pwrite, descriptor, chunk.data, offset)
                header = await in_thread(os.pread, descriptor, DATABASE_HEADER, 0)
            finally:
                await in_thread(os.close, descriptor)
        if size and read_database_header(header) is None:
            raise _Troubled(ProblemCode.IO, "It is no SQLite database.")
        if not look.header and (await self._read(path, 0, DATABASE_HEADER)).data != header:
            raise _Troubled(ProblemCode.CHANGING, "The database changed while it was read.")
        return is_settled

    async def _read_log(self, path: str) -> bytes:
        pieces: list[bytes] = []
        length = 0
        while piece := (await self._read(f"{path}-wal", length)).data:
            pieces.append(piece)
            length += len(piece)
            if length > LARGEST_LOG:
                raise _Troubled(ProblemCode.TOO_LARGE, "The database's log is larger than 256 MiB.")
        return b"".join(pieces)


def _is_same(one: Version, other: Version) -> bool:
    return (one.size, one.mtime_ns) == (other.size, other.mtime_ns)


def _cut(log: bytes) -> bytes:
    """Return what of a log is whole."""
    prefix = find_whole_prefix(log)
    if prefix is None:
        raise _Troubled(ProblemCode.CHANGING, "The beginning of the database's log is damaged or half-written.")
    return log[: prefix.length]


def _create(target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    for name in (target, Path(f"{target}-wal"), Path(f"{target}-shm"), Path(f"{target}-journal")):
        name.unlink(missing_ok=True)
    return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _write_log(target: Path, data: bytes) -> None:
    log = Path(f"{target}-wal")
    for name in (log, Path(f"{target}-shm")):
        name.unlink(missing_ok=True)
    if data:
        log.write_bytes(data)


@contextmanager
def _translating() -> Iterator[None]:
    """Tell what this machine could not do as a problem of the file."""
    try:
        yield
    except OSError as error:
        raise _Troubled(ProblemCode.LOCAL, f"The copy could not be written: {error.strerror}.") from error
