"""What a run has measured: its catalogue of series, curves at a width, all points, and what it logged as media.

Asking is enough to have a smart sync fetch and follow the files this comes from. It parses nothing and copies nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.formats import SERIES_READERS
from runferry.formats.recognition import FORMATS_BY_NAME
from runferry.model import MediaItem
from runferry.service.curves import Axis, CurveQuery, CurveView, PointsPage, draw, page
from runferry.service.demand import Demand
from runferry.service.series_feeds import SeriesFeeds
from runferry.store.chunking import Points
from runferry.store.db import Database, split
from runferry.store.joined_series import Joined, Origin, choose_sources, describe_points, join_points, join_series
from runferry.store.run_files import Role, RunFiles
from runferry.store.runs import RunRow, RunStore
from runferry.store.series import HeldFile, Place, SeriesRow, SeriesStore, SourceRow
from runferry.store.series_cache import SeriesCache
from runferry.store.series_table import Series, Table, tabulate_steps, tabulate_times
from runferry.sync.spec import Mode

FilesOf = Mapping[Place, Sequence[HeldFile]]

FETCH_SECONDS = 20.0
"""How long the first question about a run waits for its files to come."""

FETCHED_AT_ONCE = 16

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
        self._files = RunFiles(db)
        self._cache = SeriesCache(self._store)
        self._feeds = feeds
        self._demand = demand

    async def catalogue(self, run_id: str) -> RunSeries:
        """Return what series a run has. Raises NotFound, Ambiguous, and what ``Demand.fetch`` raises where nothing of
        the run's files is here and they cannot be had."""
        row = await self._ready(run_id)
        return (await in_thread(self._describe, [row], None))[0]

    async def curves(self, run_id: str, query: CurveQuery) -> RunSeries:
        """Return some of a run's series as they look at a width. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        return (await in_thread(self._draw, [row], query))[0]

    async def curves_of(
        self, run_ids: Sequence[str], query: CurveQuery
    ) -> tuple[Sequence[RunSeries], Sequence[MissingRun]]:
        """Do as ``curves`` does for many runs; those that cannot be shown are told apart."""
        found = await in_thread(self._runs.find_many, dict.fromkeys(run_ids))
        missing = {key: str(row) for key, row in found.items() if not isinstance(row, RunRow)}
        rows = {row.id: (key, row) for key, row in found.items() if isinstance(row, RunRow)}
        troubles = await self._make_ready([row for _, row in rows.values()])
        missing |= {rows[row_id][0]: str(error) for row_id, error in troubles.items()}
        shown = [row for row_id, (_, row) in rows.items() if row_id not in troubles]
        told = [MissingRun(key, missing[key]) for key in found if key in missing]
        return await in_thread(self._draw, shown, query), told

    async def points(self, run_id: str, metric: str, *, offset: int, limit: int) -> PointsPage:
        """Return points of one metric as they were written, of each of its kinds. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        found = await in_thread(self._load, row, [metric])
        return page(row.key, found, offset=offset, limit=limit)

    async def table_by_time(self, run_id: str) -> Table:
        """Return all numbers of a run by their time. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)

        def make() -> Table:
            return tabulate_times(self._load(row), self._describe([row], ())[0].first_time)

        return await in_thread(make)

    async def table_by_step(self, run_id: str) -> Table:
        """Return all numbers of a run, and its stage, by their step. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        return await in_thread(lambda: tabulate_steps(self._load(row)))

    async def media(self, run_id: str, key: str | None = None) -> tuple[str, Sequence[MediaItem]]:
        """Return the run's key and what it logged as media. Raises as ``catalogue`` does."""
        row = await self._ready(run_id)
        return row.key, await in_thread(self._list_media, row, key)

    def _list_media(self, row: RunRow, key: str | None) -> Sequence[MediaItem]:
        """Return what can be fetched as a file: told by records, or lying in the run's directory as an image."""
        found = [item for item in self._store.list_media(row.id, key) if not item.path.startswith("@")]
        if row.format in FORMATS_BY_NAME:
            start = len(row.path) + 1 if row.path else 0
            place = (row.sync_id, row.path)
            names = [file.path[start:] for file in self._store.list_files_of([place], ["*"])[place]]
            told = {item.path for item in found}
            others = [item for item in FORMATS_BY_NAME[row.format].media(names) if item.path not in told]
            found += [item for item in others if key in (None, item.key)]
        return found

    # Having something to answer with

    async def _ready(self, run_id: str) -> RunRow:
        """Find a run and make it ready to be shown."""
        row = await in_thread(self._runs.find, run_id)
        for error in (await self._make_ready([row])).values():
            raise error
        return row

    async def _make_ready(self, rows: Sequence[RunRow]) -> Mapping[int, RunferryError]:
        """Have the runs' files followed, wait for the first fetch and for what is here to be read.

        Returns why, by the row ids of runs of which there is nothing.
        """
        files, sources = await in_thread(self._look, rows)
        fetches = []
        paths: dict[int, list[str]] = {}
        for row in rows:
            found = files[row.sync_id, row.path]
            paths.setdefault(row.sync_id, []).extend(file.path for file in found)
            self._demand.touch(row.sync_id, [file.path for file in found])
            read = {source.path for source in sources[row.id]}
            missing = [file.path for file in found if file.held is None and file.path not in read]
            if row.mode == Mode.SMART and missing:
                fetches.append(self._fetch(row, missing))
        troubles = {row_id: error for row_id, error in await asyncio.gather(*fetches) if error is not None}
        with suppress(TimeoutError):  # the answer says how much of it was read
            async with asyncio.timeout(READ_SECONDS):
                for sync_id, some in paths.items():
                    await self._feeds.caught_up(sync_id, some)
        return troubles

    async def _fetch(self, row: RunRow, paths: Sequence[str]) -> tuple[int, RunferryError | None]:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                for some in split(paths, FETCHED_AT_ONCE):
                    await asyncio.gather(*(self._demand.fetch(row.sync_id, path) for path in some))
        except TimeoutError:
            pass  # it goes on coming, and the answer says how much of it is here
        except RunferryError as error:
            return row.id, error
        return row.id, None

    def _look(self, rows: Sequence[RunRow]) -> tuple[FilesOf, Mapping[int, Sequence[SourceRow]]]:
        """Return the files that the runs' series come from, here or not, and what was read of them."""
        names = {name for reader in SERIES_READERS for name in reader.SOURCE_NAMES}
        plain = [(row.sync_id, row.path) for row in rows if row.format not in FORMATS_BY_NAME]
        files = {
            place: [file for file in some if is_source_of(file.path, place[1])]
            for place, some in self._store.list_files_of(plain, names).items()
        }
        files |= {(row.sync_id, row.path): [] for row in rows if row.format in FORMATS_BY_NAME}
        places = {row.id: (row.sync_id, row.path) for row in rows if row.format in FORMATS_BY_NAME}
        for sync_id in {sync_id for sync_id, _ in places.values()}:
            ids = [row_id for row_id, place in places.items() if place[0] == sync_id]
            for one, file in self._files.list_held(sync_id, Role.POINTS, ids):
                files[places[one.run_id]].append(file)
        sources: dict[int, Sequence[SourceRow]] = dict(self._store.list_sources_of([row.id for row in rows]))
        for row_id, place in places.items():
            sources[row_id] = choose_sources(sources[row_id], {file.path for file in files[place]})
        return files, sources

    def _join(
        self, rows: Sequence[RunRow], sources: Mapping[int, Sequence[SourceRow]], keys: Collection[str] | None
    ) -> Mapping[int, Sequence[Joined]]:
        """Return each run's series as they are shown."""
        found_ids = [row.id for row in rows if row.format in FORMATS_BY_NAME]
        own_ids = [row.id for row in rows if row.format not in FORMATS_BY_NAME]
        series = dict(self._store.list_series_of(own_ids, keys)) | dict(self._store.list_series_of(found_ids))
        files = self._files.list_of(found_ids, Role.POINTS)
        joined: dict[int, Sequence[Joined]] = {}
        for row in rows:
            origins = {
                one.path: Origin(one.place, one.sequence, FORMATS_BY_NAME[one.format].LAST_WINS)
                for one in files.get(row.id, ())
                if one.format in FORMATS_BY_NAME
            }
            shown = join_series(series[row.id], sources[row.id], origins)
            joined[row.id] = [one for one in shown if keys is None or one.row.key in keys]
        return joined

    # Answering

    def _describe(self, rows: Sequence[RunRow], keys: Collection[str] | None) -> Sequence[RunSeries]:
        """Return the runs' catalogues. Where not all points count, the numbers are of those that do."""
        found = []
        for row, (one, joined) in zip(rows, self._describe_joined(rows, keys), strict=True):
            if not all(series.is_summed for series in joined):
                summed = {id(series): series.row for series in joined if series.is_summed}
                shown = [summed.get(id(series)) or self._sum_up(row, series) for series in joined]
                one = replace(one, rows=shown)
            found.append(one)
        return found

    def _sum_up(self, row: RunRow, joined: Joined) -> SeriesRow:
        read = self._read(row, [joined])
        return read[0][0] if read else joined.row

    def _describe_joined(
        self, rows: Sequence[RunRow], keys: Collection[str] | None
    ) -> Sequence[tuple[RunSeries, Sequence[Joined]]]:
        files, sources = self._look(rows)
        joined = self._join(rows, sources, keys)
        return [
            (
                describe(row.key, [one.row for one in joined[row.id]], files[row.sync_id, row.path], sources[row.id]),
                joined[row.id],
            )
            for row in rows
        ]

    def _draw(self, rows: Sequence[RunRow], query: CurveQuery) -> Sequence[RunSeries]:
        drawn = []
        for row, (one, joined) in zip(rows, self._describe_joined(rows, query.metrics), strict=True):
            read = self._read(row, joined, superseded=query.superseded, has_times=query.axis is not Axis.STEP)
            curves = [draw(series, points, query, one.first_time) for series, points in read]
            shown = {series.key for series in one.rows}
            missing = [metric for metric in query.metrics if metric not in shown]
            present = one.rows if query.superseded else [series for series, _ in read]
            drawn.append(replace(one, rows=present, curves=curves, missing=missing))
        return drawn

    def _load(self, row: RunRow, keys: Collection[str] | None = None) -> Sequence[Series]:
        _, sources = self._look([row])
        joined = self._join([row], sources, keys)[row.id]
        return [(one.key, one.kind, points) for one, points in self._read(row, joined)]

    def _read(
        self, row: RunRow, joined: Iterable[Joined], *, superseded: bool = False, has_times: bool = True
    ) -> Sequence[tuple[SeriesRow, Points]]:
        """Return the points of series that count; of those that were read anew this moment, the new ones.

        Without ``has_times`` their times may all be NaN.
        """
        found = []
        for one in joined:
            is_whole = one.is_plain and not superseded
            parts = [self._read_part(row, part, has_times=has_times or not is_whole) for part in one.parts]
            present = [(part, points, at) for at, (part, points) in enumerate(parts) if points is not None]
            if not present:
                continue
            if is_whole:
                found += [(replace(part, key=one.row.key), points) for part, points, _ in present]
                continue
            fresh = tuple(part for part, _, _ in present)
            now = replace(one, parts=fresh, purges=tuple(one.purges[at] for _, _, at in present))
            points = join_points(now, [points for _, points, _ in present], superseded=superseded)
            found.append((describe_points(one.row, points), points))
        return found

    def _read_part(self, row: RunRow, part: SeriesRow, *, has_times: bool) -> tuple[SeriesRow, Points | None]:
        points = self._cache.get(part, has_times=has_times)
        if points is not None:
            return part, points
        again = self._store.list_series(row.id, [part.key])
        fresh = [new for new in again if new.kind is part.kind and new.source_id == part.source_id]
        return (fresh[0], self._cache.get(fresh[0], has_times=has_times)) if fresh else (part, None)


def is_source_of(path: str, run_dir: str) -> bool:
    """Say whether a file is one of the run's whose directory this is."""
    return any(reader.find_run_dir(path, run_dir.__eq__) is not None for reader in SERIES_READERS)


def describe(key: str, rows: Sequence[SeriesRow], files: Sequence[HeldFile], sources: Sequence[SourceRow]) -> RunSeries:
    """Return a run's series without curves."""
    times = [source.first_time for source in sources if source.first_time is not None]
    return RunSeries(key, min(times, default=None), rows, measure(files, sources))


def measure(files: Sequence[HeldFile], found: Sequence[SourceRow]) -> Completeness:
    """Say how complete what was read is."""
    held, total = sum(file.held or 0 for file in files), sum(file.size for file in files)
    read = sum(source.position for source in found)
    in_database = not files and bool(found)  # every snapshot is read whole
    is_whole = in_database or (bool(files) and all(file.held is not None and file.held >= file.size for file in files))
    return Completeness(
        local="full" if is_whole else "partial" if held else "none",
        held_bytes=held,
        read_bytes=read,
        total_bytes=total,
        bad_records=sum(source.bad_records for source in found),
        first_bad=next((source.first_bad for source in found if source.first_bad is not None), None),
        unknown_records=sum(source.unknown_records for source in found),
    )
