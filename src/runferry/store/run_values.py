"""Writes what ``run_facts`` derives from runs into its tables. It decides nothing and reads no documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table, delete, insert, select

from runferry.model import Run
from runferry.store.db import split
from runferry.store.run_facts import (
    find_artifact_places,
    find_score,
    find_tags,
    find_values,
    make_search_text,
    make_tag_text,
)
from runferry.store.tables import run_artifacts, run_values, runs


def derive_columns(run: Run, key: str) -> dict[str, object]:
    """Return the columns of ``runs`` that are derived from a run's documents and its key."""
    return {
        "best_score": find_score(run),
        "tags": make_tag_text(find_tags(run.summary, run.meta)),
        "search": make_search_text(key, run.project, run.name),
    }


def write_facts(connection: Connection, sync_id: int, server_id: int, found: Sequence[Run]) -> None:
    """Bring values and artifact places of these runs, whose rows are there, in step."""
    by_path = {run.path: run for run in found}
    values: list[dict[str, object]] = []
    places: list[dict[str, object]] = []
    for row_id, path in _find_ids(connection, sync_id, by_path).items():
        run = by_path[path]
        values += [{"run_id": row_id, "key": key, "value": value} for key, value in find_values(run).items()]
        places += [
            {"run_id": row_id, "server_id": server_id, "relation": relation, "place": place}
            for relation, place in find_artifact_places(run.assets)
        ]
    _insert(connection, run_values, values)
    _insert(connection, run_artifacts, places)


def _find_ids(connection: Connection, sync_id: int, paths: Mapping[str, Run]) -> dict[int, str]:
    """Return the row ids, and forget what was derived for them before."""
    found: dict[int, str] = {}
    for part in split(paths):
        rows = connection.execute(
            select(runs.c.id, runs.c.path).where(runs.c.sync_id == sync_id, runs.c.path.in_(part))
        )
        ids = {row.id: row.path for row in rows}
        for table in (run_values, run_artifacts):
            connection.execute(delete(table).where(table.c.run_id.in_(ids)))
        found |= ids
    return found


def _insert(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
