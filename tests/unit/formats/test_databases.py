"""Runs in SQLite files: Trackio's and MLflow's, from snapshots, with a log beside or without."""

from __future__ import annotations

import math
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.foreign_runs import points_of, spell, unpack_root

from runferry.formats.databases import DatabaseContent, DatabaseRun, Unreadable, open_snapshot
from runferry.formats.listing import Listing
from runferry.formats.mlflow_db import find_databases as find_mlflow
from runferry.formats.mlflow_db import find_media, read_mlflow_db
from runferry.formats.trackio import find_databases as find_trackio
from runferry.formats.trackio import read_trackio
from runferry.model import SeriesKind


def metrics_of(run: DatabaseRun) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for (key, kind), column in run.found.columns.items():
        if kind is not SeriesKind.TEXT:
            assert not isinstance(column.values, list)
            found[key] = list(zip(column.steps, column.values, strict=True))
    return found


def make_trackio(path: Path) -> sqlite3.Connection:
    """Make a database as Trackio does, in WAL mode; the connection stays open, as a live run's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, timestamp TEXT NOT NULL,"
        " run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)"
    )
    return connection


def write_row(connection: sqlite3.Connection, step: int, metrics: str, run: str = "one") -> None:
    connection.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)",
        (f"id-{run}", "2026-11-22T18:55:03+00:00", run, step, metrics),
    )


def test_trackios_runs_are_read_as_logged(tmp_path: Path) -> None:
    sample = unpack_root("trackio", tmp_path)
    assert set(find_trackio(sample.listing)) == {"demo.db"}
    content = read_trackio(sample.root / "demo.db", name="demo.db")
    assert content.problem is None
    assert {run.run.path for run in content.runs} == set(sample.expected)
    for one in content.runs:
        expected = sample.expected[one.run.path]
        assert spell(metrics_of(one)) == spell(points_of(expected))
        assert one.run.name == expected["name"]
        assert one.run.project == expected["extra"]["project"]
        assert one.run.meta.get("params", {}) == expected["params"]
        assert len(one.found.media) == expected["n_images"]
        assert all((sample.root / item.path).is_file() for item in one.found.media)
        assert one.run.status == "", "the database has no status: none is made up"


def test_mlflows_runs_are_read_as_logged(tmp_path: Path) -> None:
    sample = unpack_root("mlflow_sqlite", tmp_path)
    assert set(find_mlflow(sample.listing)) == {"mlflow.db"}
    content = read_mlflow_db(sample.root / "mlflow.db", name="mlflow.db")
    assert content.problem is None
    assert {run.run.id for run in content.runs} == set(sample.expected)
    for one in content.runs:
        expected = sample.expected[one.run.id]
        assert spell(metrics_of(one)) == spell(points_of(expected))
        assert (one.run.name, one.run.status) == (expected["name"], expected["status"])
        assert one.run.project == expected["extra"]["experiment"]
        assert one.run.meta.get("params", {}) == expected["params"]
        assert one.run.meta.get("tags", {}) == expected["tags"]
        assert one.run.meta.get("parent") == expected["extra"].get("parent_run_id")
        media = find_media(one.run, sample.listing)
        assert len(media) == expected["n_images"]
        assert all((sample.root / item.path).is_file() for item in media)


def test_only_rows_after_the_mark_are_points_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    connection = make_trackio(path)
    write_row(
        connection, 0, '{"loss": 1.5, "nan": "NaN", "deep": {"a": {"b": 2}}, "is": true, "text": "x", "none": null}'
    )
    first = read_trackio(path)
    write_row(connection, 1, '{"loss": 0.5}')
    write_row(connection, 0, '{"loss": "Infinity"}', run="two")
    second = read_trackio(path, after=first.mark)
    connection.close()
    assert {key: len(column) for (key, _), column in first.runs[0].found.columns.items()} == dict.fromkeys(
        ("loss", "nan", "deep/a/b", "is", "text"), 1
    )
    assert [metrics_of(run) for run in second.runs] == [{"loss": [(1.0, 0.5)]}, {"loss": [(0.0, math.inf)]}]
    assert not second.is_restart


def test_points_stay_in_the_order_they_were_written_in_though_a_clock_goes_back(tmp_path: Path) -> None:
    unpack_root("mlflow_sqlite", tmp_path)
    path = next(tmp_path.rglob("mlflow.db"))
    read = read_mlflow_db(path)
    with sqlite3.connect(path, isolation_level=None) as connection:
        run_id = connection.execute("SELECT run_uuid FROM runs").fetchone()[0]
        add = "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('clock', ?, ?, ?, 1, 0)"
        connection.execute(add, (1.0, 2_000_000_000_000, run_id))
        mark = read_mlflow_db(path, after=read.mark).mark
        connection.execute(add, (2.0, 1_000_000_000_000, run_id))
    for after, values in ((0, [1.0, 2.0]), (read.mark, [1.0, 2.0]), (mark, [2.0])):
        found = [metrics_of(one).get("clock", []) for one in read_mlflow_db(path, after=after).runs]
        assert [value for points in found for _, value in points] == values


def test_another_database_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    connection = make_trackio(path)
    write_row(connection, 0, '{"loss": 1.5}')
    connection.close()
    content = read_trackio(path, after=1000)
    assert content.is_restart
    assert metrics_of(content.runs[0]) == {"loss": [(0.0, 1.5)]}


def test_a_snapshot_with_its_log_has_what_the_database_alone_has_not(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    connection = make_trackio(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for step in range(70):
        write_row(connection, step, f'{{"loss": {step}}}')
    alone, both = tmp_path / "alone.db", tmp_path / "both.db"
    for target in (alone, both):
        shutil.copy(path, target)
    shutil.copy(f"{path}-wal", f"{both}-wal")
    connection.close()
    assert sum(run.found.points for run in read_trackio(alone).runs) == 0
    assert sum(run.found.points for run in read_trackio(both).runs) == 70


def test_rows_that_hold_nonsense_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    connection = make_trackio(path)
    for text in ("{", "[1]", "", "null", '{"loss": 1}'):
        write_row(connection, 0, text)
    connection.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES ('id-one', 1, 'one', 'x', 2)"
    )
    connection.close()
    (run,) = read_trackio(path).runs
    assert run.found.bad == 5
    assert metrics_of(run) == {"loss": [(0.0, 1.0)]}


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW metrics AS SELECT 1 AS id, 2 AS run_id, 3 AS timestamp, 4 AS run_name, 5 AS step, 6 AS metrics",
        "CREATE TABLE metrics (id INTEGER)",
        "CREATE TABLE metrics (id, run_id, run_name, timestamp, step, metrics AS (hex(id)))",
        "CREATE TABLE other (id INTEGER)",
    ],
)
def test_what_is_no_plain_table_of_metrics_is_not_read(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "strange.db"
    connection = sqlite3.connect(path)
    connection.execute(schema)
    connection.close()
    content = read_trackio(path)
    assert not content.runs
    assert content.problem
    assert read_mlflow_db(path).problem


def test_reading_ends_when_it_takes_too_long(tmp_path: Path) -> None:
    path = tmp_path / "slow.db"
    sqlite3.connect(path).close()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(Unreadable), open_snapshot(path, patience=0.05) as connection:
        connection.execute(endless).fetchall()


def read_both(path: Path) -> list[DatabaseContent]:
    return [read_trackio(path), read_mlflow_db(path)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200))
def test_a_damaged_database_is_never_an_exception(tmp_path: Path, seed: int, count: int) -> None:
    for tool, name in (("trackio", "demo.db"), ("mlflow_sqlite", "mlflow.db")):
        if not (tmp_path / tool).exists():
            unpack_root(tool, tmp_path)
        data = bytearray((tmp_path / tool / name).read_bytes())
        chance = random.Random(seed)
        for _ in range(count):
            data[chance.randrange(len(data))] = chance.randrange(256)
        damaged = tmp_path / "damaged.db"
        damaged.write_bytes(data[: chance.randrange(len(data))] if count % 2 else data)
        for content in read_both(damaged):
            assert content.problem is None or content.problem.endswith(".")


def test_listings_without_databases_name_none() -> None:
    listing = Listing(["a/data.db", "a/b.txt", "mlflow.dbx"])
    assert not find_trackio(listing)
    assert not find_mlflow(listing)
