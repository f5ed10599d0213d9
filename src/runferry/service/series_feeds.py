"""Keeps series in step with what syncs commit: one worker per sync reads on in the files that grew, and tells.

It never makes a sync wait: what a commit has changed is noted, and read when there is time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.ingest.series import MOST_AT_ONCE, News, SeriesIngest
from runferry.service.damage import Damage
from runferry.service.events import EventBus
from runferry.service.tasks import Tasks, end
from runferry.store.db import Database
from runferry.store.series import SeriesStore

log = logging.getLogger(__name__)

TELL_EVERY = 0.25
"""Seconds between two events about one run, at least."""

RETRY_SECONDS = 5.0
"""How long to wait after the index could not be written."""

PAUSE = 0.05
"""Seconds between two looks at what has come, so that a log of many lines a second does not mean as many commits."""

BURST_SECONDS = 2.0
"""How long many files are taken to be landing after the last word of it."""

FIRST_REST, REST = 10.0, 1.0
"""While many files land, which takes all the processor there is, reading waits so long: at first, and for each step."""

TOLD_KEYS, TOLD_RUNS = 200, 100
"""How many keys one event names, and of how many runs news is told at once; the others follow."""


class SeriesFeeds:
    """The workers of all syncs. Use it from the event loop's thread, between ``open`` of the database and ``close``."""

    def __init__(self, db: Database, events: EventBus, data_dir: Path) -> None:
        self._ingest = SeriesIngest(db)
        self._store = SeriesStore(db)
        self._events = events
        self._data_dir = data_dir
        self._damage: dict[int, Damage] = {}
        self._feeds: dict[int, Feed] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._tasks = Tasks()

    def note(
        self,
        sync_id: int,
        local_dir: str,
        paths: Collection[str],
        *,
        sources: Iterable[str] = (),
        is_bursting: bool = False,
    ) -> None:
        """Have what is new in these files read soon; while the sync ``is_bursting`` with files, without haste.

        Of ``paths``, those count whose names say that they hold series; ``sources`` are known to.
        """
        found = self._ingest.sources_among(paths)
        found += sources
        feed = self._feeds.get(sync_id)
        if found:
            feed = self._feed(sync_id, local_dir)
            feed.note(found)
        if feed is not None:
            feed.set_bursting(is_bursting)

    def note_runs(self, sync_id: int, local_dir: str) -> None:
        """Some files that waited for their run may have it now."""
        self._feed(sync_id, local_dir).note_runs()

    def damage_of(self, sync_id: int) -> Damage:
        """Return what is known of a sync's files that could not be understood; always the same object."""
        return self._damage.setdefault(sync_id, Damage())

    def look_for_damage(self, sync_id: int, local_dir: str) -> None:
        """Have the index asked again which files of a sync could not be understood: others have read some."""
        self._feed(sync_id, local_dir).look_for_damage()

    def catch_up(self, sync_id: int, local_dir: str) -> None:
        """Have everything read of a sync that is here and was not yet: after a start, or after ``request_reading``."""
        self._feed(sync_id, local_dir).catch_up()

    async def reread(self, sync_id: int, local_dir: str, *, landed_since: float | None = None) -> int:
        """Have a sync's sources read anew, those that landed since then or all; return how many."""
        count = await in_thread(self._store.request_reading, sync_id, landed_since=landed_since)
        self.catch_up(sync_id, local_dir)
        return count

    async def caught_up(self, sync_id: int, paths: Iterable[str] | None = None) -> None:
        """Return when what was noted so far of these files, or of all of the sync's, has been read."""
        feed = self._feeds.get(sync_id)
        if feed is not None:
            await feed.caught_up(None if paths is None else frozenset(paths))

    def tell_points(self, points: Mapping[int, int], keys: Mapping[int, set[str]]) -> None:
        """Tell of points that came to runs, by their rows, by another way than files."""
        if points:
            untold = {run_id: Untold(set(keys[run_id]), count) for run_id, count in points.items()}
            self._tasks.start(self._tell(untold), name="news of databases")

    async def drop(self, sync_id: int) -> None:
        """Read nothing more of a sync that is to vanish."""
        self._feeds.pop(sync_id, None)
        await end(self._running.pop(sync_id, None))

    async def close(self) -> None:
        await self._tasks.close()
        self._feeds.clear()
        self._running.clear()

    def _feed(self, sync_id: int, local_dir: str) -> Feed:
        feed = self._feeds.get(sync_id)
        if feed is None:
            feed = self._feeds[sync_id] = Feed(sync_id, self._data_dir / local_dir, self._ingest, self._tell)
            feed.damage = self.damage_of(sync_id)
        running = self._running.get(sync_id)
        if running is None or running.done():  # what ended it was logged
            self._running[sync_id] = self._tasks.start(feed.run(), name=f"series of sync {sync_id}")
        return feed

    async def _tell(self, news: Mapping[int, Untold]) -> None:
        keys = await in_thread(self._store.find_keys, list(news))
        for run_id, key in keys.items():
            untold = news[run_id]
            data = {"run": key, "keys": sorted(untold.keys)[:TOLD_KEYS], "points": untold.points}
            self._events.publish("series", data)


@dataclass(slots=True)
class Untold:
    """What has come to a run and was not told yet."""

    keys: set[str] = field(default_factory=set)
    points: int = 0


class Feed:
    """One sync's worker: a list of files to read on in, taken in turns so that a long one keeps nobody waiting."""

    def __init__(
        self, sync_id: int, root: Path, ingest: SeriesIngest, tell: Callable[[Mapping[int, Untold]], Awaitable[None]]
    ) -> None:
        self._sync_id = sync_id
        self._root = root
        self._ingest = ingest
        self._tell = tell
        self.damage = Damage()
        self._todo: dict[str, None] = {}
        self._in_hand: frozenset[str] = frozenset()
        self._waiting: set[str] = set()
        self._runs_came = 0
        self._is_behind = self._is_damage_due = False
        self._burst_began = self._burst_ends = 0.0
        self._waiters = 0
        self._hurry = asyncio.Event()
        self._wake = asyncio.Event()
        self._stepped = asyncio.Event()
        self._untold: dict[int, Untold] = {}
        self._has_untold = asyncio.Event()

    def note(self, paths: Iterable[str]) -> None:
        """Read on in these files."""
        self._todo.update(dict.fromkeys(paths))
        self._wake.set()

    def note_runs(self) -> None:
        """Look again at the files that belonged to no run."""
        self._runs_came += 1
        self._is_damage_due |= bool(self.damage.problems)  # some of these files may belong to no run now
        self._todo.update(dict.fromkeys(self._waiting))
        self._waiting.clear()
        self._wake.set()

    def set_bursting(self, is_bursting: bool) -> None:
        """Read slowly for a moment, or as fast as possible."""
        now = time.monotonic()
        if is_bursting and self._burst_ends < now:
            self._burst_began = now
        self._burst_ends = now + BURST_SECONDS if is_bursting else 0.0
        if not is_bursting:
            self._hurry.set()

    def look_for_damage(self) -> None:
        self._is_damage_due = True
        self._wake.set()

    def catch_up(self) -> None:
        """Find out what was not read, and read it."""
        self._is_behind = self._is_damage_due = True
        self._wake.set()

    async def caught_up(self, paths: frozenset[str] | None) -> None:
        """Return when none of these files, or none at all, is left to be read on."""
        self._waiters += 1
        self._hurry.set()
        try:
            if paths is not None:
                asked = [path for path in self._todo if path in paths]
                self._todo = dict.fromkeys(asked) | self._todo
            while self._is_behind or self._is_pending(paths):
                await self._stepped.wait()
        finally:
            self._waiters -= 1

    def _is_pending(self, paths: frozenset[str] | None) -> bool:
        if paths is None:
            return bool(self._todo or self._in_hand)
        return not paths.isdisjoint(self._in_hand) or not paths.isdisjoint(self._todo)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_reading())
            group.create_task(self._keep_telling())

    async def _keep_reading(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._read_all()
            except RunferryError as error:
                log.warning("series of sync %s cannot be stored, trying again: %s", self._sync_id, error)
                self._wake.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(PAUSE)

    async def _read_all(self) -> None:
        if self._is_behind:
            found = await in_thread(self._ingest.find_behind, self._sync_id)
            self._todo.update(dict.fromkeys(found))
            self._is_behind = False
        while self._todo:
            await self._rest()
            await self._step()
        if self._is_damage_due:
            self._is_damage_due = False
            self.damage.replace(await in_thread(self._ingest.list_flaws, self._sync_id))
        self._note_step()

    async def _rest(self) -> None:
        """Leave the processor to a sync that is copying many files, unless somebody waits for what they hold."""
        now = time.monotonic()
        if not self._waiters and now < self._burst_ends:
            self._hurry.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), max(REST, self._burst_began + FIRST_REST - now))

    async def _step(self) -> None:
        paths = list(islice(self._todo, MOST_AT_ONCE))
        came, self._in_hand = self._runs_came, frozenset(paths)
        for path in paths:
            del self._todo[path]
        left = paths
        try:
            news, looked = await in_thread(self._ingest.read_on, self._sync_id, self._root, paths)
            left = paths[looked:]
            self._settle(news, has_new_runs=came != self._runs_came)
            self.damage.note(paths[:looked], news.flaws)
        finally:
            self._todo = dict.fromkeys(left) | self._todo
            self._in_hand = frozenset()
            self._note_step()

    def _settle(self, news: News, *, has_new_runs: bool) -> None:
        self._todo.update(dict.fromkeys(news.behind))
        if has_new_runs:
            self._todo.update(dict.fromkeys(news.waiting))
        else:
            self._waiting.update(news.waiting)
        for run_id, points in news.points.items():
            untold = self._untold.setdefault(run_id, Untold())
            untold.keys |= news.keys[run_id]
            untold.points += points
            self._has_untold.set()

    def _note_step(self) -> None:
        """Wake who waits; each looks for itself whether it was for this."""
        self._stepped.set()
        self._stepped = asyncio.Event()

    async def _keep_telling(self) -> None:
        while True:
            await self._has_untold.wait()
            told = {run_id: self._untold.pop(run_id) for run_id in list(islice(self._untold, TOLD_RUNS))}
            if not self._untold:
                self._has_untold.clear()
            try:
                await self._tell(told)
            except RunferryError as error:
                log.warning("news of sync %s could not be told: %s", self._sync_id, error)
            await asyncio.sleep(TELL_EVERY)
