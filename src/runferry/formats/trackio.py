"""Trackio's databases: ``<project>.db``, one per project, several runs in each. Reads snapshots only."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
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
from runferry.formats.document import read_document
from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.runicorn_events import clean
from runferry.formats.values import MISSING, read_json, read_number, read_time
from runferry.model import MediaItem, SeriesKind

FORMAT = "trackio"
TITLE = "Trackio"

_METRICS = ("id", "run_id", "run_name", "timestamp", "step", "metrics")
_CONFIGS = ("run_id", "run_name", "config", "created_at")
_DEPTH = 16


def find_databases(listing: Listing) -> dict[str, str]:
    """Return the databases of a listing, each with the evidence: its lock, or media of the same name beside it."""
    found: dict[str, str] = {}
    for directory, name in listing.of_kind(".db"):
        start = f"{directory}/" if directory else ""
        project = name[:-3]
        if f"{start}{project}.lock" in listing:
            found[start + name] = f"lies beside {project}.lock"
        elif listing.names_in(f"{start}media/{project}") or directory.rpartition("/")[2] == "trackio":
            found[start + name] = f"lies where Trackio keeps {project}"
    return found


def read_trackio(path: Path, *, name: str = "", after: int = 0) -> DatabaseContent:
    """Read the snapshot at ``path`` of the database whose path below the sync's root is ``name``.

    Points are those of rows after the mark ``after``. Runs are called ``<name>#<run>``; their format has no status.
    """
    content = DatabaseContent(mark=after)
    try:
        with open_snapshot(path) as connection:
            if has_table(connection, "metrics", _METRICS):
                _read(connection, name or path.name, content)
            else:
                content.problem = "It is not a database of Trackio's."
    except Unreadable as error:
        content.problem = f"The database cannot be read: {error}."
    return content


def _read(connection: sqlite3.Connection, name: str, content: DatabaseContent) -> None:
    after = check_mark(connection, content)
    named: dict[str, str] = {}
    configs: dict[str, dict[str, object]] = {}
    starts: dict[str, float] = {}
    if has_table(connection, "configs", _CONFIGS):
        for run_id, run_name, config, created in connection.execute(
            "SELECT run_id, run_name, config, created_at FROM configs ORDER BY id"
        ):
            named[str(run_id)] = str(run_name)
            configs[str(run_id)] = dict(read_document(_bytes(config)) or {})
            starts[str(run_id)] = read_time(configs[str(run_id)].get("_Created") or created)
    for run_id, run_name in connection.execute("SELECT run_id, run_name FROM metrics GROUP BY run_id ORDER BY min(id)"):
        named.setdefault(str(run_id), str(run_name))
    found = {run_id: Findings() for run_id in named}
    query = "SELECT id, run_id, timestamp, step, metrics FROM metrics WHERE id > ? ORDER BY id"
    for row_id, run_id, time, step, metrics in connection.execute(query, (after,)):
        content.mark = max(content.mark, int(row_id))
        findings = found.setdefault(str(run_id), Findings())
        _take(findings, step, time, _bytes(metrics))
    counts = Counter(named.values())
    for run_id, run_name in named.items():
        called = run_name if counts[run_name] == 1 else f"{run_name}~{run_id[:8]}"
        params = {key: value for key, value in configs.get(run_id, {}).items() if not key.startswith("_")}
        project = name.rpartition("/")[2].removesuffix(".db")
        card: dict[str, object] = {"id": clean(run_id), "name": run_name, "project": project}
        card |= {"started_at": starts.get(run_id), "group": configs.get(run_id, {}).get("_Group")}
        run = make_run(f"{name}#{called}", FORMAT, card, params)
        content.runs.append(DatabaseRun(run, found[run_id]))


def _take(found: Findings, step: object, time: object, data: bytes) -> None:
    row, at = read_json(data), read_number(step)
    if row is MISSING or not isinstance(row, dict) or at is None:
        found.note_bad("A row's metrics are no JSON object.")
        return
    _add(found, row, "", at, read_time(time))


def _add(found: Findings, row: dict[str, object], prefix: str, step: float, time: float) -> None:
    for name, value in row.items():
        key = prefix + clean(name)
        if isinstance(value, dict):
            if isinstance(value.get("_type"), str):
                _add_media(found, key, value, step, time)
            elif prefix.count("/") < _DEPTH:
                _add(found, value, f"{key}/", step, time)
        elif isinstance(value, bool):
            found.add(key, SeriesKind.BOOLEAN, step=step, time=time, value=float(value))
        elif (number := read_number(value)) is not None:
            found.add(key, SeriesKind.NUMBER, step=step, time=time, value=number)
        elif isinstance(value, str):
            found.add(key, SeriesKind.TEXT, step=step, time=time, value=clean(value)[:10_000])


def _add_media(found: Findings, key: str, value: dict[str, object], step: float, time: float) -> None:
    path, caption = value.get("file_path"), value.get("caption")
    if value["_type"] != "trackio.image" or not isinstance(path, str):
        found.note_skipped(clean(str(value["_type"]))[:40])
        return
    text = clean(caption)[:2000] if isinstance(caption, str) else None
    when = None if math.isnan(time) else time
    found.media.append(MediaItem("image", key[:2000], f"media/{clean(path)}", step, when, text))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
