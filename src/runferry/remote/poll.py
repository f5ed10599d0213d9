"""Follows a tree from this side by listing it again and again, by tiers of last change. No notifications, no inodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from runferry.agent import names, tiers
from runferry.agent.report import Part, Report
from runferry.agent.scan import DIR, Record, explain, is_absent
from runferry.agent.tree import Folder, Tree
from runferry.errors import ConnectionLost
from runferry.model import Change
from runferry.remote.gate import run_all
from runferry.remote.least_clock import LeastClock
from runferry.remote.parts import Assembly

_SHORTEST = 0.2
_ROOT_LOOK, _COLD_LOOK, _OLD_LOOK = 5.0, 30.0, 120.0
_DAY = 86400.0
_SHARE = 10.0
"""A directory is listed so rarely that listing it takes a tenth of the time at most."""

Records = dict[str, Record]
Turn = Callable[[], AbstractAsyncContextManager[None]]


class Source(Protocol):
    """What is polled. A directory's trouble is an OSError; the session's own errors pass through."""

    clock: LeastClock

    async def list_records(self, root: bytes, path: str) -> Records: ...

    async def read_stamp(self, root: bytes, path: str) -> int:
        """Return when the names of a directory changed last; raise NotADirectoryError where it is none."""
        ...


class Poller:
    """Follows ``root``; ``turn`` gives a place for each call, ``closed`` ends it with ConnectionLost."""

    def __init__(self, source: Source, root: bytes, turn: Turn, closed: asyncio.Event) -> None:
        self._source = source
        self._root = root
        self._turn = turn
        self._closed = closed
        self._interval = 1.0
        self._tree = Tree()
        self._cost: dict[str, float] = {}  # seconds the last listing of a directory took
        self._assembly = Assembly()
        self._changes: list[Change] = []

    async def scan(self) -> Change:
        """Return the whole tree. Raises OSError about the root."""
        began = self._source.clock.mark()
        report = Report(self._collect)
        await self._source.read_stamp(self._root, "")
        await self._enter("", report)
        report.end((0, 0), self._source.clock.at(began), True)
        return self._changes.pop()

    async def follow(self, interval: float) -> AsyncGenerator[Change, None]:
        """Yield the whole tree, then every difference. ``interval`` in seconds. Raises OSError about the root."""
        self._interval = interval
        yield await self.scan()
        while True:
            await self._sleep(min(map(_next_due, self._tree.folders.values())) - time.monotonic())
            await self._poll()
            while self._changes:
                yield self._changes.pop(0)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(_SHORTEST, seconds)):
                await self._closed.wait()
        except TimeoutError:
            return
        raise ConnectionLost("The connection to the server was closed.")

    async def _poll(self) -> None:
        """List what is due, all at once, then compare, parents first."""
        began, now = self._source.clock.mark(), time.monotonic()
        due = {path: folder for path, folder in self._tree.folders.items() if _next_due(folder) <= now}
        found = await run_all(self._look(path, folder, now) for path, folder in due.items())
        seen = dict(zip(due, found, strict=True))
        report = Report(self._collect)
        for path in sorted(seen):
            records = seen[path]
            folder = due[path]
            if self._tree.folders.get(path) is folder and records is not None:
                await self._compare(path, folder, records, report)
        self._tree.lost.clear()
        if not report.is_empty:
            report.end((0, 0), self._source.clock.at(began), False)

    async def _look(self, path: str, folder: Folder, now: float) -> Records | OSError | None:
        """List a directory, or look at its stamp only; None: nothing to compare."""
        try:
            async with self._turn():
                if folder.full_due > now and await self._source.read_stamp(self._root, path) == folder.stamp[0]:
                    self._plan_look(path, folder)
                    return None
                return await self._list(path, folder)
        except OSError as error:
            return error

    async def _list(self, path: str, folder: Folder) -> Records:
        began = time.monotonic()
        folder.stamp = await self._source.read_stamp(self._root, path), 0
        records = await self._source.list_records(self._root, path)
        self._cost[path] = time.monotonic() - began
        return records

    async def _compare(self, path: str, folder: Folder, found: Records | OSError, report: Report) -> None:
        if isinstance(found, OSError):
            self._fail(path, folder, found, report)
            return
        if folder.failed is not None:
            folder.failed = None
            if path:
                above = self._tree.folders[names.parent(path)]
                name = path.rpartition("/")[2]
                report.upsert(names.parent(path), name, above.names[name])
        entered: list[str] = []
        for name in [*(name for name in folder.names if name not in found), *found]:
            known = folder.names.get(name)
            told = self._tree.settle(path, name, found.get(name), report)
            if known != found.get(name):
                folder.changed = time.time()
            if told == "enter":
                entered.append(names.join(path, name))
        self._plan(path, folder)
        await run_all(self._enter(child, report) for child in entered)

    async def _enter(self, path: str, report: Report) -> None:
        """Start keeping a directory and all below it."""
        folder = self._tree.add(path, False)
        try:
            async with self._turn():
                found = await self._list(path, folder)
        except OSError as error:
            self._fail(path, folder, error, report)
            return
        for name, record in found.items():
            self._tree.settle(path, name, record, report)
        youngest = max((record[2] for record in found.values()), default=0) / 1e9
        folder.changed = min(time.time(), max(youngest, folder.stamp[0]))
        self._plan(path, folder)
        children = [names.join(path, name) for name, record in found.items() if record[0] == DIR]
        await run_all(self._enter(child, report) for child in children)

    def _fail(self, path: str, folder: Folder, error: OSError, report: Report) -> None:
        """Report a directory that cannot be read; what was known of it stays. One that is gone is its parent's news."""
        if not path and (is_absent(error) or isinstance(error, PermissionError)):
            raise error
        self._plan(path, folder)
        if is_absent(error):
            self._tree.folders[names.parent(path)].full_due = 0.0
            return
        problem = explain(error)
        if folder.failed != problem:
            folder.failed = problem
            report.problem(path, problem)
            report.unsure(path)

    def _plan(self, path: str, folder: Folder) -> None:
        age = time.time() - folder.changed
        period = min(1.0, self._interval) if age < tiers.HOT else tiers.full_period(age)
        folder.full_due = time.monotonic() + max(period, _SHARE * self._cost.get(path, 0.0))
        self._plan_look(path, folder)

    def _plan_look(self, path: str, folder: Folder) -> None:
        age = time.time() - folder.changed
        period = _OLD_LOOK if age > _DAY else _COLD_LOOK
        folder.quick_due = time.monotonic() + (period if path else min(period, _ROOT_LOOK))

    def _collect(self, part: Part) -> None:
        change = self._assembly.add(part)
        if change is not None:
            self._changes.append(change)


def _next_due(folder: Folder) -> float:
    return min(folder.full_due, folder.quick_due)
