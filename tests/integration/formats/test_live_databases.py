"""Databases that are being written on a real server: nothing is written there, and what is shown was committed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.support.connecting import key_of, open_to
from tests.support.ferry import Ferry
from tests.support.foreign_runs import points_of, spell, unpack_root
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.formats.trackio import read_trackio
from runferry.model import Problem, SeriesKind
from runferry.remote.open import Transport, open_remote
from runferry.service.snapshots import Snapshots
from runferry.service.views import RunView
from runferry.store.db import Database
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunStore
from runferry.store.series import SeriesStore
from runferry.sync.spec import Mode

WRITER = """
import sqlite3, sys
path, mode, checkpoint, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
connection = sqlite3.connect(path, isolation_level=None, timeout=30)
connection.execute(f"PRAGMA journal_mode={mode}")
connection.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")
connection.execute("PRAGMA synchronous=OFF")
connection.execute("PRAGMA cache_size=10")
connection.execute("CREATE TABLE IF NOT EXISTS metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL,"
    " timestamp TEXT NOT NULL, run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL, pad TEXT)")
print("ready", flush=True)
step = connection.execute("SELECT count(*) FROM metrics").fetchone()[0] // 2
for step in range(step, step + rows):
    connection.execute("BEGIN IMMEDIATE")
    for run in "ab":
        connection.execute("INSERT INTO metrics (run_id, timestamp, run_name, step, metrics, pad) VALUES (?,?,?,?,?,?)",
            (run, "2026-11-22T18:55:03+00:00", run, step, '{"loss": %d.5}' % step, "x" * (step % 3000)))
    if step > 50:
        connection.execute("UPDATE metrics SET pad = ? WHERE id = ?", ("y" * (step % 5000), step))
    connection.execute("COMMIT")
print("done", flush=True)
sys.stdin.read()
"""


@contextmanager
def writing(path: Path, mode: str, *, checkpoint: int = 1000, rows: int = 3000) -> Iterator[subprocess.Popen[str]]:
    """Have a process commit rows of two runs; then it keeps the database open until the end of the context."""
    command = [sys.executable, "-c", WRITER, str(path), mode, str(checkpoint), str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(30)


def stat_all(root: Path) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        found[str(path)] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
    return found


def points_in(ferry: Ferry) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return the points of all runs, by their paths, as the index has them."""
    db = Database(ferry.data_dir / "runferry.db")
    db.open()
    try:
        store = SeriesStore(db)
        rows, _ = RunStore(db).list_runs(RunFilter())
        found: dict[str, dict[str, list[tuple[float, float]]]] = {}
        for run in rows:
            found[run.path] = {}
            for series in store.list_series(run.id):
                points = store.load(series)
                if series.kind is not SeriesKind.TEXT and points is not None:
                    assert not isinstance(points.values, list)
                    pairs = zip(points.steps.tolist(), points.values.tolist(), strict=True)
                    found[run.path][series.key] = list(pairs)
        return found
    finally:
        db.close()


async def list_runs(ferry: Ferry) -> dict[str, RunView]:
    views, _ = await ferry.service.list_runs(RunFilter())
    return {view.path: view for view in views}


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.SMART])
@pytest.mark.parametrize("tool", ["trackio", "mlflow_sqlite"])
async def test_runs_in_databases_are_shown_as_logged_and_nothing_is_touched(
    sshd: Sshd, tmp_path: Path, tool: str, mode: Mode
) -> None:
    sample = unpack_root(tool, tmp_path / "server")
    expected = {path if "#" in path else f"mlflow.db#{path}": run for path, run in sample.expected.items()}
    before = stat_all(sample.root)
    wanted = {path: spell(points_of(run)) for path, run in expected.items()}

    def has_all() -> bool:
        found = {path: spell(points) for path, points in points_in(ferry).items()}
        return {path: found.get(path) for path in wanted} == wanted

    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        await ferry.keep(sample.root, mode)
        await eventually(has_all, within=20, every=0.09, what="all points of all runs")
        shown = await list_runs(ferry)
        assert set(shown) == set(expected)
        found = await ferry.service.overview.preview(str(sample.root), None, seconds=20)
        assert sum(found.databases.values()) == 1
        assert {path: view.name for path, view in shown.items()} == {
            path: run["name"] for path, run in expected.items()
        }
        for path, view in shown.items():
            told = await ferry.service.series.catalogue(view.key)
            assert {row.key for row in told.rows} >= set(wanted[path])
            assert told.source.local == "full"
        assert stat_all(sample.root) == before
        (sample.root / ("demo.db" if tool == "trackio" else "mlflow.db")).unlink()

        async def are_gone() -> bool:
            return all(view.gone_at is not None for view in (await list_runs(ferry)).values())

        await eventually(are_gone, within=20, what="the runs to be gone with their database")
        assert not list((ferry.data_dir / "snapshots").rglob("*-shm"))


@pytest.mark.parametrize("transport", ["agent", "sftp"])
@pytest.mark.parametrize(("journal", "checkpoint"), [("WAL", 20), ("WAL", 0), ("DELETE", 0), ("TRUNCATE", 0)])
async def test_every_snapshot_of_a_busy_database_is_a_state_that_was_committed(
    sshd: Sshd, tmp_path: Path, transport: Transport, journal: str, checkpoint: int
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    link = await open_to(sshd, key_of(sshd), tmp_path)
    remote = await open_remote(link, prefer=transport)
    snapshots = Snapshots(remote, str(root), tmp_path / "snapshots")
    taken = 0
    try:
        with writing(root / "live.db", journal, checkpoint=checkpoint, rows=1500) as writer:
            is_done = False
            while not is_done:
                is_done = _has_all(root)
                snapshot = await snapshots.take("live.db")
                if not isinstance(snapshot, Problem):
                    taken += 1
                    _check(snapshot)
            assert writer.poll() is None
            last = await snapshots.take("live.db")
            assert not isinstance(last, Problem), last
            assert _check(last) == 1500
    finally:
        await remote.close()
        await link.close()
    assert taken >= 1


def _has_all(root: Path) -> bool:
    with closing(sqlite3.connect(root / "live.db", timeout=30)) as connection:
        return bool(connection.execute("SELECT count(*) FROM metrics").fetchone()[0] >= 3000)


def _check(snapshot: Path) -> int:
    """Check one snapshot, and return how many steps are in it."""
    with closing(sqlite3.connect(snapshot)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        steps = connection.execute("SELECT step, run_id FROM metrics ORDER BY id").fetchall()
    count = len(steps) // 2
    assert steps == [(step, run) for step in range(count) for run in "ab"], "whole transactions, a prefix"
    return count


@pytest.mark.parametrize(("journal", "checkpoint"), [("WAL", 50), ("DELETE", 0)])
async def test_points_of_a_live_database_come_once_also_over_a_restart(
    sshd: Sshd, tmp_path: Path, journal: str, checkpoint: int
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "live.lock").touch()
    (root / "broken.lock").touch()
    (root / "broken.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)

    def has(count: int) -> bool:
        found = {path: points.get("loss", []) for path, points in points_in(ferry).items()}
        assert all(some == [(float(at), at + 0.5) for at in range(len(some))] for some in found.values()), "a prefix"
        return [len(found.get(f"live.db#{run}", ())) for run in "ab"] == [count, count]

    async def is_told() -> bool:
        return "broken.db" in {problem.path for problem in (await ferry.sync()).problems}

    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        with writing(root / "live.db", journal, checkpoint=checkpoint, rows=600):
            await ferry.keep(root)
            await eventually(lambda: has(600), within=30, every=0.09, what="all points")
            await eventually(is_told, within=20, what="what is wrong with the other database")
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        with writing(root / "live.db", journal, checkpoint=checkpoint, rows=300):
            await eventually(lambda: has(900), within=30, every=0.09, what="what came after the restart")
    assert read_trackio(root / "live.db").problem is None
