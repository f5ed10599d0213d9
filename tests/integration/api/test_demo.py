"""The demo inside a running server: it comes with one request, says what it is, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.integration.api.running import Running, expect, run_server
from tests.support.ferry import files_below, write_run
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually, eventually_now

from runferry.config import load_settings
from runferry.demo.stage import open_stage
from runferry.service import Service
from runferry.store.db import Database
from runferry.store.tables import connections, facts, files, runs, servers, syncs


@pytest.fixture
def server(tmp_path: Path, home: Path) -> Iterator[Running]:
    """A server with an empty data directory that offers the demo, as ``runferry serve`` does."""
    with run_server(tmp_path / "data", open_demo=open_stage) as running:
        yield running


def list_runs(server: Running, label: str = "demo") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/api/runs", params={"server": label}).json()
    return found


def count_rows(data_dir: Path) -> dict[str, int]:
    index = Database(data_dir / "runferry.db")
    index.open()
    with index.reading() as connection:
        tables = (servers, connections, syncs, runs, files)
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }
        counts["facts"] = len(connection.execute(select(facts).where(facts.c.name == "passing_server")).all())
    index.close()
    return counts


def test_the_demo_comes_with_one_request_and_goes_with_another(
    server: Running, tmp_path: Path, sshd: Sshd, temporary: Path
) -> None:
    root = tmp_path / "remote"
    own = write_run(root, "vision", "resnet", "20260101_000000_aaaaaa")
    server.connect(sshd)
    expect(server.post("/api/unified/configure_mode", {"mode": "mirror", "remote_root": str(root)}), 200)
    server.wait_synced()
    before = count_rows(server.settings.data_dir)
    assert expect(server.get("/api/demo"), 200) == {"is_offered": True, "server": None}
    assert expect(server.post("/api/demo"), 200) == {"is_offered": True, "server": "demo"}
    assert expect(server.post("/api/demo", {"root": "/etc", "host": "gpu1"}), 200)["server"] == "demo", "it is one demo"
    eventually_now(lambda: len(list_runs(server)) >= 9, within=30, what="its runs are in the table")
    assert all(run["key"].startswith("demo/") for run in list_runs(server)), "every run says where it is from"
    live = eventually_now(
        lambda: next((run for run in list_runs(server) if run["status"] == "running"), None), within=20
    )
    assert live is not None
    assert list(temporary.iterdir())
    assert expect(server.http.delete(f"{server.url}/api/demo", timeout=30), 200)["server"] is None
    assert [run["id"] for run in server.get("/api/runs").json()] == [own.name], "what is not the demo's stays"
    assert len(server.status()["connections"]) == 1
    assert not list(temporary.iterdir())
    assert not list(server.settings.data_dir.glob("*/demo*"))
    assert count_rows(server.settings.data_dir) == before
    assert not Path(live["remote_dir"]).exists()


def test_the_demo_ends_with_the_server_and_can_be_tried_again(tmp_path: Path, home: Path, temporary: Path) -> None:
    for _ in range(2):
        with run_server(tmp_path / "data", open_demo=open_stage, strict_host_keys=True) as server:
            assert expect(server.post("/api/demo"), 200)["server"] == "demo"
        assert not list(temporary.iterdir())
        assert set(count_rows(tmp_path / "data").values()) == {0}
        assert not [path for path in files_below(tmp_path / "data") if "/demo" in path]


async def test_what_a_killed_server_left_of_its_demo_is_cleared_by_the_next(tmp_path: Path, home: Path) -> None:
    data_dir = tmp_path / "data"
    async with ServedRunferry(data_dir, home) as served:
        await served.post("/demo", {})
        await eventually(lambda: has_runs(served), within=20)
        served.kill()
    assert count_rows(data_dir)["runs"]
    async with Service(load_settings(data_dir)) as service:
        assert not (await service.status()).connections
        assert service.demo.view.is_offered is False, "whoever hands in no demo offers none"
    assert set(count_rows(data_dir).values()) == {0}
    assert not list(data_dir.glob("*/demo*"))


async def has_runs(served: ServedRunferry) -> bool:
    return bool((await served.api.get("/runs", params={"server": "demo"})).json())


def test_other_web_sites_cannot_start_it(server: Running) -> None:
    answer = server.post("/api/demo", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert expect(server.get("/api/demo"), 200)["server"] is None
