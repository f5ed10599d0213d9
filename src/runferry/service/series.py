"""What a run has measured: its catalogue of series, curves at a width, all points, and what it logged as media.

Asking is enough to have a smart sync fetch and follow the files this comes from. It parses nothing and copies nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.formats import SERIES_READERS
from runferry.model import MediaItem
from runferry.service.curves import CurveQuery, CurveView, PointsPage, draw, page
from runferry.service.demand import Demand
from runferry.service.series_feeds import SeriesFeeds
from runferry.store.chunking import Points
from runferry.store.db import Database
from runferry.store.runs import RunRow, RunStore
from runferry.store.series import HeldFile, SeriesRow, SeriesStore, SourceRow
from runferry.store.series_cache import SeriesCache
from runferry.store.series_table import Series, Table, tabulate_steps, tabulate_times
from runferry.sync.spec import Mode

FETCH_SECONDS = 20.0
"""How long the first question about a run waits for its files to come."""

READ_SECONDS = 10.0
"""How long a question waits for what is here to be read."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of the files that a run's series come from is here and was understood.

    ``local`` is full, partial or none; ``read_bytes`` of the ``held_bytes`` are in the series.
    """

    local: str
    held_bytes: int
    read_bytes: int
    total_bytes: int
    bad_records: int = 0
    first_bad: str | None = None
    unknown_records: int = 0


@dataclass(frozen=True, slots=True)
class RunSeries:
    """One run's series as of now. ``first_time`` is the time of its first point, in seconds since the epoch."""

    run: str
    first_time: float | None
    rows: Sequence[SeriesRow]
    source: Completeness
    curves: Sequence[CurveView] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MissingRun:
    """A run that was asked for and cannot be shown, and why."""

    key: str
    detail: str


class SeriesService:
    """Answers questions about series. See ``SeriesFeeds`` for how they come to be."""

    def __init__(self, db: Database, feeds: SeriesFeeds, demand: Demand) -> None:
        self._runs = RunStore(db)
        self._store = SeriesStore(db)
        self._cache = SeriesCache(self._store)
        self._feeds = feeds
        self._demand = demand

    async def catalogue(self, run_id: str) -> RunSeries:
        """Return what series a run has. Raises NotFound, Ambiguous, and what ``Demand.fetch`` raises where nothing of
        the run's files is here and they cannot be had."""
        row = await self._ready(run_id)
        return await in_thread(self._describe, row, None)

    async def curves(self, run_id: str, query: CurveQuery) -> RunSeries:
        """Return some of a run's series as they look at a width. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        return await in_thread(self._draw, row, query)

    async def curves_of(
        self, run_ids: Sequence[str], query: CurveQuery
    ) -> tuple[Sequence[RunSeries], Sequence[MissingRun]]:
        """Do as ``curves`` does for many runs; those that cannot be shown are told apart."""
        answers = await asyncio.gather(*(self._try_ready(run_id) for run_id in dict.fromkeys(run_ids)))
        rows = {row.id: row for row in answers if isinstance(row, RunRow)}
        missing = [answer for answer in answers if isinstance(answer, MissingRun)]
        return await in_thread(lambda: [self._draw(row, query) for row in rows.values()]), missing

    async def points(self, run_id: str, metric: str, *, offset: int, limit: int) -> PointsPage:
        """Return points of one metric as they were written, of each of its kinds. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        found = await in_thread(self._load, row, [metric])
        return page(row.key, found, offset=offset, limit=limit)

    async def table_by_time(self, run_id: str) -> Table:
        """Return all numbers of a run by their time. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)

        def make() -> Table:
            return tabulate_times(self._load(row), self._describe(row, ()).first_time)

        return await in_thread(make)

    async def table_by_step(self, run_id: str) -> Table:
        """Return all numbers of a run, and its stage, by their step. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        return await in_thread(lambda: tabulate_steps(self._load(row)))

    async def media(self, run_id: str, key: str | None = None) -> tuple[str, Sequence[MediaItem]]:
        """Return the run's key and what it logged as media. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        return row.key, await in_thread(self._store.list_media, row.id, key)

    # Having something to answer with

    async def _ready(self, run_id: str) -> RunRow:
        """Have the run's files followed, wait for the first fetch and for what is here to be read."""
        row, files, has_sources = await in_thread(self._look, run_id)
        paths = [file.path for file in files]
        self._demand.touch(row.sync_id, paths)
        if row.mode == Mode.SMART and not has_sources:
            await self._fetch(row.sync_id, [file.path for file in files if file.held is None])
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._feeds.caught_up(row.sync_id, paths)
        except TimeoutError:
            return row  # the answer says how much of it was read
        return row

    async def _try_ready(self, run_id: str) -> RunRow | MissingRun:
        try:
            return await self._ready(run_id)
        except RunferryError as error:
            return MissingRun(run_id, str(error))

    async def _fetch(self, sync_id: int, paths: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                for path in paths:
                    await self._demand.fetch(sync_id, path)
        except TimeoutError:
            return  # it goes on coming, and the answer says how much of it is here

    def _look(self, run_id: str) -> tuple[RunRow, Sequence[HeldFile], bool]:
        row = self._runs.find(run_id)
        return row, self._find_files(row), bool(self._store.list_sources(row.id))

    def _find_files(self, row: RunRow) -> Sequence[HeldFile]:
        """Return the files of a run that series come from, here or not."""
        names = {name for reader in SERIES_READERS for name in reader.SOURCE_NAMES}
        return [
            file
            for file in self._store.list_files(row.sync_id, names, below=row.path)
            if any(reader.find_run_dir(file.path, row.path.__eq__) is not None for reader in SERIES_READERS)
        ]

    # Answering

    def _describe(self, row: RunRow, keys: Collection[str] | None) -> RunSeries:
        found = self._store.list_sources(row.id)
        times = [source.first_time for source in found if source.first_time is not None]
        rows = self._store.list_series(row.id, keys)
        return RunSeries(row.key, min(times, default=None), rows, measure(self._find_files(row), found))

    def _draw(self, row: RunRow, query: CurveQuery) -> RunSeries:
        described = self._describe(row, query.metrics)
        curves = [draw(one, points, query, described.first_time) for one, points in self._read(row, described.rows)]
        known = {one.key for one in described.rows}
        missing = [metric for metric in query.metrics if metric not in known]
        return RunSeries(row.key, described.first_time, described.rows, described.source, curves, missing)

    def _load(self, row: RunRow, keys: Collection[str] | None = None) -> Sequence[Series]:
        rows = self._store.list_series(row.id, keys)
        return [(one.key, one.kind, points) for one, points in self._read(row, rows)]

    def _read(self, row: RunRow, rows: Iterable[SeriesRow]) -> Sequence[tuple[SeriesRow, Points]]:
        """Return the points of series; of those that were read anew this moment, the new ones."""
        found = []
        for one in rows:
            points = self._cache.get(one)
            if points is None:
                fresh = [new for new in self._store.list_series(row.id, [one.key]) if new.kind is one.kind]
                again = self._cache.get(fresh[0]) if fresh else None
                found += [(fresh[0], again)] if again is not None else []
            else:
                found.append((one, points))
        return found


def measure(files: Sequence[HeldFile], found: Sequence[SourceRow]) -> Completeness:
    """Say how complete what was read is."""
    held, total = sum(file.held or 0 for file in files), sum(file.size for file in files)
    read = sum(source.position for source in found)
    is_whole = bool(files) and all(file.held is not None and file.held >= file.size for file in files)
    return Completeness(
        local="full" if is_whole else "partial" if held else "none",
        held_bytes=held,
        read_bytes=read,
        total_bytes=total,
        bad_records=sum(source.bad_records for source in found),
        first_bad=next((source.first_bad for source in found if source.first_bad is not None), None),
        unknown_records=sum(source.unknown_records for source in found),
    )
