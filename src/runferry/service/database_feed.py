"""Keeps runs that lie in databases up to date while a sync is at work: says when a snapshot is due, and tells.

``snapshots`` takes them, ``ingest.databases`` reads them. A database costs the server and the link no more than a
twentieth of the time: it is looked at again when it has changed, and after ``SPACING`` times what the last time took.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.formats.listing import Listing
from runferry.ingest.databases import DatabaseIngest, DatabaseNews, find_databases
from runferry.ingest.documents import IngestResult
from runferry.model import Entry, Kind, Problem, ProblemCode, Version
from runferry.remote.base import Remote
from runferry.service.run_finder import Copy
from runferry.service.snapshots import Snapshots
from runferry.sync.spec import Commit

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is seen whether databases have changed: from the listing, which costs nothing."""

SHORTEST, SPACING, LONGEST = 2.0, 20.0, 600.0
"""Seconds between two snapshots of one database, at least; times what the last took; and at most."""

SMART_LIMIT = 64 * 1024 * 1024
"""Bytes of the largest database that a smart sync reads."""


@dataclass(frozen=True, slots=True)
class FeedPlaces:
    """What a feed works with. ``folder`` is for its snapshots alone: what is in it is removed at both ends.

    Databases of no other ``formats`` are read; None: of all.
    """

    ingest: DatabaseIngest
    remote: Remote
    root: str
    folder: Path
    is_smart: bool
    ingesting: asyncio.Lock
    tell: Callable[[IngestResult], None]
    tell_points: Callable[[DatabaseNews], None]
    formats: frozenset[str] | None = None


@dataclass(slots=True)
class _State:
    """What is known of one database: the version that was read last, and when it may be read again."""

    format: str
    seen: tuple[Version | None, Version | None] | None = None
    due: float = 0.0
    failures: int = 0


class DatabaseFeed:
    """One sync's. Use it from the event loop's thread."""

    def __init__(self, places: FeedPlaces, find_copy: Callable[[], Copy | None]) -> None:
        self._places = places
        self._find_copy = find_copy
        self._snapshots = Snapshots(places.remote, places.root, places.folder)
        self._listing = Listing(())
        self._states: dict[str, _State] = {}
        self._has_names = True
        self._is_empty = False  # there is none, and no run of one is left
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        """Return which databases cannot be shown, or not as they are now, and why."""
        return list(self._problems.values())

    def note(self, commit: Commit) -> None:
        """Take in what a commit of the sync has made true."""
        self._has_names |= bool(commit.gone or commit.listed or commit.changed)

    async def run(self) -> None:
        """Work until cancelled; nothing is looked at before the root has been listed."""
        await self._snapshots.clear()
        try:
            while True:
                copy = self._find_copy()
                if copy is not None and copy.is_listed:
                    await self._try_to_look(copy)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._snapshots.clear()

    async def _try_to_look(self, copy: Copy) -> None:
        has_names = self._has_names
        try:
            if has_names:
                self._has_names = False
                await self._survey(copy.listing)
            for path, state in list(self._states.items()):
                await self._look_at(path, state, copy.listing)
        except RunferryError as error:
            log.info("the databases below %s cannot be read now: %s", self._places.root, error)
            self._has_names |= has_names

    async def _survey(self, entries: Mapping[str, Entry]) -> None:
        """Recognise databases, and let runs go whose database is no more."""
        has_any = any(path.endswith(".db") for path in entries)
        if not has_any and self._is_empty:
            return
        paths = [path for path, entry in entries.items() if entry.kind is Kind.FILE] if has_any else []
        self._listing = await in_thread(Listing, paths)
        chosen = self._places.formats
        found = {path: name for path, name in find_databases(self._listing).items() if not chosen or name in chosen}
        self._states = {path: self._states.get(path) or _State(name) for path, name in found.items()}
        self._problems = {path: problem for path, problem in self._problems.items() if path in found}
        async with self._places.ingesting:
            removed = await in_thread(self._places.ingest.keep, found)
        self._is_empty = not has_any
        self._places.tell(IngestResult((), tuple(removed)))

    async def _look_at(self, path: str, state: _State, entries: Mapping[str, Entry]) -> None:
        now = time.monotonic()
        database, wal = entries.get(path), entries.get(f"{path}-wal")
        versions = (database.version if database else None, wal.version if wal else None)
        if database is None or versions == state.seen or now < state.due:
            return
        if self._places.is_smart and database.size + (wal.size if wal else 0) > SMART_LIMIT:
            text = "The database is larger than 64 MiB: its runs are read in mirror mode only."
            self._problems[path] = Problem(path, ProblemCode.TOO_LARGE, text)
            state.seen = versions
            return
        problem: Problem | None = Problem(path, ProblemCode.CHANGING, "The server could not be asked.")
        try:
            problem = await self._read(path, state.format)
        finally:
            took = time.monotonic() - now
            state.failures = state.failures + 1 if problem else 0
            state.due = time.monotonic() + min(LONGEST, max(SHORTEST * 2**state.failures, SPACING * took))
        if problem is None:
            state.seen = versions
            self._problems.pop(path, None)
        else:
            self._problems[path] = problem

    async def _read(self, path: str, name: str) -> Problem | None:
        snapshot = await self._snapshots.take(path)
        if isinstance(snapshot, Problem):
            return snapshot
        async with self._places.ingesting:
            news = await in_thread(self._places.ingest.absorb, path, snapshot, name, self._listing)
        if news.problem is not None:
            self._snapshots.forget(path)
            return Problem(path, ProblemCode.IO, news.problem)
        self._places.tell(IngestResult(tuple(news.changed), tuple(news.removed)))
        self._places.tell_points(news)
        return None
