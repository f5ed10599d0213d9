"""What the user deletes here stays deleted, comes back whole when restored, and is never touched on the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api.running import Running, expect, run_server
from tests.support.ferry import files_below, write_run
from tests.support.sshd import Sshd
from tests.support.trees import picture
from tests.support.waiting import eventually_now

from runferry.store.db import Database
from runferry.store.recycle import Place, RecycleStore
from runferry.store.runs import RunStore

RUN, OTHER = "20260101_000000_aaaaaa", "20260101_000001_bbbbbb"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root on the server with two runs."""
    root = tmp_path / "remote" / "root"
    write_run(root, "cv", "yolo", RUN)
    write_run(root, "cv", "yolo", OTHER)
    return root


def keep(server: Running, root: Path, mode: str = "mirror") -> Path:
    """Configure a sync of ``root``, wait until it is in step, and return the local root."""
    expect(server.post("/api/unified/configure_mode", {"mode": mode, "remote_root": str(root)}), 200)
    status = eventually_now(lambda: in_step(server, root, mode), within=30, every=0.05, what="the sync is in step")
    return Path(status["local_root"])


def in_step(server: Running, root: Path, mode: str) -> dict[str, Any]:
    syncs = [sync for one in server.status().get("connections", ()) for sync in one["syncs"]]
    found = [one for one in syncs if (one["remote_root"], one["mode"]) == (str(root), mode)]
    return found[0] if found and found[0]["state"] == "watching" else {}


def ids(server: Running) -> set[str]:
    return {one["id"] for one in server.get("/api/runs").json()}


def listed(server: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = expect(server.get("/api/recycle-bin"), 200)["deleted_runs"]
    return found


def delete(server: Running, *run_ids: str) -> dict[str, Any]:
    return expect(server.post("/api/runs/soft-delete", {"run_ids": list(run_ids)}), 200)


def restore(server: Running, *run_ids: str) -> dict[str, Any]:
    return expect(server.post("/api/recycle-bin/restore", {"run_ids": list(run_ids)}), 200)


def test_a_deleted_run_is_gone_everywhere_until_it_is_restored_whole(connected: Running, root: Path) -> None:
    before = picture(root)
    keep(connected, root)
    whole = expect(connected.get(f"/api/runs/{RUN}"), 200)
    answer = delete(connected, RUN, "no-such-run")
    assert answer["deleted_count"] == 1
    assert answer["results"][RUN] == {"success": True, "error": None}
    assert answer["results"]["no-such-run"] == {"success": False, "error": "Run not found"}

    assert ids(connected) == {OTHER}
    assert connected.get("/api/runs").headers["X-Total-Count"] == "1"
    assert connected.get("/api/runs", params={"q": "aaaaaa"}).json() == []
    assert connected.status()["cached_experiments"] == 1
    for path in ("", "/metrics", "/logs"):
        told = expect(connected.get(f"/api/runs/{RUN}{path}"), 404)["detail"]
        assert "is in the recycle bin" in told
    again = delete(connected, RUN)
    assert again["deleted_count"] == 0
    assert "is in the recycle bin" in again["results"][RUN]["error"]

    (item,) = listed(connected)
    assert (item["id"], item["origin"], item["can_restore"]) == (RUN, "local", True)
    assert (item["project"], item["name"], item["original_status"]) == ("cv", "yolo", "finished")
    assert restore(connected, whole["key"])["restored_count"] == 1
    assert listed(connected) == []
    restored = expect(connected.get(f"/api/runs/{RUN}"), 200)
    assert restored.pop("freshness")["state"] == whole.pop("freshness")["state"] == "live"
    assert restored == whole
    assert picture(root) == before


def test_no_later_sync_brings_a_deleted_run_back(connected: Running, sshd: Sshd, root: Path) -> None:
    keep(connected, root)
    delete(connected, RUN)
    run = root / "cv" / "yolo" / "runs" / RUN
    (run / "summary.json").write_text('{"best_metric_value": 0.95, "changed": true}')
    expect(connected.post("/api/unified/sync"), 200)
    keep(connected, root, "smart")
    keep(connected, root.parent)
    assert ids(connected) == {OTHER}
    expect(connected.post("/api/unified/disconnect"), 200)
    connected.connect(sshd)
    keep(connected, root / "cv")
    assert ids(connected) == {OTHER}
    run.rename(run.with_name("renamed"))
    expect(connected.post("/api/unified/sync"), 200)
    eventually_now(lambda: "renamed" in str(files_below_local(connected)), what="the renamed directory is here")
    write_run(root, "cv", "yolo", "20260101_000002_cccccc")
    eventually_now(lambda: len(ids(connected)) == 2, what="the index is in step")
    assert RUN not in ids(connected)
    assert [item["id"] for item in listed(connected)] == [RUN]
    assert restore(connected, RUN)["restored_count"] == 1
    assert expect(connected.get(f"/api/runs/{RUN}"), 200)["summary"]["changed"] is True


def files_below_local(server: Running) -> list[str]:
    return sorted(files_below(Path(server.settings.data_dir) / "mirror"))


def test_what_is_emptied_leaves_no_byte_here_and_is_not_fetched_again(
    tmp_path: Path, home: Path, sshd: Sshd, root: Path
) -> None:
    run = root / "cv" / "yolo" / "runs" / RUN
    with run_server(tmp_path / "data") as server:
        server.connect(sshd)
        local = keep(server, root)
        keep(server, root, "smart")
        delete(server, RUN)
        before = picture(root)
        told = expect(server.post("/api/recycle-bin/empty", {"confirm": False}), 400)["detail"]
        assert told.startswith("confirm: ")
        answer = expect(server.post("/api/recycle-bin/empty", {"confirm": True}), 200)
        assert answer["permanently_deleted"] == 1
        assert answer["freed_bytes"] > 500
        assert listed(server) == []
        assert picture(root) == before
        assert not holds(server, RUN)
        with (run / "events.jsonl").open("a") as events:
            events.write('{"ts": 2, "type": "metrics", "data": {"loss": 0.1, "global_step": 99}}\n')
        (run / "more.json").write_text("{}")
        expect(server.post("/api/unified/sync"), 200)
        seen = write_run(root, "cv", "yolo", "20260101_000002_cccccc")
        eventually_now((local / seen.relative_to(root) / "meta.json").exists, what="the next sync is done")
        eventually_now(lambda: len(ids(server)) == 2, what="the index is in step")
        assert not holds(server, RUN)
        assert ids(server) == {OTHER, seen.name}
        assert restore(server, RUN)["results"][RUN]["error"] == "Not in the recycle bin"
        assert expect(server.get(f"/api/runs/{RUN}"), 404)["detail"] == "Run not found"
    with run_server(tmp_path / "data") as server:
        server.connect(sshd)
        keep(server, root.parent)
        assert not holds(server, RUN)
        assert RUN not in ids(server)
        assert expect(server.post("/api/recycle-bin/empty", {"confirm": True}), 200)["permanently_deleted"] == 0


def holds(server: Running, run_id: str) -> list[str]:
    """Return the local files of a run, wherever they are."""
    found = files_below(Path(server.settings.data_dir))
    return [path for path in found if run_id in path and not path.startswith("staging/")]


def test_emptying_that_was_cut_off_is_finished_at_the_next_start(
    tmp_path: Path, home: Path, sshd: Sshd, root: Path
) -> None:
    with run_server(tmp_path / "data") as server:
        server.connect(sshd)
        keep(server, root)
        delete(server, RUN)
        assert holds(server, RUN)
    index = Database(tmp_path / "data" / "runferry.db")
    index.open()
    (row,) = RunStore(index).find_recycled()
    RecycleStore(index).mark_emptied([Place(row.server_id, row.remote_dir)], at=1.8e9)
    index.close()
    with run_server(tmp_path / "data") as server:
        assert not holds(server, RUN)
        assert listed(server) == []
        assert ids(server) == {OTHER}


def test_runs_deleted_on_the_server_are_shown_as_such_and_restored_there(connected: Running, root: Path) -> None:
    deleted = {"deleted_at": 1.7e9, "reason": "user_deleted", "original_status": "finished"}
    (root / "cv" / "yolo" / "runs" / RUN / ".deleted").write_text(json.dumps(deleted))
    moved = root / "runs" / ".recycle" / "20260101_000003_dddddd"
    moved.mkdir(parents=True)
    (moved / "meta.json").write_text(json.dumps({"id": moved.name, "path": "nlp/bert"}))
    (moved / "status.json").write_text(json.dumps({"status": "failed", "started_at": 1.7e9}))
    keep(connected, root)
    assert ids(connected) == {OTHER}
    items = {item["id"]: item for item in listed(connected)}
    assert {key: (item["origin"], item["can_restore"]) for key, item in items.items()} == {
        RUN: ("server", False),
        moved.name: ("server", False),
    }
    assert items[RUN]["deleted_at"] == 1.7e9
    assert "deleted on" in items[RUN]["note"]
    outcome = restore(connected, RUN)
    assert outcome["restored_count"] == 0
    assert outcome["results"][RUN]["error"] == items[RUN]["note"]


def test_the_bin_bounds_how_often_it_is_emptied(tmp_path: Path, home: Path) -> None:
    with run_server(tmp_path / "data", rate_limits={}) as server:
        for _ in range(5):
            expect(server.post("/api/recycle-bin/empty", {"confirm": True}), 200)
        refused = server.post("/api/recycle-bin/empty", {"confirm": True})
        assert expect(refused, 429)["retry_after"] > 0
        assert int(refused.headers["Retry-After"]) > 0


def test_at_most_a_hundred_runs_are_deleted_at_once(server: Running) -> None:
    told = expect(server.post("/api/runs/soft-delete", {"run_ids": [f"r{n}" for n in range(101)]}), 400)["detail"]
    assert told.startswith("run_ids: ")
    assert expect(server.post("/api/runs/soft-delete", {"run_ids": []}), 400)["detail"].startswith("run_ids: ")
