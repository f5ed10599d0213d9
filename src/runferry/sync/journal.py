"""What has landed but is not yet in the database: collected, written in few transactions, and told on.

The order is always: bytes on disk, then the record, then the owner's ``on_commit``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from runferry.blocking import in_thread
from runferry.model import Entry
from runferry.store.sync_state import FileRecord, SyncState
from runferry.sync.spec import Commit

GATHER = 0.1
"""Seconds within which landings share a transaction while more are coming (tune)."""


GATHER_STEPS = 10
"""How often, within GATHER, it is asked whether more is coming at all."""

REST = 0.02
"""Seconds between two transactions at least, so that a hundred growing files do not mean a hundred a second each."""


class Journal:
    """The records of a session, in memory as they are now and in the database a moment later."""

    def __init__(
        self,
        state: SyncState,
        listing: Mapping[str, Entry],
        on_commit: Callable[[Commit], Awaitable[None]],
    ) -> None:
        self._state = state
        self._listing = listing
        self._on_commit = on_commit
        self._wake = asyncio.Event()
        self._is_writing = False
        self._dirty: dict[str, FileRecord] = {}
        self._forgotten: set[str] = set()
        self._changed: set[str] = set()
        self._gone: set[str] = set()
        self._listed: set[str] = set()
        self.records: dict[str, FileRecord] = {}
        self.begun = self.told = 0  # rounds of writing and telling

    @property
    def is_clean(self) -> bool:
        """Say whether everything is written and told on."""
        return not self._is_writing and not self._wake.is_set()

    def ticket(self, path: str) -> int:
        """Return the value of ``told`` from which on everything put of ``path`` until now is written and told on."""
        return self.begun + (path in self._dirty)

    def put(self, record: FileRecord, *, is_changed: bool = False) -> None:
        """Set a record; ``is_changed`` says that the local bytes are new.

        So they are to whoever reads them where the server had the file no more, though they may be the same as before.
        """
        path = record.entry.path
        if not is_changed and record.held is not None and record.gone_at is None:
            before = self.records.get(path)
            is_changed = before is not None and before.gone_at is not None
        self.records[path] = record
        self._dirty[path] = record
        self._forgotten.discard(path)
        (self._changed if is_changed else self._listed).add(path)
        self._gone.discard(path)
        self._wake.set()

    def lose(self, path: str, at: float) -> None:
        """Mark a path as gone from the server: kept while we hold something of it, forgotten otherwise."""
        record = self.records.get(path)
        if record is None:
            return
        if record.held is None:
            self.forget(path)
        elif record.gone_at is None:
            record = FileRecord(record.entry, record.held, at)
            self.records[path] = self._dirty[path] = record
        self._gone.add(path)
        self._wake.set()

    def forget(self, path: str) -> None:
        """Drop a path altogether."""
        self.records.pop(path, None)
        self._dirty.pop(path, None)
        self._forgotten.add(path)
        self._gone.add(path)
        self._wake.set()

    async def run(self, is_busy: Callable[[], bool], on_clean: Callable[[], Awaitable[None]]) -> None:
        """Write for ever. While ``is_busy``, landings are gathered for a moment first."""
        while True:
            await self._wake.wait()
            for _ in range(GATHER_STEPS):
                if not is_busy():
                    break
                await asyncio.sleep(GATHER / GATHER_STEPS)
            await self.flush()
            await on_clean()
            await asyncio.sleep(REST)

    async def flush(self) -> None:
        """Write what is waiting, and tell the owner."""
        if not self._wake.is_set():
            return
        self._is_writing = True
        self.begun += 1
        self._wake.clear()
        records, forgotten = list(self._dirty.values()), list(self._forgotten)
        commit = Commit(frozenset(self._changed), frozenset(self._gone), frozenset(self._listed), self._listing)
        self._start_over()
        try:
            await in_thread(self._state.commit, records, forgotten)
            await self._on_commit(commit)
            self.told = self.begun
        except BaseException:
            self._take_back(records, forgotten, commit)
            raise
        finally:
            self._is_writing = False

    def _take_back(self, records: list[FileRecord], forgotten: list[str], commit: Commit) -> None:
        """Put an unwritten commit in front of what has come since: nothing that landed is forgotten."""
        self._dirty = {record.entry.path: record for record in records} | self._dirty
        self._forgotten |= {path for path in forgotten if path not in self.records}
        self._changed |= commit.changed
        self._gone |= commit.gone
        self._listed |= commit.listed
        self._wake.set()

    def _start_over(self) -> None:
        self._dirty, self._forgotten = {}, set()
        self._changed, self._gone, self._listed = set(), set(), set()
