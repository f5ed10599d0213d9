"""What a table of runs shows beyond the runs' own fields: which columns there could be, their values, and group counts.

Reads only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, func, select

from runferry.errors import InvalidRequest
from runferry.store.db import Database, split
from runferry.store.run_facts import find_config, flatten
from runferry.store.run_list import RunFilter, select_listed, select_matching, select_visible
from runferry.store.tables import runs, series, servers

SAMPLED = 500
"""How many of the newest runs are asked for the names of their values."""

LONGEST_TEXT = 200

Scalar = str | float | int | bool | None

GROUPS: dict[str, ColumnElement[str]] = {
    "server": servers.c.label,
    "project": runs.c.project,
    "name": runs.c.name,
    "status": runs.c.state,
}


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A value that runs have: ``source`` is config, summary or metric; ``runs`` counts those sampled that have it."""

    name: str
    source: str
    runs: int


class RunTable:
    """Every call blocks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def list_columns(self) -> list[ColumnName]:
        """Return the names that the newest runs have values for, the most frequent first."""
        counts: Counter[tuple[str, str]] = Counter()
        with self._db.reading() as connection:
            visible = select_visible(connection)
            newest = select(runs.c.id).where(visible).order_by(runs.c.created_at.desc()).limit(SAMPLED).subquery()
            rows = connection.execute(
                select(runs.c.summary, runs.c.meta, runs.c.assets).join(newest, newest.c.id == runs.c.id)
            )
            for summary, meta, assets in rows:
                config, rest = read_values(summary, meta, assets)
                counts.update(("config", name) for name in config)
                counts.update(("summary", name) for name in rest)
            query = select(series.c.key, func.count()).join(newest, newest.c.id == series.c.run_id)
            numbers = query.where(series.c.kind != "text").group_by(series.c.key)
            counts.update({("metric", key): count for key, count in connection.execute(numbers)})
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0][1]))
        return [ColumnName(name, source, count) for (source, name), count in ranked]

    def list_values(self, keys: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Scalar]]:
        """Return the named values of runs by key: of the configuration, else the summary, else a metric's last one.

        A metric's last value that is not finite is its name as a text.
        """
        wanted = set(names)
        found: dict[str, dict[str, Scalar]] = {}
        with self._db.reading() as connection:
            visible = select_visible(connection)
            for part in split(keys):
                query = select(runs.c.id, runs.c.key, runs.c.summary, runs.c.meta, runs.c.assets)
                rows = connection.execute(query.where(runs.c.key.in_(part), visible)).all()
                by_id = {row.id: found.setdefault(row.key, {}) for row in rows}
                metrics = select(series.c.run_id, series.c.key, series.c.last, series.c.last_text)
                chosen = metrics.where(series.c.run_id.in_(by_id), series.c.key.in_(wanted))
                # Of files that continue each other the last one tells; it was found after those before it.
                for run_id, name, last, text in connection.execute(chosen.order_by(series.c.id)):
                    by_id[run_id][name] = last if text is None else text[:LONGEST_TEXT]
                for row in rows:
                    config, rest = read_values(row.summary, row.meta, row.assets)
                    told = {**rest, **config}
                    by_id[row.id].update({name: value for name, value in told.items() if name in wanted})
        return found

    def count_groups(self, chosen: RunFilter, by: str) -> list[tuple[str, int]]:
        """Return how many of the matching runs each value of a field has, by value. Raises InvalidRequest."""
        if by not in GROUPS:
            raise InvalidRequest(f"by must be one of {', '.join(GROUPS)}; not {by!r}")
        with self._db.reading() as connection:
            value = GROUPS[by].label("value")
            query = select_matching(chosen, select_listed(connection, chosen), value, func.count())
            query = query.join(servers, servers.c.id == runs.c.server_id) if by == "server" else query
            rows = connection.execute(query.group_by("value").order_by("value"))
            return [(value or "", count) for value, count in rows]


def read_values(summary: str, meta: str, assets: str) -> tuple[Mapping[str, Scalar], Mapping[str, Scalar]]:
    """Return the single values of a run's configuration and of its summary, from its stored documents."""
    told, about, kept = orjson.loads(summary), orjson.loads(meta), orjson.loads(assets)
    config = find_config(told, about, kept)
    rest = {key: value for key, value in told.items() if value is not config}
    return take_scalars(flatten(config)), take_scalars(flatten(rest))


def take_scalars(values: Mapping[str, object]) -> dict[str, Scalar]:
    """Return the values one can show in a cell; texts cut to what fits."""
    found: dict[str, Scalar] = {}
    for name, value in values.items():
        if isinstance(value, str):
            found[name] = value[:LONGEST_TEXT]
        elif value is None or isinstance(value, (bool, int, float)):
            found[name] = value
    return found
