"""Has other tools' runs recognised while a sync is at work: when names come and go, and when cards change.

It decides when to look, reads what is missing of excerpts on the server, and tells. ``ingest.found_runs`` looks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
from runferry.service.paces import Paces
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

RETRY_SECONDS = 0.5
"""What was not got at a look is tried again after so long, then after twice that, up to a glance's time."""

LACKING_SECONDS = 2.0
"""How long a card waits for documents that are not here, at first; then for twice that, up to a glance's time."""

READS_AT_ONCE = 16
READ_TIMEOUT = 60.0

KEPT = 64
"""Ends, of runs that lie in several files, that are kept for when another of the files has grown (192 KiB each)."""


class Copy(Protocol):
    """What is asked of the session at work."""

    @property
    def listing(self) -> Mapping[str, Entry]: ...

    @property
    def is_listed(self) -> bool:
        """Say whether ``listing`` is the whole root."""
        ...

    def held_versions(self, paths: Iterable[str]) -> Mapping[str, Version]:
        """Return the versions of those files that are in the local copy, and kept in step."""
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
        self._changed: set[str] = set()
        self._due: set[str] = set()  # runs whose cards are to be read; they stay so until that has worked
        self._wake = asyncio.Event()
        self._survey_at = 0.0
        self._failures = 0
        self._paces = Paces(time.monotonic, shortest=RETRY_SECONDS, longest=GLANCE_SECONDS)
        self._lacking = Paces(time.monotonic, shortest=LACKING_SECONDS, longest=GLANCE_SECONDS)
        self._reading = asyncio.Semaphore(READS_AT_ONCE)
        self._kept: dict[str, tuple[Excerpt, Version]] = {}

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
            if copy is not None and copy.is_listed:
                rest = await self._try_to_look(copy)
            else:
                rest = LISTED_SECONDS
                self._paces.clear()  # a new link gives at once what the old one did not
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake.wait()
            self._wake.clear()

    async def _try_to_look(self, copy: Copy) -> float:
        """Look; return how many seconds it may be until the next look, if nothing changes."""
        try:
            rest = await self._look(copy)
            if self._places.is_smart:
                rest = min(rest, await self._read_ends(copy))
        except RunferryError as error:
            log.warning("the runs below %s cannot be told: %s", self._places.root, error)
            self._failures += 1
            return min(RETRY_SECONDS * (1 << min(self._failures - 1, 10)), GLANCE_SECONDS)
        self._failures = 0
        if self._has_names:
            rest = min(rest, max(0.0, self._survey_at - time.monotonic()))
        return rest

    async def _look(self, copy: Copy) -> float:
        """Recognise and read what is due; return in how many seconds something is that could wait.

        A run that lacks documents, which may be on their way, waits for them a while: a card is not read from thirty
        files for each of them that lands.
        """
        if self._has_names and time.monotonic() >= self._survey_at:
            await self._survey(copy)
        changed, self._changed = self._changed, set()
        self._due |= self._found.runs_with(changed)
        lacking = self._find_lacking(copy)
        waiting = {run: wait for run in lacking if (wait := self._lacking.wait(run)) > 0}
        due = self._due - waiting.keys()
        self._lacking.note(lacking - waiting.keys())
        await self._read_cards(copy, due)
        self._due -= due
        return min(waiting.values(), default=GLANCE_SECONDS)

    def _find_lacking(self, copy: Copy) -> set[str]:
        """Return which of the due runs have documents that are not here."""
        plans = [self._found.plans[run] for run in self._due if run in self._found.plans]
        held = copy.held_versions(path for plan in plans for path in plan.documents)
        return {plan.path for plan in plans if not all(path in held for path in plan.documents)}

    async def _survey(self, copy: Copy) -> None:
        """Recognise; the runs that are new, or have other files than before, are due."""
        entries = dict(copy.listing)
        self._names, self._has_names = frozenset(entries), False
        began = time.monotonic()
        try:
            async with self._places.ingesting:
                result = await in_thread(self._found.survey, entries)
        except BaseException:
            self._has_names = True
            raise
        ended = time.monotonic()
        self._survey_at = ended + PATIENCE * (ended - began)
        self._due.update(result.fresh)
        self._lacking.note(result.fresh)
        here = copy.held_versions(result.sources)  # nothing is to be read of the others
        self._places.tell(IngestResult(result.changed, result.removed, tuple(here)))
        plans = self._found.plans
        wanted = [path for run in result.fresh for path in plans[run].documents]
        if self._places.is_smart and wanted:
            await copy.reconsider(wanted)

    async def _read_cards(
        self, copy: Copy, runs: Collection[str], fetched: Mapping[str, tuple[Excerpt, Version]] | None = None
    ) -> None:
        plans = [self._found.plans[run] for run in runs if run in self._found.plans]
        if not plans:
            return
        held = copy.held_versions(path for plan in plans for path in (*plan.documents, *plan.excerpts))
        async with self._places.ingesting:
            keys = await in_thread(self._found.read_cards, runs, fetched or {}, held)
        self._places.tell(IngestResult(tuple(keys)))

    async def _read_ends(self, copy: Copy) -> float:
        """Read the ends of files that are not here, a few at a time, and the cards they tell of.

        A run is not asked for too often, whether that fails or it goes on. Returns in how many seconds one may be.
        """
        held = copy.held_versions(self._found.beside_ends)
        outdated = self._found.outdated(copy.listing, held)
        missing = {
            run: lacking
            for run, versions in outdated.items()
            if (lacking := {path: version for path, version in versions.items() if path not in held})
        }
        waiting = {run for run in missing if self._paces.wait(run) > 0}
        for some in gather_runs({run: one for run, one in missing.items() if run not in waiting}):
            self._paces.note(some)
            fetched = await self._fetch_ends(some)
            waiting |= {run for run, versions in some.items() if not fetched.keys() >= versions.keys()}
            await self._read_cards(copy, some, fetched)
        return min((self._paces.wait(run) for run in waiting), default=GLANCE_SECONDS)

    async def _fetch_ends(self, some: Mapping[str, Mapping[str, Version]]) -> dict[str, tuple[Excerpt, Version]]:
        """Return the ends of some runs' files as far as they can be had now."""
        wanted = {path: version for versions in some.values() for path, version in versions.items()}
        fetched = {path: one for path, one in self._kept.items() if wanted.get(path) == one[1]}
        missing = [path for path in wanted if path not in fetched]
        read = await asyncio.gather(*(self._read_excerpt(path, wanted[path]) for path in missing))
        fetched |= {path: (one, wanted[path]) for path, one in zip(missing, read, strict=True) if one is not None}
        several = {path for versions in some.values() if len(versions) > 1 for path in versions}
        self._kept = {path: one for path, one in self._kept.items() if path not in wanted}
        self._kept |= {path: one for path, one in fetched.items() if path in several}
        self._kept = dict(list(self._kept.items())[-KEPT:])
        return fetched

    async def _read_excerpt(self, path: str, version: Version) -> Excerpt | None:
        """Return the ends of a file on the server, or None where they cannot be had now."""
        remote, root = self._places.remote, self._places.root
        tail_at = max(HEAD, version.size - TAIL)
        has_tail = version.size > HEAD and not self._found.has_head_only(path)
        ranges = [(0, min(HEAD, version.size))] + [(tail_at, version.size - tail_at)] * has_tail
        try:
            async with self._reading, asyncio.timeout(READ_TIMEOUT):
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


def gather_runs(missing: Mapping[str, Mapping[str, Version]]) -> Iterator[dict[str, Mapping[str, Version]]]:
    """Yield the runs a few at a time: of about so many files as are read at once, and each with all of its own."""
    some: dict[str, Mapping[str, Version]] = {}
    for run, versions in missing.items():
        some[run] = versions
        if sum(map(len, some.values())) >= READS_AT_ONCE:
            yield some
            some = {}
    if some:
        yield some
