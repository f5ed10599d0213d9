"""Keeps the attended files of a session up to date: looks at them on the server about once a second, and at no other.

It belongs to one session, moves no bytes itself, and asks the server nothing while nobody attends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.model import NO_IDENTITY, Change, Entry, Kind, Problem, ProblemCode
from runferry.remote.base import Remote
from runferry.store.sync_state import FileRecord, Held
from runferry.sync.attention import Attention
from runferry.sync.copy import Copy, size_of_work
from runferry.sync.journal import Journal
from runferry.sync.plan import Step, decide

LOOK_SECONDS = 1.0
"""How often an attended file is looked at; what is found by then is at most this old."""

LOOK_TIMEOUT = 30.0

EVICT_PATIENCE = 2.0
"""Seconds that an eviction waits for files in hand: mostly for the re-reading of one that has just landed."""


class Attendant:
    """What one session does about ``attention``."""

    def __init__(self, attention: Attention, remote: Remote, root: str, copy: Copy, journal: Journal) -> None:
        self._attention = attention
        self._remote = remote
        self._root = root
        self._copy = copy
        self._backlog = copy.backlog
        self._journal = journal

    async def run(
        self, is_ready: Callable[[], bool], clock_ns: Callable[[], int], absorb: Callable[[Change], Awaitable[None]]
    ) -> None:
        """Work for ever. Before ``is_ready`` (the root is listed) nothing is asked.

        ``absorb`` takes in a change as if the server had told it; ``clock_ns`` estimates the server's clock.
        """
        while True:
            paths = self._attention.paths if is_ready() else []
            if is_ready():
                self._copy.let_go(self._attention.take_dropped())
            due = [path for path in paths if self._is_due(path) and self._can_ask(path)]
            if due:
                await self._look(due, clock_ns, absorb)
            await self._attention.wait_for_work(LOOK_SECONDS / 4 if paths else None)

    # Answers for those who wait

    def entry(self, path: str) -> Entry | None:
        """Return the file as last listed or looked at."""
        return self._copy.listing.get(path)

    def was_there(self, path: str) -> bool:
        return self._copy.was_there(path)

    def held(self, path: str) -> Held | None:
        return self._copy.held(path)

    def record(self, path: str) -> FileRecord | None:
        """Return the record as it is now, which may not be written yet."""
        return self._journal.records.get(path)

    def rest(self, path: str) -> tuple[int, bool] | None:
        """Return what stays the same while the local file is not replaced; None while it may be at any moment.

        Between two equal answers the file on the disk is what the record says, or has grown behind that.
        """
        held, arrival = self._copy.held(path), self._attention.arrivals.get(path)
        if self._backlog.in_hand(path) not in {None, Step.GROW} and arrival is None:
            return None
        return held.generation if held is not None else -1, arrival is not None

    def trouble(self, path: str) -> Problem | None:
        """Return why the file is not here, where something is in its way."""
        return self._attention.troubles.get(path) or self._copy.find_problem(path)

    def is_busy(self, path: str) -> bool:
        return self._copy.is_busy(path)

    def ticket(self, path: str) -> int:
        """Return a number that ``told`` reaches once all that has landed of ``path`` is written and told on."""
        return self._journal.ticket(path)

    @property
    def told(self) -> int:
        return self._journal.told

    async def evict(
        self, paths: Collection[str], discard: Callable[[Sequence[str]], None], *, is_forced: bool = False
    ) -> list[str]:
        """Let go of the local bytes of files that nobody attends to; returns those that are no longer here.

        ``discard`` removes the bytes; it blocks. What is gone from the server stays: this is its last copy; with
        ``is_forced`` it goes as well. What a worker does not give back within EVICT_PATIENCE stays in any case.
        The record goes first: after a crash in between a file may be left over, never a record without its file.
        """
        self._attention.block(paths)
        claimed: list[str] = []
        try:
            async for path in self._claim(paths, is_forced):
                claimed.append(path)
                self._give_up(path)
            while not self._journal.is_clean:
                await self._journal.flush()
                await asyncio.sleep(0.01)
            await in_thread(discard, claimed)
        finally:
            for path in claimed:
                self._backlog.finish(path)
            self._attention.unblock(paths)
        return claimed

    async def _claim(self, paths: Collection[str], is_forced: bool) -> AsyncIterator[str]:
        """Take in hand what may go, each as soon as no worker has it."""
        deadline = time.monotonic() + EVICT_PATIENCE
        while paths := [path for path in paths if self._may_go(path, is_forced)]:
            busy = []
            for path in paths:
                if self._backlog.claim(path):
                    yield path
                else:
                    busy.append(path)
            if not busy or time.monotonic() >= deadline:
                return
            paths = busy
            await asyncio.sleep(0.01)

    def _may_go(self, path: str, is_forced: bool) -> bool:
        record = self._journal.records.get(path)
        is_last_copy = record is not None and record.gone_at is not None
        return record is not None and (is_forced or not (is_last_copy or self._attention.is_attended(path)))

    def _give_up(self, path: str) -> None:
        record = self._journal.records[path]
        if record.gone_at is not None:
            self._journal.forget(path)
        elif record.held is not None:
            self._journal.put(FileRecord(record.entry, None, None, record.held.generation + 1))

    # Looking

    def _is_due(self, path: str) -> bool:
        looked_at = self._attention.looked_at.get(path)
        return looked_at is None or time.monotonic() - looked_at >= LOOK_SECONDS

    def _can_ask(self, path: str) -> bool:
        """Never ask a server for what may lie behind a symbolic link: the directory must be listed as one."""
        parent = path.rpartition("/")[0]
        entry = self._copy.listing.get(parent) if parent else None
        if not parent or (entry is not None and entry.kind is Kind.DIR):
            return True
        self._note(path, Problem(path, ProblemCode.VANISHED, "gone from the server"), time.monotonic())
        self._attention.announce()
        return False

    async def _look(
        self, paths: Sequence[str], clock_ns: Callable[[], int], absorb: Callable[[Change], Awaitable[None]]
    ) -> None:
        before = {path: self._copy.listing.get(path) for path in paths}
        now = time.monotonic()
        try:
            async with asyncio.timeout(LOOK_TIMEOUT):
                answers = dict(zip(paths, await self._remote.stat(self._root, paths), strict=True))
        except TimeoutError:
            return
        fresh = {path: answer for path, answer in answers.items() if self._copy.listing.get(path) is before[path]}
        await self._admit({path: answer for path, answer in fresh.items() if isinstance(answer, Entry)})
        upserts = [
            answer
            for path, answer in fresh.items()
            if isinstance(answer, Entry) and answer != before[path] and not self._is_overtaken(answer)
        ]
        removed = [path for path, answer in fresh.items() if is_vanished(answer) and before[path] is not None]
        if upserts or removed:
            change = Change(NO_IDENTITY, tuple(upserts), tuple(removed), clock_ns=clock_ns())
            await absorb(change)
        for path, answer in answers.items():
            self._note(path, answer, now)
        self._attention.announce()

    def _is_overtaken(self, entry: Entry) -> bool:
        """Say whether what was read since is newer than this look."""
        held = self._copy.held(entry.path)
        return (
            held is not None
            and held.version.inode == entry.version.inode
            and entry.version.mtime_ns < held.version.mtime_ns
            and entry.size < held.version.size
        )

    def _note(self, path: str, answer: Entry | Problem, at: float) -> None:
        if isinstance(answer, Problem):
            self._attention.troubles[path] = answer
        else:
            self._attention.troubles.pop(path, None)
            if self._copy.listing.get(path) != answer and not self._is_overtaken(answer):
                return  # an older listing came in between: look once more, soon
        self._attention.looked_at[path] = at

    async def _admit(self, entries: Mapping[str, Entry]) -> None:
        """Ask whether there is room for what these files need, and begin with those that are new."""
        needs = {path: self._find_need(entry) for path, entry in entries.items() if entry.kind is Kind.FILE}
        asked = {path: need for path, need in needs.items() if need or not self._attention.is_admitted(path)}
        if not asked:
            return
        refused: Mapping[str, RunferryError] = {}
        if self._attention.admit is not None:
            refused = await self._attention.admit(asked)
        begun = [path for path in asked if path not in refused and not self._attention.is_admitted(path)]
        for path in asked:
            self._attention.settle(path, refused.get(path))
        self._copy.reconsider(begun)
        self._copy.let_go(refused)
        await self._backlog.announce()

    def _find_need(self, entry: Entry) -> int:
        held = self._copy.held(entry.path)
        step = decide(entry, held)
        return 0 if step in {Step.NOTHING, Step.VERIFY} else size_of_work(step, entry, held)


def is_vanished(answer: Entry | Problem) -> bool:
    return isinstance(answer, Problem) and answer.code is ProblemCode.VANISHED
