"""MLflow's SQLite store (``mlflow.db``). Reads snapshots only."""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections import defaultdict
from pathlib import Path

from runferry.formats.cards import make_run
from runferry.formats.databases import (
    DatabaseContent,
    DatabaseRun,
    Unreadable,
    check_mark,
    has_table,
    open_snapshot,
)
from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.mlflow import is_image, read_status, read_tags
from runferry.formats.runicorn_events import clean
from runferry.formats.values import read_number, read_time
from runferry.model import MediaItem, Run

FORMAT = "mlflow_sqlite"
TITLE = "MLflow (database)"

_RUNS = ("run_uuid", "name", "status", "lifecycle_stage", "start_time", "end_time", "experiment_id")
_METRICS = ("key", "value", "timestamp", "run_uuid", "step", "is_nan")
_PAIRS = ("run_uuid", "key", "value")
_LARGEST = 1.7976931348623157e308  # stands for infinity


def find_databases(listing: Listing) -> dict[str, str]:
    """Return the databases of a listing, each with the evidence: their name."""
    found = (f"{directory}/mlflow.db" if directory else "mlflow.db" for directory in listing.dirs_with("mlflow.db"))
    return dict.fromkeys(found, "is called mlflow.db")


def read_mlflow_db(path: Path, *, name: str = "", after: int = 0) -> DatabaseContent:
    """Read the snapshot at ``path`` of the database whose path below the sync's root is ``name``.

    Points are those of rows after the mark ``after``, a rowid. Runs are called ``<name>#<run id>``. Which images a run
    has is told by the tree beside the database: see ``find_media``.
    """
    content = DatabaseContent(mark=after)
    try:
        with open_snapshot(path) as connection:
            if has_table(connection, "runs", _RUNS) and has_table(connection, "metrics", _METRICS):
                _read(connection, name or path.name, content)
            else:
                content.problem = "It is not a database of MLflow's."
    except Unreadable as error:
        content.problem = f"The database cannot be read: {error}."
    return content


def find_media(run: Run, listing: Listing) -> list[MediaItem]:
    """Return the images among a run's artifacts, as paths relative to where the database lies."""
    directory = run.path.rpartition("#")[0].rpartition("/")[0]
    found: list[MediaItem] = []
    for store in ("mlruns", "mlartifacts"):
        place = f"{store}/{run.meta.get('experiment_id')}/{run.id}/artifacts"
        names = listing.below(f"{directory}/{place}" if directory else place)
        found += [MediaItem("image", name, f"{place}/{name}") for name in names if is_image(name)]
    return found


def _read(connection: sqlite3.Connection, name: str, content: DatabaseContent) -> None:
    after = check_mark(connection, content)
    params, tags = _read_pairs(connection, "params"), _read_pairs(connection, "tags")
    found = _read_metrics(connection, after, content)
    experiments: dict[object, str] = {}
    if has_table(connection, "experiments", ("experiment_id", "name")):
        experiments = dict(connection.execute("SELECT experiment_id, name FROM experiments"))
    query = "SELECT run_uuid, name, status, lifecycle_stage, start_time, end_time, experiment_id FROM runs"
    for run_id, run_name, status, stage, start, end, experiment in connection.execute(query):
        own = tags.get(run_id, {})
        card: dict[str, object] = {
            "id": run_id,
            "name": run_name or own.get("mlflow.runName"),
            "project": experiments.get(experiment),
            "started_at": _time(start),
            "ended_at": _time(end),
            "experiment_id": experiment,
        }
        card |= read_status(str(status or "")) | read_tags(own)
        if stage == "deleted":
            card["deleted_at"] = card["ended_at"] or 0.0
        run = make_run(f"{name}#{clean(str(run_id))}", FORMAT, card, params.get(run_id, {}))
        content.runs.append(DatabaseRun(run, found.get(run_id) or Findings()))


def _read_pairs(connection: sqlite3.Connection, table: str) -> dict[object, dict[str, str]]:
    pairs: dict[object, dict[str, str]] = defaultdict(dict)
    if has_table(connection, table, _PAIRS):
        for run_id, key, value in connection.execute(f"SELECT run_uuid, key, value FROM {table}"):  # noqa: S608
            pairs[run_id][clean(str(key))] = clean(str(value))[:10_000]
    return pairs


def _read_metrics(connection: sqlite3.Connection, after: int, content: DatabaseContent) -> dict[object, Findings]:
    found: dict[object, Findings] = defaultdict(Findings)
    query = "SELECT rowid, key, value, timestamp, run_uuid, step, is_nan FROM metrics WHERE rowid > ? ORDER BY rowid"
    for rowid, key, value, time, run_id, step, is_nan in connection.execute(query, (after,)):
        content.mark = max(content.mark, int(rowid))
        number, at = read_number(value), read_number(step)
        if number is None or at is None:
            found[run_id].note_bad("A metric's value is no number.")
            continue
        if is_nan:
            number = math.nan
        elif abs(number) == _LARGEST:
            number = math.copysign(math.inf, number)
        columns = (array("d", [at]), array("d", [read_time(time)]), array("d", [number]))
        found[run_id].extend(clean(str(key)), steps=columns[0], times=columns[1], values=columns[2])
    return found


def _time(value: object) -> float | None:
    time = read_time(value)
    return None if math.isnan(time) else time
