"""What was read from runs' files: which sources, how far, which series and media. Reads the index only.

``series_writer`` writes. Everything here blocks, and everything here can be rebuilt from the files.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, update

from runferry.model import Kind, MediaItem, SeriesKind
from runferry.store.chunking import Floats, Points
from runferry.store.db import Database, split
from runferry.store.tables import chunks, files, media, runs, series, sources

REREAD = -1
"""The generation of a source that is to be read anew: no file ever has it."""

MUCH = 50_000
"""Points from which on the index is mapped into memory to read them."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """What the index says of a file's local bytes; ``held`` is None where there are none."""

    path: str
    size: int
    held: int | None
    generation: int


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One file that series come from, and how far it has been read: ``state`` belongs to the reader.

    ``purge_from`` takes back what the run's earlier sources have at this step or later.
    ``reading`` is another number each time it is read from its beginning: within one, points are only ever added.
    """

    id: int
    run_id: int
    path: str
    reader: str
    reading: int
    generation: int
    position: int
    edge_hash: bytes
    state: Mapping[str, Any]
    points: int
    bad_records: int
    first_bad: str | None
    unknown_records: int
    first_time: float | None
    purge_from: float | None = None


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series of a run. ``min`` to ``last`` are of its numbers: None for texts, and where there is no finite one.

    ``last_text`` is the last value where it is a text, NaN or infinite. ``is_rising``: each step is greater than the
    one before (None: not known). ``purges`` is a JSON list of ``[step, count]``: of the first ``count`` points, those
    at this step or later were taken back by what came behind them.
    """

    id: int
    source_id: int
    reading: int
    key: str
    kind: SeriesKind
    points: int
    min: float | None
    max: float | None
    first: float | None
    last: float | None
    last_text: str | None
    last_step: float | None
    last_time: float | None
    first_step: float | None = None
    is_rising: bool | None = None
    purges: str | None = None


class SeriesStore:
    """The sources, series and media of all runs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def look_at(self, sync_id: int, path: str) -> tuple[HeldFile | None, SourceRow | None]:
        """Return what the index says of a file and, as of the same moment, how far it has been read."""
        with self._db.reading() as connection:
            held = connection.execute(select(*_FILE).where(files.c.sync_id == sync_id, files.c.path == path)).first()
            return (None if held is None else HeldFile(*held)), find_source(connection, sync_id, path)

    def find_runs(self, sync_id: int, paths: Iterable[str], formats: Collection[str]) -> dict[str, int]:
        """Return the row ids of a sync's runs of these formats in these directories."""
        found: dict[str, int] = {}
        columns = (runs.c.path, runs.c.id, runs.c.format)
        with self._db.reading() as connection:
            for part in split(set(paths)):
                query = select(*columns).where(runs.c.sync_id == sync_id, runs.c.path.in_(part))
                found.update((path, row_id) for path, row_id, name in connection.execute(query) if name in formats)
        return found

    def find_keys(self, row_ids: Iterable[int]) -> dict[int, str]:
        """Return the keys of runs by their row ids."""
        found: dict[int, str] = {}
        with self._db.reading() as connection:
            for part in split(row_ids):
                for row_id, key in connection.execute(select(runs.c.id, runs.c.key).where(runs.c.id.in_(part))):
                    found[row_id] = key
        return found

    def list_files(self, sync_id: int, patterns: Collection[str]) -> list[HeldFile]:
        """Return a sync's files whose paths end with a name that matches one of the patterns."""
        with self._db.reading() as connection:
            return _list_matching(connection, files.c.sync_id == sync_id, patterns)

    def list_files_of(self, places: Sequence[Place], patterns: Collection[str]) -> dict[Place, list[HeldFile]]:
        """Return the files of directories whose paths within them match one of the patterns.

        What a pattern without ``*`` names is looked up directly; the others cost a look at all that is below.
        """
        loose = [pattern for pattern in patterns if "*" in pattern]
        exact = [pattern for pattern in patterns if "*" not in pattern]
        found: dict[Place, list[HeldFile]] = {place: [] for place in places}
        with self._db.reading() as connection:
            for sync_id in {sync_id for sync_id, _ in found}:
                named = {_below(path, name): (sync_id, path) for at, path in found if at == sync_id for name in exact}
                for part in split(named):
                    query = select(*_FILE).where(files.c.sync_id == sync_id, files.c.path.in_(part), _IS_FILE)
                    for row in connection.execute(query.order_by(files.c.path)):
                        found[named[row.path]].append(HeldFile(*row))
            for sync_id, path in found if loose else ():
                is_below = files.c.sync_id == sync_id
                if path:
                    is_below &= (files.c.path >= f"{path}/") & (files.c.path < f"{path}0")  # "0" follows "/"
                found[sync_id, path] += _list_matching(connection, is_below, loose)
        return found

    def list_sources_of(self, run_ids: Sequence[int]) -> dict[int, list[SourceRow]]:
        """Return the sources of each run, in the order in which they were first read."""
        found: dict[int, list[SourceRow]] = {run_id: [] for run_id in run_ids}
        with self._db.reading() as connection:
            for part in split(run_ids):
                query = select(*_SOURCE).where(sources.c.run_id.in_(part)).order_by(sources.c.id)
                for row in map(_read_source, connection.execute(query)):
                    found[row.run_id].append(row)
        return found

    def positions(self, sync_id: int) -> dict[str, tuple[int, int, str, int]]:
        """Return generation, position, reader and run of every source of a sync, by its path."""
        names = ("path", "generation", "position", "reader", "run_id")
        query = select(*(sources.c[name] for name in names)).where(sources.c.sync_id == sync_id)
        with self._db.reading() as connection:
            return {
                row.path: (row.generation, row.position, row.reader, row.run_id) for row in connection.execute(query)
            }

    def list_bad(self, sync_id: int) -> list[tuple[str, int, str | None]]:
        """Return the sources of a sync's runs that hold bad records, with how many, and the first of them."""
        is_meant = (sources.c.sync_id == sync_id) & (sources.c.bad_records > 0) & runs.c.gone_at.is_(None)
        query = select(sources.c.path, sources.c.bad_records, sources.c.first_bad).join(runs).where(is_meant)
        with self._db.reading() as connection:
            return [(path, count, first) for path, count, first in connection.execute(query.order_by(sources.c.path))]

    def list_series(self, run_id: int, keys: Collection[str] | None = None) -> list[SeriesRow]:
        """Return a run's series, all or those of some keys, in the order in which they began."""
        return self.list_series_of([run_id], keys)[run_id]

    def list_series_of(self, run_ids: Sequence[int], keys: Collection[str] | None = None) -> dict[int, list[SeriesRow]]:
        """Do as ``list_series`` does, for many runs."""
        found: dict[int, list[SeriesRow]] = {run_id: [] for run_id in run_ids}
        query = select(*_SERIES, series.c.run_id).join(sources, sources.c.id == series.c.source_id)
        if keys is not None:
            query = query.where(series.c.key.in_(list(keys)))
        with self._db.reading() as connection:
            for part in split(run_ids):
                for *values, run_id in connection.execute(query.where(series.c.run_id.in_(part)).order_by(series.c.id)):
                    found[run_id].append(_read_series(values))
        return found

    def load(self, row: SeriesRow, start: int = 0, *, has_times: bool = True) -> Points | None:
        """Return all points of a series from number ``start`` on, or None where it has been read anew meanwhile.

        Without ``has_times`` these are left where they are, a third of the work, and all told as NaN.
        """
        is_same = and_(sources.c.id == series.c.source_id, sources.c.reading == row.reading)
        with self._db.reading(is_much=row.points - start > MUCH) as connection:
            present = connection.execute(select(series.c.id).join(sources, is_same).where(series.c.id == row.id))
            if present.first() is None:
                return None
            return load_points(connection, row.id, row.kind, start, has_times=has_times)

    def list_media(self, run_id: int, key: str | None = None) -> list[MediaItem]:
        """Return what a run logged, all or of one key, in the order in which it did."""
        query = select(*(media.c[name] for name in _MEDIA)).where(media.c.run_id == run_id).order_by(media.c.id)
        if key is not None:
            query = query.where(media.c.key == key)
        with self._db.reading() as connection:
            return [MediaItem(*row) for row in connection.execute(query)]

    def request_reading(self, sync_id: int, *, landed_since: float | None = None) -> int:
        """Mark the sources whose files are here as to be read anew; return how many. What they gave stays until then.

        ``landed_since``: only files whose bytes changed at that time or later.
        """
        is_held = (files.c.sync_id == sync_id) & (files.c.path == sources.c.path) & files.c.held_size.is_not(None)
        if landed_since is not None:
            is_held &= files.c.landed_at >= landed_since
        is_here = select(files.c.path).where(is_held).exists()
        with self._db.writing() as connection:
            statement = update(sources).where(sources.c.sync_id == sync_id, is_here).values(generation=REREAD)
            return connection.execute(statement).rowcount


Place = tuple[int, str]
"""A directory of a sync: the sync's id, and the path relative to its root."""

_IS_FILE = files.c.kind == Kind.FILE.value
_FILE = (files.c.path, files.c.size, files.c.held_size, files.c.generation)
_MEDIA = ("kind", "key", "path", "step", "time", "caption")
_SOURCE = [sources.c[name] for name in SourceRow.__dataclass_fields__]
_SERIES = [(sources if name == "reading" else series).c[name] for name in SeriesRow.__dataclass_fields__]
_LIKE = str.maketrans({"*": "%", "%": "\\%", "_": "\\_"})


def _list_matching(connection: Connection, is_meant: ColumnElement[bool], patterns: Collection[str]) -> list[HeldFile]:
    named = [pattern.translate(_LIKE) for pattern in patterns]
    is_named = or_(*(files.c.path.like(end, escape="\\") for name in named for end in (name, f"%/{name}")))
    query = select(*_FILE).where(is_meant, _IS_FILE, is_named).order_by(files.c.path)
    return [HeldFile(*row) for row in connection.execute(query)]


def _below(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def find_source(connection: Connection, sync_id: int, path: str) -> SourceRow | None:
    query = select(*_SOURCE).where(sources.c.sync_id == sync_id, sources.c.path == path)
    row = connection.execute(query).first()
    return None if row is None else _read_source(row)


def _read_source(row: Row[Any]) -> SourceRow:
    values = {name: row._mapping[name] for name in SourceRow.__dataclass_fields__}
    return SourceRow(**{**values, "state": orjson.loads(values["state"])})


def _read_series(values: Sequence[Any]) -> SeriesRow:
    named = dict(zip(SeriesRow.__dataclass_fields__, values, strict=True))
    return SeriesRow(**{**named, "kind": SeriesKind(named["kind"])})


def load_points(
    connection: Connection, series_id: int, kind: SeriesKind, start: int = 0, *, has_times: bool = True
) -> Points:
    """Return the points of a series from number ``start`` on; ``has_times`` as in ``SeriesStore.load``."""
    of_series = chunks.c.series_id == series_id
    first = select(func.max(chunks.c.number)).where(of_series, chunks.c.number <= start).scalar_subquery()
    in_order = select(chunks.c.number, chunks.c.count).where(of_series).order_by(chunks.c.number.desc())
    last = connection.execute(in_order.limit(1)).first()
    if last is None or last.number + last.count <= start:
        return make_empty(kind)
    columns = (chunks.c.number, chunks.c.steps, chunks.c["values"], *([chunks.c.times] if has_times else []))
    query = select(*columns).where(of_series, chunks.c.number >= first).order_by(chunks.c.number)
    total = last.number + last.count - start
    steps, values = np.empty(total, dtype="<f8"), np.empty(total, dtype="<f8")
    times = np.empty(total, dtype="<f8") if has_times else make_unknown(total)
    texts: list[str] = []
    for number, *blobs in connection.execute(query):  # each is copied while it is warm, to where it stays
        _put(steps, number - start, _decode(blobs[0]))
        if kind is SeriesKind.TEXT:
            texts += orjson.loads(blobs[1])[max(0, start - number) :]
        else:
            _put(values, number - start, _decode(blobs[1]))
        if has_times:
            _put(times, number - start, _decode(blobs[2]))
    return Points(steps, times, texts if kind is SeriesKind.TEXT else values)


def make_unknown(count: int) -> Floats:
    """Return as many NaN, which take no room."""
    return np.broadcast_to(np.float64(np.nan), count)


def _put(target: Floats, at: int, part: Floats) -> None:
    """Copy a part to its place; of one that begins before the target, what belongs into it."""
    part = part[max(0, -at) :]
    target[max(0, at) : max(0, at) + len(part)] = part


def make_empty(kind: SeriesKind) -> Points:
    nothing = np.empty(0, dtype="<f8")
    return Points(nothing, nothing, [] if kind is SeriesKind.TEXT else nothing)


def _decode(data: bytes) -> Any:
    return np.frombuffer(data, dtype="<f8")


def name_number(value: float) -> str | None:
    """Return how JSON writers name a number that JSON has none for; None for any other."""
    if math.isfinite(value):
        return None
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
