"""Writes what was read from a source into the index: points, media and how far it was read, in one transaction.

So every point comes from the bytes before the source's position, once. The ends of the series that grow are kept in a
small memory, so that adding a line needs no reading. Everything here blocks.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from runferry.model import MediaItem, SeriesColumn, SeriesColumns, SeriesKind
from runferry.store.chunking import FULL, MOST_SMALL, Points, Tail, extend, is_open, to_points
from runferry.store.db import Database, upsert
from runferry.store.series import SourceRow, find_source, load_points, name_number
from runferry.store.tables import chunks, media, series, sources

KEPT_BYTES = 32 * 1024 * 1024
"""Memory for the ends of series that grow."""

_TAIL_BYTES = 1000
_LONGEST_LAST = 500


@dataclass(frozen=True, slots=True)
class Advance:
    """What the bytes from the last position to ``position`` held.

    ``before`` is the source as it was when they were read, None for one that is read from the beginning: then
    everything there was of it is replaced. ``superseded`` are points of these bytes that ``purge_from`` took back, with
    all that was written before at this step or later.
    """

    run_id: int
    sync_id: int
    path: str
    reader: str
    generation: int
    before: SourceRow | None
    position: int
    edge_hash: bytes
    state: Mapping[str, object]
    columns: SeriesColumns
    media: Sequence[MediaItem] = ()
    bad: int = 0
    first_bad: str | None = None
    unknown: int = 0
    superseded: SeriesColumns = field(default_factory=dict)
    purge_from: float | None = None


@dataclass(slots=True)
class _Growing:
    """One series while points are added: its row's values, and its end once that is known."""

    id: int
    values: dict[str, Any]
    tail: Tail | None = None


@dataclass(slots=True)
class _Ends:
    """The series of one source as they were after its last advance."""

    reading: int
    position: int
    series: dict[tuple[str, SeriesKind], _Growing] = field(default_factory=dict)

    @property
    def size(self) -> int:
        tails = (one.tail for one in self.series.values())
        return sum(_TAIL_BYTES + (tail.open.size if tail and tail.open else 0) for tail in tails)


class SeriesWriter:
    """Adds to sources. Any thread may call it; the database lets them take turns."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.time, kept_bytes: int = KEPT_BYTES) -> None:
        self._db = db
        self._clock = clock
        self._kept_bytes = kept_bytes
        self._ends: OrderedDict[int, _Ends] = OrderedDict()  # only touched by whoever is the writer

    def advance(self, steps: Sequence[Advance]) -> list[bool]:
        """Write steps of different sources; say of each whether it was: not where its source is as before no longer."""
        if not steps:
            return []
        with self._db.writing() as connection:
            return [self._advance(connection, step) for step in steps]

    def _advance(self, connection: Connection, step: Advance) -> bool:
        row = find_source(connection, step.sync_id, step.path)
        if step.before is not None and not _is_same(row, step.before):
            return False
        source_id, reading = self._write_source(connection, step, row)
        ends = self._ends.pop(source_id, None)
        if ends is None or (ends.reading, ends.position) != (reading, _position_before(step)):
            ends = _load_ends(connection, source_id, reading, step)
        if step.purge_from is not None:
            _write_columns(connection, step, source_id, ends.series, step.superseded)
            _take_back(connection, ends.series, step.purge_from)
        _write_columns(connection, step, source_id, ends.series, step.columns)
        _write_media(connection, step, source_id)
        ends.position = step.position  # should the commit fail, it is not where the source is, and is not used
        self._keep(source_id, ends)
        return True

    def _write_source(self, connection: Connection, step: Advance, row: SourceRow | None) -> tuple[int, int]:
        """Write the source's own row; return its id and reading."""
        points = sum(len(column) for columns in (step.columns, step.superseded) for column in columns.values())
        values: dict[str, Any] = {
            "run_id": step.run_id,
            "reader": step.reader,
            "generation": step.generation,
            "position": step.position,
            "edge_hash": step.edge_hash,
            "state": orjson.dumps(step.state).decode(),
            "read_at": self._clock(),
        }
        before = step.before
        first_time = _earliest(step.columns, before.first_time if before else None)
        values |= {
            "points": points + (before.points if before else 0),
            "bad_records": step.bad + (before.bad_records if before else 0),
            "first_bad": before.first_bad if before and before.first_bad else step.first_bad,
            "unknown_records": step.unknown + (before.unknown_records if before else 0),
            "first_time": first_time,
            "purge_from": _least(step.purge_from, before.purge_from if before else None),
        }
        if before is not None:
            connection.execute(update(sources).where(sources.c.id == before.id).values(**values))
            return before.id, before.reading
        # Not only another number than the one before: the ids of removed sources are given out again.
        values["reading"] = reading = max(time.time_ns(), row.reading + 1 if row else 0)
        if row is None:
            new = insert(sources).values(sync_id=step.sync_id, path=step.path, **values).returning(sources.c.id)
            return connection.execute(new).scalar_one(), reading
        connection.execute(delete(series).where(series.c.source_id == row.id))
        connection.execute(delete(media).where(media.c.source_id == row.id))
        connection.execute(update(sources).where(sources.c.id == row.id).values(**values))
        return row.id, reading

    def _keep(self, source_id: int, ends: _Ends) -> None:
        """Remember the ends of one more source, and forget those that were not added to for the longest time."""
        self._ends[source_id] = ends
        sizes = [(key, one.size) for key, one in self._ends.items()]
        total = sum(size for _, size in sizes)
        for key, size in sizes:
            if total <= self._kept_bytes:
                break
            total -= size
            del self._ends[key]


def _is_same(row: SourceRow | None, before: SourceRow) -> bool:
    expected = (before.id, before.reading, before.position, before.generation)
    return row is not None and (row.id, row.reading, row.position, row.generation) == expected


def _position_before(step: Advance) -> int:
    return step.before.position if step.before else -1


def _load_ends(connection: Connection, source_id: int, reading: int, step: Advance) -> _Ends:
    ends = _Ends(reading, step.position)
    if step.before is not None:
        rows = connection.execute(select(series).where(series.c.source_id == source_id))
        for row in rows:
            values = {name: row._mapping[name] for name in _GROWTH}
            ends.series[row.key, SeriesKind(row.kind)] = _Growing(row.id, values)
    return ends


_AGGREGATES = ("points", "min", "max", "first", "last", "last_text", "last_step", "last_time")
_GROWTH = (*_AGGREGATES, "first_step", "is_rising", "purges")
_MOST_PURGES = 1000


def _write_columns(
    connection: Connection,
    step: Advance,
    source_id: int,
    known: dict[tuple[str, SeriesKind], _Growing],
    columns: SeriesColumns,
) -> None:
    given = {name: to_points(column) for name, column in columns.items() if len(column)}
    _add_series(connection, step, source_id, [name for name in given if name not in known], known)
    written: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for (key, kind), points in given.items():
        one = known[key, kind]
        tail = one.tail = one.tail or _load_tail(connection, one.id, kind, one.values["points"])

        def load(start: int, series_id: int = one.id, kind: SeriesKind = kind) -> Points:
            return load_points(connection, series_id, kind, start)

        rewrite = extend(tail, points, load)
        written += [_make_chunk(one.id, number, part) for number, part in rewrite.chunks]
        dropped += [{"b_series": one.id, "b_number": number} for number in rewrite.dropped]
        one.values = {**sum_up(one.values, points), **_sum_up_steps(one.values, points)}
    if dropped:
        connection.execute(_DROP, dropped)
    upsert(connection, chunks, written, keys=["series_id", "number"])
    if given:
        connection.execute(_UPDATE, [{"b_id": known[name].id, **known[name].values} for name in given])


_DROP = delete(chunks).where(chunks.c.series_id == bindparam("b_series"), chunks.c.number == bindparam("b_number"))
_UPDATE = update(series).where(series.c.id == bindparam("b_id")).values({name: bindparam(name) for name in _GROWTH})


def _add_series(
    connection: Connection,
    step: Advance,
    source_id: int,
    names: Sequence[tuple[str, SeriesKind]],
    known: dict[tuple[str, SeriesKind], _Growing],
) -> None:
    if not names:
        return
    nothing: dict[str, Any] = {**dict.fromkeys(_GROWTH), "points": 0}
    fixed = {"source_id": source_id, "run_id": step.run_id, "points": 0}
    new = insert(series).returning(series.c.id, series.c.key, series.c.kind)
    for row in connection.execute(new, [{**fixed, "key": key, "kind": kind.value} for key, kind in names]):
        known[row.key, SeriesKind(row.kind)] = _Growing(row.id, nothing, Tail())


def _load_tail(connection: Connection, series_id: int, kind: SeriesKind, total: int) -> Tail:
    limit = 1 if kind is SeriesKind.TEXT else MOST_SMALL
    query = select(chunks.c.number, chunks.c.count).where(chunks.c.series_id == series_id)
    rows = connection.execute(query.order_by(chunks.c.number.desc()).limit(limit)).all()
    small: list[tuple[int, int]] = []
    for number, count in rows:
        if count >= FULL:
            break
        small.insert(0, (number, count))
    last = load_points(connection, series_id, kind, small[-1][0]) if small else None
    return Tail(total, small, last if last is not None and is_open(last) else None)


def _write_media(connection: Connection, step: Advance, source_id: int) -> None:
    names = ("kind", "key", "path", "step", "time", "caption")
    fixed = {"source_id": source_id, "run_id": step.run_id}
    if step.media:
        rows = [{**fixed, **{name: getattr(item, name) for name in names}} for item in step.media]
        connection.execute(insert(media), rows)


def _make_chunk(series_id: int, number: int, points: Points) -> dict[str, Any]:
    values = points.values
    sums = sum_up({}, points)
    return {
        "series_id": series_id,
        "number": number,
        "count": len(points),
        **{name: sums[name] for name in ("min", "max", "first", "last")},
        "steps": points.steps.tobytes(),
        "times": points.times.tobytes(),
        "values": orjson.dumps(values) if isinstance(values, list) else values.tobytes(),
    }


def sum_up(before: Mapping[str, Any], points: Points) -> dict[str, Any]:
    """Return the aggregates of a series, or of a chunk, with these points added to it."""
    last_time = float(points.times[-1])
    sums = {
        "points": before.get("points", 0) + len(points),
        "min": before.get("min"),
        "max": before.get("max"),
        "first": before.get("first"),
        "last": None,
        "last_text": None,
        "last_step": float(points.steps[-1]),
        "last_time": last_time if math.isfinite(last_time) else None,
    }
    values = points.values
    if isinstance(values, list):
        sums["last_text"] = values[-1][:_LONGEST_LAST]
        return sums
    finite = values[np.isfinite(values)]
    if len(finite):
        low, high = float(finite.min()), float(finite.max())
        sums["min"] = low if sums["min"] is None else min(low, sums["min"])
        sums["max"] = high if sums["max"] is None else max(high, sums["max"])
    first, last = float(values[0]), float(values[-1])
    if not before.get("points") and math.isfinite(first):
        sums["first"] = first
    sums["last"] = last if math.isfinite(last) else None
    sums["last_text"] = name_number(last)
    return sums


def _least(*values: float | None) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _sum_up_steps(before: Mapping[str, Any], points: Points) -> dict[str, Any]:
    """Return what is known of a series' steps with these points added to it."""
    steps = points.steps
    is_rising = bool((steps[1:] > steps[:-1]).all()) and math.isfinite(steps[0])
    if not before.get("points"):
        return {"first_step": float(steps[0]), "is_rising": is_rising, "purges": None}
    is_rising = is_rising and bool(before["is_rising"]) and float(steps[0]) > before["last_step"]
    return {"first_step": before["first_step"], "is_rising": is_rising, "purges": before["purges"]}


def _take_back(connection: Connection, known: Mapping[tuple[str, SeriesKind], _Growing], step: float) -> None:
    """Note of the series so far that their points from ``step`` on are taken back."""
    changed = []
    for one in known.values():
        values = one.values
        is_before = values["is_rising"] and values["last_step"] is not None and values["last_step"] < step
        if values["points"] and not is_before:
            told = [purge for purge in orjson.loads(values["purges"] or "[]") if purge[0] < step]
            values = {**values, "purges": orjson.dumps([*told, [step, values["points"]]][-_MOST_PURGES:]).decode()}
            one.values = values
            changed.append({"b_id": one.id, **values})
    if changed:
        connection.execute(_UPDATE, changed)


def _earliest(columns: SeriesColumns, before: float | None) -> float | None:
    """Return the earliest finite time of the columns and ``before``."""
    found = [] if before is None else [before]
    found += [earliest for column in columns.values() if (earliest := _earliest_of(column)) is not None]
    return min(found, default=None)


def _earliest_of(column: SeriesColumn) -> float | None:
    times = np.asarray(column.times)
    finite = times[np.isfinite(times)]
    return float(finite.min()) if len(finite) else None
