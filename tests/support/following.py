"""Follows a root as a sync would: keeps what the changes add up to, so that a test can wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from runferry.model import Change, Entry, Problem
from runferry.remote.base import Remote
from tests.support.waiting import eventually


class Following:
    """``entries`` and ``problems`` as told so far; ``told`` counts how often each path was told as changed."""

    def __init__(self, remote: Remote, root: Path | str, *, interval: float = 1.0) -> None:
        self._remote = remote
        self._root = str(root)
        self._interval = interval
        self.entries: dict[str, Entry] = {}
        self.problems: dict[str, Problem] = {}
        self.changes: list[Change] = []
        self.told: dict[str, int] = {}
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Following:
        self.task = asyncio.create_task(self._follow())
        await self.until(lambda: any(change.complete for change in self.changes), what="the whole tree is told")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, condition: Callable[[], bool], *, within: float = 20.0, what: str = "") -> None:
        """Wait for a condition on what was told; fail at once where following ended with an error."""

        def look() -> bool:
            if self.task is not None and self.task.done():
                self.task.result()
            return condition()

        await eventually(look, within=within, every=0.005, what=what)

    async def ended(self) -> BaseException | None:
        """Wait until following ends by itself and return its exception."""
        assert self.task is not None
        await asyncio.wait([self.task], timeout=20.0)
        assert self.task.done(), "it goes on"
        return self.task.exception()

    def size(self, path: str) -> int:
        """Return the size last told, -1 where there is no such entry."""
        return self.entries[path].size if path in self.entries else -1

    def told_of(self, path: str) -> int:
        return self.told.get(path, 0)

    async def _follow(self) -> None:
        changes = self._remote.follow(self._root, interval=self._interval)
        try:
            async for change in changes:
                self._apply(change)
        finally:
            await changes.aclose()

    def _apply(self, change: Change) -> None:
        if change.complete:
            self.entries, self.problems = {}, {}
        for path in change.removed:
            self.entries.pop(path, None)
            self.problems.pop(path, None)
        for entry in change.upserts:
            self.entries[entry.path] = entry
            self.problems.pop(entry.path, None)
            self.told[entry.path] = self.told.get(entry.path, 0) + 1
        self.problems.update({problem.path: problem for problem in change.problems})
        self.changes.append(change)
