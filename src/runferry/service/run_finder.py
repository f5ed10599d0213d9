"""Has other tools' runs recognised while a sync is at work: when names come and go, and when cards change.

It decides when to look, reads what is missing of excerpts on the server, and tells. ``ingest.found_runs`` looks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.formats.own_rules import RULES_FILE
from runferry.formats.run_format import HEAD, TAIL, Excerpt
from runferry.ingest.documents import IngestResult
from runferry.ingest.found_runs import FoundRuns
from runferry.model import Chunk, Entry, Version
from runferry.remote.base import Priority, Remote
from runferry.sync.spec import Commit

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Names are looked at again after so many times what the last look took."""

PAUSE = 0.25
"""Seconds between two looks, at least."""

LISTED_SECONDS = 0.1
"""How often it is asked whether the root has been listed."""

GLANCE_SECONDS = 15.0
"""How often it is seen whether files that are not here have grown, which the ends of others tell of."""

READS_AT_ONCE = 16
READ_TIMEOUT = 60.0


class Copy(Protocol):
    """What is asked of the session at work."""

    @property
    def listing(self) -> Mapping[str, Entry]: ...

    @property
    def is_listed(self) -> bool:
        """Say whether ``listing`` is the whole root."""
        ...

    def held_versions(self, paths: Iterable[str]) -> Mapping[str, Version]:
        """Return the versions of those files that are in the local copy."""
        ...

    async def reconsider(self, paths: Iterable[str]) -> None:
        """Have files copied that are wanted from now on."""
        ...


@dataclass(frozen=True, slots=True)
class FinderPlaces:
    """What a finder works with. ``is_smart``: excerpts of files that are not here are read on the server."""

    found: FoundRuns
    remote: Remote
    root: str
    is_smart: bool
    ingesting: asyncio.Lock
    tell: Callable[[IngestResult], None]


class RunFinder:
    """One session's. Use it from the event loop's thread."""

    def __init__(self, places: FinderPlaces, find_copy: Callable[[], Copy | None]) -> None:
        self._places = places
        self._find_copy = find_copy
        self._found = places.found
        self._names: frozenset[str] = frozenset()
        self._has_names = True
        self._is_first = True
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._took = 0.0

    def note(self, commit: Commit) -> None:
        """Take in what a commit of the sync has made true."""
        self._has_names |= bool(commit.gone) or not self._names.issuperset(commit.listed | commit.changed)
        self._has_names |= RULES_FILE in commit.changed
        self._changed |= commit.changed
        if self._has_names or self._changed:
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; nothing is looked at before the root has been listed."""
        while True:
            copy = self._find_copy()
            is_listed = copy is not None and copy.is_listed
            if copy is not None and is_listed:
                await self._try_to_look(copy)
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_SECONDS if is_listed else LISTED_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def _try_to_look(self, copy: Copy) -> None:
        has_names, is_first, changed = self._has_names, self._is_first, set(self._changed)
        try:
            await self._look(copy)
        except RunferryError as error:
            log.warning("the runs below %s cannot be told: %s", self._places.root, error)
            self._has_names |= has_names
            self._is_first |= is_first
            self._changed |= changed

    async def _look(self, copy: Copy) -> None:
        changed, self._changed = self._changed, set()
        affected: set[str] = set()
        if self._has_names:
            self._has_names = False
            affected = await self._survey(copy)
        if self._is_first:
            self._is_first = False
            affected = set(self._found.plans)
        affected |= self._found.runs_with(changed)
        await self._read_cards(copy, affected)
        if self._places.is_smart:
            await self._read_ends(copy)

    async def _survey(self, copy: Copy) -> set[str]:
        """Recognise; return the runs that are new, or have other files than before."""
        await asyncio.sleep(max(0.0, PATIENCE * self._took))
        before = dict(self._found.plans)
        entries = dict(copy.listing)
        self._names = frozenset(entries)
        began = time.perf_counter()
        async with self._places.ingesting:
            result = await in_thread(self._found.survey, entries)
        self._took = time.perf_counter() - began
        plans = self._found.plans
        new = {path for path, plan in plans.items() if before.get(path) != plan}
        self._places.tell(IngestResult(result.changed, result.removed, result.sources))
        wanted = [path for run in new for path in plans[run].documents]
        if self._places.is_smart and wanted:
            await copy.reconsider(wanted)
        return new

    async def _read_cards(
        self, copy: Copy, runs: Collection[str], fetched: Mapping[str, tuple[Excerpt, Version]] | None = None
    ) -> None:
        if not runs:
            return
        excerpts = [path for run in runs if run in self._found.plans for path in self._found.plans[run].excerpts]
        held = copy.held_versions(excerpts)
        async with self._places.ingesting:
            keys = await in_thread(self._found.read_cards, runs, fetched or {}, held)
        self._places.tell(IngestResult(tuple(keys)))

    async def _read_ends(self, copy: Copy) -> None:
        """Read the ends of files that are not here, a few at a time, and the cards they tell of."""
        outdated = self._found.outdated(copy.listing)
        held = copy.held_versions(outdated)
        paths = [path for path in outdated if path not in held]
        for start in range(0, len(paths), READS_AT_ONCE):
            some = paths[start : start + READS_AT_ONCE]
            read = await asyncio.gather(*(self._read_excerpt(path, outdated[path]) for path in some))
            fetched = {path: (one, outdated[path]) for path, one in zip(some, read, strict=True) if one is not None}
            await self._read_cards(copy, self._found.runs_with(fetched), fetched)

    async def _read_excerpt(self, path: str, version: Version) -> Excerpt | None:
        """Return the ends of a file on the server, or None where they cannot be had now."""
        remote, root = self._places.remote, self._places.root
        tail_at = max(HEAD, version.size - TAIL)
        has_tail = version.size > HEAD and not self._found.has_head_only(path)
        ranges = [(0, min(HEAD, version.size))] + [(tail_at, version.size - tail_at)] * has_tail
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                chunks = [
                    await remote.read(root, path, offset=offset, length=length, priority=Priority.METADATA)
                    for offset, length in ranges
                    if length
                ]
        except (RunferryError, TimeoutError) as error:
            log.info("the ends of %s could not be read: %s", path, str(error) or "no answer in time")
            return None
        parts = [chunk.data for chunk in chunks if isinstance(chunk, Chunk)]
        if len(parts) < len(chunks):
            return None
        return Excerpt(parts[0] if parts else b"", parts[1] if len(parts) > 1 else b"", version.size)
