"""Writes what ``run_facts`` derives from runs into its tables. It decides nothing and reads no documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, select

from runferry.model import Run
from runferry.store.db import split, upsert_plainly
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


def write_facts(
    connection: Connection, sync_id: int, server_id: int, found: Sequence[Run], *, outdated: Iterable[int]
) -> None:
    """Bring values and artifact places of these runs, whose rows are there, in step; ``outdated`` rows had some."""
    _forget(connection, outdated)
    ids = _find_ids(connection, sync_id, [run.path for run in found])
    values: list[tuple[object, ...]] = []
    places: list[tuple[object, ...]] = []
    for run in {run.path: run for run in found}.values():
        row_id = ids[run.path]
        values += [(row_id, key, value) for key, value in find_values(run).items()]
        places += [(row_id, *place, server_id) for place in find_artifact_places(run.assets)]
    upsert_plainly(connection, run_values, _VALUE, values, keys=_VALUE[:2])
    upsert_plainly(connection, run_artifacts, _PLACE, places, keys=_PLACE[:3])


_VALUE = ("run_id", "key", "value")
_PLACE = ("run_id", "relation", "place", "server_id")
_IDS = select(runs.c.path, runs.c.id).where(
    runs.c.sync_id == bindparam("sync_id"), runs.c.path.in_(bindparam("paths", expanding=True))
)


def _find_ids(connection: Connection, sync_id: int, paths: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in split(paths):
        rows = connection.execute(_IDS, {"sync_id": sync_id, "paths": part})
        found.update((path, row_id) for path, row_id in rows)
    return found


def _forget(connection: Connection, row_ids: Iterable[int]) -> None:
    for part in split(row_ids):
        for table in (run_values, run_artifacts):
            connection.execute(delete(table).where(table.c.run_id.in_(part)))
