"""A ``Remote`` over SFTP, where no agent runs: slower, with whole-second times, and polled from this side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager

from runferry.agent import names, wire
from runferry.agent.hashing import hash_bytes, start_hash
from runferry.agent.read import TAIL, Refused, head_length
from runferry.agent.scan import locate, name_error
from runferry.errors import ConnectionLost, RemoteFailed, RunferryError
from runferry.model import (
    Change,
    Chunk,
    Content,
    Digest,
    Entry,
    Problem,
    ProblemCode,
    ProcessQuestion,
    ProcessState,
    ServerInfo,
    Snapshot,
    Version,
)
from runferry.remote.base import SMALL_FILE, BrowseEntry, Priority
from runferry.remote.channel import Carrier
from runferry.remote.gate import Gate, run_all
from runferry.remote.parts import to_snapshot
from runferry.remote.paths import check_path, check_range, check_root, check_text, problem_of, refusal
from runferry.remote.poll import Poller
from runferry.remote.replies import read_stat
from runferry.remote.sftp_files import SftpFile, SftpFiles
from runferry.remote.sftp_server import browse, introduce, judge_all

WIDTH = 24
BULK_WIDTH = 6
_BLOCK = 4 * 1024 * 1024
_BATCH = 64


async def open_sftp(link: Carrier) -> SftpRemote:
    """Start SFTP over ``link``. Raises RemoteFailed where the server offers none, ConnectionLost."""
    files = SftpFiles(await link.start_sftp())
    try:
        return SftpRemote(files, await introduce(files))
    except OSError as error:
        await files.close()
        raise RemoteFailed("The server's SFTP does not work.") from error
    except (RunferryError, asyncio.CancelledError):
        await files.close()
        raise


class SftpRemote:
    """See ``base``. Versions have no ctime, inode or device; ``clock_ns`` is what the server's clock said at least."""

    def __init__(self, files: SftpFiles, info: ServerInfo) -> None:
        self._files = files
        self._info = info
        self._gate = Gate(WIDTH, BULK_WIDTH)
        self._closed = asyncio.Event()

    @property
    def info(self) -> ServerInfo:
        return self._info

    def set_info(self, info: ServerInfo) -> None:
        """Replace what is told of the server."""
        self._info = info

    async def resolve(self, path: str, *, follow_every: float | None = None) -> str:
        root = await self._resolve(path)
        try:
            async with self._turn():
                await self._files.try_listing(root)
        except OSError as error:
            raise _refuse(error, path) from error
        return names.decode(root)

    async def list_directory(self, path: str, *, depth: int = 1) -> Sequence[BrowseEntry]:
        root = await self._resolve(path)
        try:
            return await browse(self._files, root, depth, self._turn)
        except OSError as error:
            raise _refuse(error, path) from error

    async def scan(self, root: str) -> Snapshot:
        with _believing():
            try:
                return to_snapshot(await self._poller(root).scan())
            except OSError as error:
                raise _refuse(error, root) from error

    async def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change, None]:
        changes = self._poller(root).follow(interval)
        try:
            with _believing():
                async for change in changes:
                    yield change
        except OSError as error:
            raise _refuse(error, root) from error
        finally:
            await changes.aclose()

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        full = self._locate(root, path)
        check_range(offset, length)
        try:
            async with self._turn(priority), self._files.open(full) as (file, before):
                began = self._files.clock.mark()
                head = tail = b""
                if check and before.size >= offset:
                    head, tail = await _hash_before(file, offset)
                data = await file.read(length, offset)
                after = await file.status()
        except (OSError, Refused) as error:
            return problem_of(path, error)
        clock = self._tell_time(after.version, began)
        return Chunk(data, after.version, before.version == after.version, clock, head, tail)

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncGenerator[Sequence[Content | Problem], None]:
        full = [(path, self._locate(root, path)) for path in paths]
        for start in range(0, len(full), _BATCH):
            some = full[start : start + _BATCH]
            yield await run_all(self._read_small(path, where, priority) for path, where in some)

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        full = self._locate(root, path)
        state = start_hash()
        done = 0
        try:
            async with self._turn(Priority.BULK), self._files.open(full) as (file, _):
                while done < length:
                    data = await file.read(min(_BLOCK, length - done), done)
                    if not data:
                        break
                    state.update(data)
                    done += len(data)
                after = await file.status()
        except (OSError, Refused) as error:
            return problem_of(path, error)
        return Digest(done, state.digest(), after.version)

    async def stat(self, root: str, paths: Sequence[str]) -> Sequence[Entry | Problem]:
        checked = [check_path(path) for path in paths]
        return await run_all(self._stat(check_root(root), path) for path in checked)

    async def processes(self, questions: Sequence[ProcessQuestion]) -> Sequence[ProcessState]:
        self._check_open()
        return await judge_all(self._files, questions, self._turn)

    async def ping(self) -> float:
        self._check_open()
        began = time.perf_counter()
        await self._files.resolve(b".")
        return time.perf_counter() - began

    async def close(self) -> None:
        self._closed.set()
        await self._files.close()

    def _turn(self, priority: Priority = Priority.METADATA) -> AbstractAsyncContextManager[None]:
        return self._gate.turn(priority)

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ConnectionLost("The connection to the server was closed.")

    def _locate(self, root: str, path: str) -> bytes:
        self._check_open()
        return locate(names.encode(check_root(root)), check_path(path))

    def _poller(self, root: str) -> Poller:
        self._check_open()
        return Poller(self._files, names.encode(check_root(root)), self._turn, self._closed)

    async def _resolve(self, path: str) -> bytes:
        self._check_open()
        wanted = check_text(path)
        if wanted == "~" or wanted.startswith("~/"):
            wanted = wanted[2:]
        try:
            async with self._turn():
                real = await self._files.resolve(names.encode(wanted or "."))
                await self._files.read_stamp(real, "")
        except OSError as error:
            raise _refuse(error, path) from error
        return real

    async def _read_small(self, path: str, full: bytes, priority: Priority) -> Content | Problem:
        try:
            async with self._turn(priority), self._files.open(full) as (file, before):
                began = self._files.clock.mark()
                if before.size > SMALL_FILE:
                    return Problem(path, ProblemCode.CHANGING, "It has grown while it was read.")
                data = await file.read(before.size + 1, 0)
                after = await file.status()
        except (OSError, Refused) as error:
            return problem_of(path, error)
        stable = before.version == after.version and len(data) == after.size
        return Content(path, data, after.version, stable, self._tell_time(after.version, began))

    def _tell_time(self, version: Version, began: int) -> int:
        """Return the clock at the moment a read began, by what its end tells as well."""
        self._files.clock.note(version.mtime_ns)
        return self._files.clock.at(began)

    async def _stat(self, root: str, path: str) -> Entry | Problem:
        directory, _, name = path.rpartition("/")
        async with self._turn():
            record = await self._files.look(names.encode(root), directory, name)
        return read_stat(path, None if record is None else list(record))


async def _hash_before(file: SftpFile, offset: int) -> tuple[bytes, bytes]:
    """Return the hashes of the file's head and of the last bytes before ``offset``; see ``model.Chunk``."""
    size, reach = head_length(offset), min(TAIL, offset)
    first = await file.read(size, 0)
    last = first[offset - reach :] if size == offset else await file.read(reach, offset - reach)
    if len(first) < size or len(last) < reach:
        return b"", b""
    return hash_bytes(first), hash_bytes(last)


@contextmanager
def _believing() -> Iterator[None]:
    """Let a listing that cannot be true end as RemoteFailed."""
    try:
        yield
    except wire.Violation as violation:
        raise RemoteFailed(f"The server's SFTP cannot be believed: {violation}.") from violation


def _refuse(error: OSError, path: str) -> RunferryError:
    return refusal(name_error(error), path) or RemoteFailed(f"The server's SFTP could not read {names.escape(path)}.")
