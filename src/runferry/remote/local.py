"""A ``Remote`` for a directory of this machine: the agent's own functions, in threads. Nothing is sent anywhere."""

from __future__ import annotations

import asyncio
import os
import platform
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from runferry.agent import browse, mounts, names, process, read, scan
from runferry.agent.report import Part, Report, report_tree
from runferry.agent.watch import Follower
from runferry.blocking import in_thread
from runferry.errors import ConnectionLost, RemoteFailed, RunferryError
from runferry.model import (
    Change,
    Chunk,
    Content,
    Digest,
    Entry,
    Liveness,
    Problem,
    ProcessQuestion,
    ProcessState,
    ServerInfo,
    Snapshot,
    Version,
)
from runferry.remote.base import BrowseEntry, Priority
from runferry.remote.parts import KINDS, Assembly, is_empty, to_snapshot
from runferry.remote.paths import check_path, check_range, check_root, check_text, problem_of, refusal
from runferry.remote.replies import read_stat

_BATCH = 64

T = TypeVar("T")


class LocalRemote:
    """See ``base``. ``watch_budget``: the most directories a follow watches, None for the default."""

    def __init__(self, *, watch_budget: int | None = None) -> None:
        self._watch_budget = watch_budget
        self._is_closed = False
        self._streams: set[_Stream] = set()
        system = os.uname()
        home = browse.resolve("")
        self._info = ServerInfo(
            transport="local",
            reason="The directory lies on this machine.",
            hostname=system.nodename,
            os=f"{system.sysname} {system.release}",
            python=platform.python_version(),
            home=names.escape(names.decode(home)),
            boot_id=(process.read_text("/proc/sys/kernel/random/boot_id") or "").strip(),
            filesystem=mounts.find_type(home),
            inotify_watches=mounts.read_limit("max_user_watches"),
        )

    @property
    def info(self) -> ServerInfo:
        return self._info

    async def resolve(self, path: str, *, follow_every: float | None = None) -> str:
        return names.decode(await self._do(path, browse.resolve, check_text(path)))

    async def list_directory(self, path: str, *, depth: int = 1) -> Sequence[BrowseEntry]:
        return await self._do(path, _browse, check_text(path), depth)

    async def scan(self, root: str) -> Snapshot:
        return to_snapshot(await self._do(root, _scan, names.encode(check_root(root))))

    async def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change, None]:
        self._check_open()
        stream = _Stream(names.encode(check_root(root)), interval, self._watch_budget)
        self._streams.add(stream)
        try:
            async for change in stream.changes():
                yield change
        except OSError as error:
            raise _refuse(error, root) from error
        finally:
            self._streams.discard(stream)
            await stream.stop()

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        full = self._locate(root, path)
        check_range(offset, length)
        clock = time.time_ns()
        found = await self._try(path, read.read_range, full, offset, length, check)
        if isinstance(found, Problem):
            return found
        data, version, stable, head, tail = found
        return Chunk(data, Version(*version), stable, clock, head, tail)

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncGenerator[Sequence[Content | Problem], None]:
        full = [(path, self._locate(root, path)) for path in paths]
        for start in range(0, len(full), _BATCH):
            yield await in_thread(_read_batch, full[start : start + _BATCH])

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        full = self._locate(root, path)
        found = await self._try(path, read.digest_start, full, length, lambda: not self._is_closed)
        if isinstance(found, Problem):
            return found
        done, digest, version = found
        return Digest(done, digest, Version(*version))

    async def stat(self, root: str, paths: Sequence[str]) -> Sequence[Entry | Problem]:
        self._check_open()
        checked = [check_path(path) for path in paths]
        return await in_thread(_stat, names.encode(check_root(root)), checked)

    async def processes(self, questions: Sequence[ProcessQuestion]) -> Sequence[ProcessState]:
        self._check_open()
        rows = [(question.pid, question.hostname, question.started_before) for question in questions]
        answers = await in_thread(process.check, rows)
        return [ProcessState(pid, Liveness(liveness), evidence) for pid, liveness, evidence in answers]

    async def ping(self) -> float:
        self._check_open()
        return 0.0

    async def close(self) -> None:
        self._is_closed = True
        for stream in tuple(self._streams):
            stream.end(ConnectionLost("The connection was closed."))

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConnectionLost("The connection was closed.")

    def _locate(self, root: str, path: str) -> bytes:
        self._check_open()
        return scan.locate(names.encode(check_root(root)), check_path(path))

    async def _do(self, path: str, call: Callable[..., T], *arguments: object) -> T:
        """Make a call about a root or a directory browsed."""
        self._check_open()
        try:
            return await in_thread(call, *arguments)
        except OSError as error:
            raise _refuse(error, path) from error

    async def _try(self, path: str, call: Callable[..., T], *arguments: object) -> T | Problem:
        """Make a call about one file."""
        try:
            return await in_thread(call, *arguments)
        except (OSError, read.Refused) as error:
            return problem_of(path, error)


class _Stream:
    """A follower in a thread of its own (it lives as long as the follow: a pool's threads are for short work)."""

    def __init__(self, root: bytes, interval: float, budget: int | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._parts: asyncio.Queue[Part | Exception] = asyncio.Queue()
        self._follower = Follower(root, interval, budget, lambda part: self.end(part))
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)
        self._thread.start()

    async def changes(self) -> AsyncGenerator[Change, None]:
        """Yield changes; raise what the follower or ``end`` gave."""
        assembly = Assembly()
        while True:
            part = await self._parts.get()
            if isinstance(part, Exception):
                raise part
            change = assembly.add(part)
            if change is not None and not is_empty(change):
                yield change

    def end(self, item: Part | Exception) -> None:
        """Put a part, or the exception that ends the stream, from any thread."""
        self._loop.call_soon_threadsafe(self._parts.put_nowait, item)

    async def stop(self) -> None:
        self._follower.stop()
        await in_thread(self._thread.join)

    def _run(self) -> None:
        try:
            self._follower.run()
        except OSError as error:
            self.end(error)


def _browse(path: str, depth: int) -> list[BrowseEntry]:
    root = browse.resolve(path)
    return [_entry(root, row, depth) for row in browse.list_rows(root)]


def _entry(directory: bytes, row: browse.Row, depth: int) -> BrowseEntry:
    name, kind, size, mtime, is_link = row
    path = scan.locate(directory, name)
    children = None
    if depth > 1 and kind == scan.DIR:
        try:
            children = tuple(_entry(path, below, 1) for below in browse.list_rows(path))
        except OSError:
            children = None
    return BrowseEntry(name, names.escape(names.decode(path)), KINDS[kind], size, mtime, is_link, children)


def _scan(root: bytes) -> Change:
    assembly = Assembly()
    changes: list[Change] = []

    def collect(part: Part) -> None:
        change = assembly.add(part)
        if change is not None:
            changes.append(change)

    report_tree(root, Report(collect))
    return changes[0]


def _read_batch(paths: Sequence[tuple[str, bytes]]) -> list[Content | Problem]:
    answers: list[Content | Problem] = []
    clock = time.time_ns()
    for path, full in paths:
        try:
            data, version, stable = read.read_small(full)
        except (OSError, read.Refused) as error:
            answers.append(problem_of(path, error))
        else:
            answers.append(Content(path, data, Version(*version), stable, clock))
    return answers


def _stat(root: bytes, paths: Sequence[str]) -> list[Entry | Problem]:
    answers = []
    for path in paths:
        directory, _, name = path.rpartition("/")
        record = scan.look(scan.locate(root, directory), name, names.depth(directory))
        answers.append(read_stat(path, None if record is None else list(record)))
    return answers


def _refuse(error: OSError, path: str) -> RunferryError:
    return refusal(scan.name_error(error), path) or RemoteFailed(f"{names.escape(path)} cannot be read.")
