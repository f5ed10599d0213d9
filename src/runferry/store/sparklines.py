"""Tiny pictures of runs' main metrics for lists: a few dozen values each, from what is here. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from runferry.store.db import Database, split
from runferry.store.run_list import select_visible
from runferry.store.tables import chunks, runs, series

POINTS = 40
MOST_CHUNKS = 40


@dataclass(frozen=True, slots=True)
class Sparkline:
    """``values`` in the order they were written; None where one is not finite."""

    metric: str
    values: Sequence[float | None]


class Sparklines:
    """Every call blocks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def draw(self, keys: Sequence[str], metric: str | None = None) -> dict[str, Sparkline]:
        """Return a picture of each run that has anything to draw: of ``metric``, else of its main one, by run key."""
        found: dict[str, Sparkline] = {}
        with self._db.reading() as connection:
            visible = select_visible(connection)
            for part in split(keys):
                query = select(runs.c.id, runs.c.key, runs.c.best_metric_name).where(runs.c.key.in_(part), visible)
                rows = connection.execute(query).all()
                names = find_names(connection, [row.id for row in rows])
                for row in rows:
                    chosen = choose_metric(names.get(row.id, {}), metric, row.best_metric_name)
                    if chosen is not None:
                        found[row.key] = Sparkline(chosen, read_values(connection, names[row.id][chosen]))
        return found


def find_names(connection: Connection, run_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the series of numbers of each run: ids by name, in the order they were first seen."""
    query = select(series.c.run_id, series.c.key, series.c.id).where(
        series.c.run_id.in_(run_ids), series.c.kind == "number"
    )
    found: dict[int, dict[str, int]] = {}
    for run_id, key, series_id in connection.execute(query.order_by(series.c.id)):
        found.setdefault(run_id, {}).setdefault(key, series_id)
    return found


def choose_metric(names: Mapping[str, int], wanted: str | None, best: str | None) -> str | None:
    """Return the metric to draw: the one asked for, else the run's best one, else a loss, else the first."""
    if wanted is not None:
        return wanted if wanted in names else None
    if best is not None and best in names:
        return best
    losses = (name for name in names if "loss" in name.casefold())
    return next(losses, next(iter(names), None))


def read_values(connection: Connection, series_id: int) -> Sequence[float | None]:
    """Return evenly chosen values of a series, its last one among them."""
    mine = chunks.c.series_id == series_id
    counts = connection.execute(select(chunks.c.number, chunks.c.count).where(mine).order_by(chunks.c.number)).all()
    chosen = pick([row.number for row in counts], MOST_CHUNKS)
    data = connection.execute(
        select(chunks.c["values"]).where(mine, chunks.c.number.in_(chosen)).order_by(chunks.c.number)
    ).scalars()
    parts = [np.frombuffer(blob, dtype="<f8") for blob in data]
    if not parts:
        return []
    values = np.concatenate(parts)
    places = np.unique(np.linspace(0, len(values) - 1, min(POINTS, len(values))).round().astype(np.int64))
    return [float(value) if np.isfinite(value) else None for value in values[places]]


def pick(numbers: Sequence[int], most: int) -> list[int]:
    """Return at most so many of the numbers, evenly, the last one among them."""
    if len(numbers) <= most:
        return list(numbers)
    step = (len(numbers) - 1) / (most - 1)
    return [numbers[round(index * step)] for index in range(most)]
