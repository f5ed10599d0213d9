"""The unified API against Debian's sshd: connections, browsing, syncs, runs, and what is remembered of them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.conftest import MakeSshd
from tests.integration.api.running import NO_LIMITS, Running, expect, login_of, run_server
from tests.support.network import closed_port, silent_port
from tests.support.samples import unpack_sample
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

from runferry.errors import Conflict


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An experiment root written by Runicorn 0.4."""
    return unpack_sample("0.4", tmp_path / "remote")


def configure(server: Running, mode: str, root: Path, **more: object) -> dict[str, Any]:
    return expect(server.post("/api/unified/configure_mode", {"mode": mode, "remote_root": str(root), **more}), 200)


def tree_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_connect_tells_how_and_to_what_it_connected(server: Running, sshd: Sshd) -> None:
    answer = server.connect(sshd)
    assert answer["connection_id"] == f"{sshd.username}@127.0.0.1:{sshd.port}"
    assert answer["fingerprint"] == sshd.host_key_fingerprint
    assert answer["host_key"] == "added"
    assert answer["transport"] == "agent"
    assert answer["server"]["hostname"]
    assert answer["server"]["python"].startswith("3.")
    status = server.status()
    assert list(status["connection"]) == ["connected", "host", "port", "username", "uptime_seconds"]
    assert isinstance(status["connection"]["uptime_seconds"], int)
    (block,) = status["connections"]
    assert block["transport"] == "agent"
    assert block["transport_reason"]
    assert block["fingerprint"] == sshd.host_key_fingerprint
    assert block["syncs"] == []


def test_connecting_again_tells_that_the_host_key_is_known(connected: Running, sshd: Sshd) -> None:
    assert connected.connect(sshd)["host_key"] == "known"
    (block,) = connected.status()["connections"]
    assert block["host_key"] == "known"


def test_disconnect_ends_everything_on_the_server_and_is_idempotent(connected: Running, sshd: Sshd) -> None:
    answer = expect(connected.post("/api/unified/disconnect"), 200)
    assert answer["ok"] is True
    eventually_now(lambda: not sshd.child_pids(), what="no connection is left on the server")
    assert expect(connected.post("/api/unified/disconnect"), 200)["ok"] is True
    assert connected.status() == {
        "connection": {"connected": False},
        "smart_mode": {"active": False},
        "mirror_mode": {"active": False},
    }


def test_a_rejected_key_is_401_and_leaves_nothing_open(server: Running, sshd: Sshd, make_sshd: MakeSshd) -> None:
    other = make_sshd()
    body = login_of(sshd) | {"private_key_path": str(other.client_key_path)}
    answer = expect(server.post("/api/unified/connect", body), 401)
    assert answer["detail"].startswith("Authentication failed: ")
    eventually_now(lambda: not sshd.child_pids(), what="no connection is left on the server")
    assert server.status()["connection"] == {"connected": False}


def test_connecting_again_with_wrong_credentials_is_401_and_the_open_connection_stays(
    connected: Running, sshd: Sshd, make_sshd: MakeSshd
) -> None:
    body = login_of(sshd) | {"private_key_path": str(make_sshd().client_key_path)}
    expect(connected.post("/api/unified/connect", body), 401)
    assert connected.status()["connection"]["connected"] is True
    expect(connected.get("/api/unified/listdir", params={"path": "/"}), 200)


def test_a_changed_host_key_is_409_with_both_fingerprints_until_it_is_forgotten(server: Running, sshd: Sshd) -> None:
    server.connect(sshd)
    expect(server.post("/api/unified/disconnect"), 200)
    before = sshd.host_key_fingerprint
    sshd.rotate_host_key()
    body = expect(server.post("/api/unified/connect", login_of(sshd)), 409)
    assert body["known_fingerprint"] == before
    assert body["fingerprint"] == sshd.host_key_fingerprint
    assert body["host"]
    where = {"host": sshd.host, "port": sshd.port, "username": sshd.username}
    expect(server.post("/api/unified/forget_host_key", where), 200)
    assert server.connect(sshd)["host_key"] == "added"


def test_strict_host_keys_ask_first_and_accept_the_confirmed_fingerprint(
    tmp_path: Path, home: Path, sshd: Sshd
) -> None:
    with run_server(tmp_path / "data", strict_host_keys=True) as server:
        body = expect(server.post("/api/unified/connect", login_of(sshd)), 409)
        assert body["fingerprint"] == sshd.host_key_fingerprint
        assert body["known_fingerprint"] is None
        again = login_of(sshd) | {"accept_fingerprint": body["fingerprint"]}
        assert expect(server.post("/api/unified/connect", again), 200)["host_key"] == "added"


def test_refused_unknown_and_silent_servers_say_why(tmp_path: Path, home: Path) -> None:
    login = {"host": "127.0.0.1", "username": "user", "password": "x", "use_agent": False}
    with run_server(tmp_path / "data", connect_timeout=1.5) as server:
        with closed_port() as port:
            body = expect(server.post("/api/unified/connect", login | {"port": port}), 500)
            assert body["detail"].startswith("Connection failed: ")
            assert "refused" in body["detail"]
        body = expect(server.post("/api/unified/connect", login | {"host": "no-such-host.invalid"}), 500)
        assert body["detail"].startswith("Connection failed: ")
        with silent_port() as port:
            expect(server.post("/api/unified/connect", login | {"port": port}), 408)
        assert server.status()["connection"] == {"connected": False}


def test_browsing_lists_directories_first_and_hides_dotfiles(connected: Running, tmp_path: Path) -> None:
    top = tmp_path / "browse"
    for name in ("b_dir", "a_dir", ".hidden_dir"):
        (top / name).mkdir(parents=True)
    (top / "a_dir/inner").mkdir()
    (top / "c.txt").write_text("12345")
    (top / ".dot").write_text("")
    (top / "to_dir").symlink_to("a_dir")
    (top / "dangling").symlink_to("nowhere")
    body = expect(connected.get("/api/unified/listdir", params={"path": str(top)}), 200)
    assert body["ok"] is True
    assert body["current_path"] == str(top)
    assert body["total"] == 5
    assert [item["name"] for item in body["items"]] == ["a_dir", "b_dir", "to_dir", "c.txt", "dangling"]
    items = {item["name"]: item for item in body["items"]}
    assert items["c.txt"] == {
        "name": "c.txt",
        "path": f"{top}/c.txt",
        "type": "file",
        "size": 5,
        "mtime": int((top / "c.txt").stat().st_mtime),
        "is_link": False,
    }
    assert items["a_dir"]["type"] == "dir"
    assert items["a_dir"]["size"] == 0
    assert items["to_dir"]["type"] == "dir"
    assert items["to_dir"]["is_link"] is True
    assert items["dangling"]["type"] == "unknown"
    query = {"path": str(top), "show_hidden": "true", "depth": "2", "limit": "2", "offset": "1"}
    deep = expect(connected.get("/api/unified/listdir", params=query), 200)
    assert [item["name"] for item in deep["items"]] == ["a_dir", "b_dir"]
    assert deep["total"] == 7
    assert [child["name"] for child in deep["items"][0]["children"]] == ["inner"]


@pytest.mark.parametrize(("path", "status"), [("/no/such/dir", 404), ("/etc/hostname", 400), ("no-such-relative", 404)])
def test_browsing_what_is_no_directory_says_so(connected: Running, path: str, status: int) -> None:
    assert expect(connected.get("/api/unified/listdir", params={"path": path}), status)["detail"]


def test_browsing_a_forbidden_directory_is_403(server: Running, make_sshd: MakeSshd) -> None:
    server.connect(make_sshd(passwords=True))
    assert expect(server.get("/api/unified/listdir", params={"path": "/root"}), 403)["detail"]


def test_an_unknown_connection_id_is_404_everywhere(connected: Running, root: Path) -> None:
    ghost = {"connection_id": "ghost@nowhere:22"}
    expect(connected.get("/api/unified/status", params=ghost), 404)
    expect(connected.get("/api/unified/listdir", params=ghost), 404)
    expect(connected.get("/api/problems", params=ghost), 404)
    expect(connected.post("/api/unified/disconnect", ghost), 404)
    expect(connected.post("/api/unified/sync", ghost), 404)
    expect(connected.post("/api/unified/deactivate_mode", ghost | {"mode": "smart"}), 404)
    mode = {"mode": "smart", "remote_root": str(root)}
    expect(connected.post("/api/unified/configure_mode", ghost | mode), 404)


def test_mirror_mode_copies_the_root_and_lists_its_runs(connected: Running, root: Path) -> None:
    answer = configure(connected, "mirror", root, mirror_interval=1)
    assert answer == {
        "ok": True,
        "mode": "mirror",
        "message": "Mirror mode configured successfully",
        "config": {"remote_root": str(root), "mirror_interval": 1.0},
    }
    assert isinstance(answer["config"]["mirror_interval"], float)
    status = connected.wait_synced("mirror")
    assert status["mirror_mode"]["active"] is True
    assert status["smart_mode"] == {"active": False}
    (sync,) = status["connections"][0]["syncs"]
    local = tree_of(Path(sync["local_root"]))
    skipped = {problem["path"] for problem in sync["problems"] if problem["code"] == "skipped"}
    assert local == {path: data for path, data in tree_of(root).items() if path not in skipped}
    runs = expect_runs(connected)
    assert len(runs) == status["cached_experiments"] > 0
    assert all(Path(run["run_dir"]).is_dir() and Path(run["remote_dir"]).is_dir() for run in runs)
    assert {run["freshness"]["state"] for run in runs} == {"live"}


def expect_runs(server: Running, **query: str) -> list[dict[str, Any]]:
    answer = server.get("/api/runs", params=query)
    assert answer.status_code == 200, answer.text
    runs: list[dict[str, Any]] = answer.json()
    assert int(answer.headers["X-Total-Count"]) >= len(runs)
    return runs


def test_smart_mode_takes_metadata_only_and_lists_the_same_runs(connected: Running, root: Path) -> None:
    answer = configure(connected, "smart", root)
    assert answer["config"] == {"remote_root": str(root), "auto_sync": True, "sync_interval_minutes": 5}
    assert isinstance(answer["config"]["sync_interval_minutes"], int)
    status = connected.wait_synced("smart")
    smart = status["smart_mode"]
    assert smart["active"] is True
    assert smart["next_sync_at"] > smart["last_sync_at"]
    local = tree_of(Path(status["connections"][0]["syncs"][0]["local_root"]))
    assert local
    assert all(name.endswith((".json", ".deleted", ".yaml", ".yml")) for name in local)
    on_server = {str(path.parent) for path in root.rglob("meta.json") if not (path.parent / ".deleted").exists()}
    assert {run["remote_dir"] for run in expect_runs(connected)} == on_server
    assert status["cached_experiments"] == len(on_server)


def test_a_run_is_found_by_id_and_by_key_with_its_documents(connected: Running, root: Path) -> None:
    configure(connected, "mirror", root)
    connected.wait_synced()
    for run in expect_runs(connected):
        by_id = expect(connected.get(f"/api/runs/{run['id']}"), 200)
        assert by_id == expect(connected.get(f"/api/runs/{run['key']}"), 200) | {
            "duration_seconds": by_id["duration_seconds"],
            "freshness": by_id["freshness"],
            "status": by_id["status"],  # may be judged anew between the two answers
            "status_evidence": by_id["status_evidence"],
        }
        written = json.loads((Path(run["remote_dir"]) / "meta.json").read_text())
        assert by_id["meta"] == written
        assert by_id["project"] == written["project"]
        assert by_id["name"] == written["name"]
        assert by_id["files"]["listed"] >= by_id["files"]["held"] > 0
        if by_id["metrics"]:
            assert Path(by_id["metrics"]).is_file()
    assert expect(connected.get("/api/runs/no-such-run"), 404) == {"detail": "Run not found"}


def test_runs_can_be_filtered_sorted_and_paged(connected: Running, root: Path) -> None:
    configure(connected, "mirror", root)
    connected.wait_synced()
    runs = expect_runs(connected)
    times = [run["created_time"] for run in runs]
    assert times == sorted(times, reverse=True)
    project = runs[0]["project"]
    assert {run["project"] for run in expect_runs(connected, project=project)} == {project}
    assert [run["key"] for run in expect_runs(connected, limit="1", offset="1")] == [runs[1]["key"]]
    assert [run["key"] for run in expect_runs(connected, q=runs[0]["id"])] == [runs[0]["key"]]
    assert expect_runs(connected, status="no-such-status") == []
    ascending = [run["name"] for run in expect_runs(connected, sort="name", order="asc")]
    assert ascending == sorted(ascending)


def test_another_root_replaces_a_mode_and_both_modes_can_be_active(
    connected: Running, root: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    configure(connected, "mirror", root)
    configure(connected, "smart", root)
    configure(connected, "mirror", second)
    status = connected.status()
    assert status["smart_mode"]["remote_root"] == str(root)
    assert status["mirror_mode"]["remote_root"] == str(second)
    assert len(status["connections"][0]["syncs"]) == 2
    configure(connected, "mirror", second, mirror_interval=9)
    assert connected.status()["mirror_mode"]["mirror_interval"] == 9.0
    answer = expect(connected.post("/api/unified/deactivate_mode", {"mode": "mirror"}), 200)
    assert answer["ok"] is True
    assert answer["mode"] == "mirror"
    assert answer["message"]
    assert connected.status()["mirror_mode"] == {"active": False}
    assert connected.status()["smart_mode"]["active"] is True


@pytest.mark.parametrize(("bad", "status"), [("/no/such/root", 404), ("/etc/hostname", 400)])
def test_a_root_that_is_no_directory_is_refused_and_nothing_is_configured(
    connected: Running, bad: str, status: int
) -> None:
    body = expect(connected.post("/api/unified/configure_mode", {"mode": "smart", "remote_root": bad}), status)
    assert bad in body["detail"]
    assert connected.status()["smart_mode"] == {"active": False}


def test_a_pattern_that_is_none_is_named(connected: Running, root: Path) -> None:
    body = {"mode": "mirror", "remote_root": str(root), "exclude": ["*.tmp", "[z-a]"]}
    assert expect(connected.post("/api/unified/configure_mode", body), 400)["detail"].startswith("exclude: '[z-a]'")


def test_without_auto_sync_a_change_waits_for_the_sync_call(connected: Running, root: Path) -> None:
    answer = configure(connected, "smart", root, auto_sync=False)
    assert answer["config"]["auto_sync"] is False
    first = connected.wait_synced("smart")["smart_mode"]["last_sync_at"]
    run = next(root.rglob("status.json")).parent
    local = Path(connected.status()["connections"][0]["syncs"][0]["local_root"]) / run.relative_to(root)
    (run / "status.json").write_text('{"status": "finished", "note": "changed"}')
    assert b"changed" not in (local / "status.json").read_bytes()
    body = expect(connected.post("/api/unified/sync"), 200)
    assert body["ok"] is True
    assert len(body["syncs"]) == 1
    eventually_now(lambda: b"changed" in (local / "status.json").read_bytes(), what="the change arrives")
    eventually_now(lambda: connected.status()["smart_mode"]["last_sync_at"] > first, what="the time moves")


def test_sync_without_an_active_mode_is_400(connected: Running) -> None:
    assert "configure_mode" in expect(connected.post("/api/unified/sync"), 400)["detail"]


def test_a_lost_link_is_told_and_comes_back_with_its_syncs(connected: Running, sshd: Sshd, root: Path) -> None:
    configure(connected, "mirror", root)
    connected.wait_synced()
    sshd.stop()

    def lost() -> dict[str, Any] | None:
        connection: dict[str, Any] = connected.status()["connection"]
        return connection if not connection["connected"] else None

    connection = eventually_now(lost, within=20) or {}
    assert connection["reconnecting"] is True
    assert connection["last_error"]
    assert {run["freshness"]["state"] for run in expect_runs(connected)} == {"offline"}
    (root / "new.txt").write_text("made while away")
    sshd.start()
    eventually_now(lambda: connected.status()["connection"]["connected"], within=20, what="it reconnects")
    local = Path(connected.status()["connections"][0]["syncs"][0]["local_root"])
    eventually_now(lambda: (local / "new.txt").exists(), within=20, what="the sync goes on")


def test_after_a_restart_a_connection_by_key_file_and_its_syncs_come_back(
    tmp_path: Path, home: Path, sshd: Sshd, root: Path
) -> None:
    with run_server(tmp_path / "data") as server:
        server.connect(sshd)
        configure(server, "mirror", root)
        server.wait_synced()
        runs = {run["key"] for run in expect_runs(server)}
    (root / "while_off.txt").write_text("made while Runferry was off")
    with run_server(tmp_path / "data") as server:
        assert {run["key"] for run in expect_runs(server)} == runs
        eventually_now(lambda: server.status()["connection"]["connected"], within=20, what="it reconnects")
        (sync,) = server.status()["connections"][0]["syncs"]
        arrived = Path(sync["local_root"]) / "while_off.txt"
        eventually_now(arrived.exists, within=20, what="the sync goes on")
        expect(server.post("/api/unified/disconnect"), 200)
    with run_server(tmp_path / "data") as server:
        assert server.status()["connection"] == {"connected": False}


def test_after_a_restart_a_connection_by_password_waits_for_it_and_then_its_syncs_go_on(
    tmp_path: Path, home: Path, make_sshd: MakeSshd, root: Path
) -> None:
    sshd = make_sshd(passwords=True)
    root.chmod(0o755)
    for path in (root, *root.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    login = {"host": sshd.host, "port": sshd.port, "username": sshd.username, "password": sshd.password}
    login["use_agent"] = False
    with run_server(tmp_path / "data") as server:
        expect(server.post("/api/unified/connect", login), 200)
        configure(server, "mirror", root)
        server.wait_synced()
    with run_server(tmp_path / "data") as server:
        status = server.status()
        assert status["connection"]["connected"] is False
        assert "password" in status["connection"]["last_error"]
        assert status["connections"][0]["state"] == "waiting"
        expect(server.post("/api/unified/connect", login), 200)
        assert server.status()["mirror_mode"]["remote_root"] == str(root)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("*") if path.is_file())
    assert sshd.password.encode() not in stored


def test_several_connections_are_kept_and_the_last_one_is_the_current(
    connected: Running, sshd: Sshd, make_sshd: MakeSshd
) -> None:
    second = make_sshd()
    connected.connect(second)
    status = connected.status()
    assert status["connection"]["port"] == second.port
    assert len(status["connections"]) == 2
    first_id = f"{sshd.username}@127.0.0.1:{sshd.port}"
    other = expect(connected.get("/api/unified/status", params={"connection_id": first_id}), 200)
    assert other["connection"]["port"] == sshd.port
    expect(connected.post("/api/unified/disconnect"), 200)
    assert connected.status()["connection"]["port"] == sshd.port


def test_health_answers_at_once_while_a_silent_server_is_being_connected(tmp_path: Path, home: Path) -> None:
    login = {"host": "127.0.0.1", "username": "user", "password": "x", "use_agent": False}
    with run_server(tmp_path / "data", connect_timeout=2) as server, silent_port() as port:
        url, body = f"{server.url}/api/unified/connect", login | {"port": port}
        thread = threading.Thread(target=requests.post, args=(url,), kwargs={"json": body, "timeout": 20})
        thread.start()
        times: list[float] = []
        while thread.is_alive():
            began = time.monotonic()
            health = expect(server.get("/api/health"), 200)
            times.append(time.monotonic() - began)
            assert health["status"] == "ok"
            assert health["version"]
            assert health["uptime_seconds"] >= 0
        thread.join()
    assert len(times) > 20
    assert max(times) < 0.1


def test_doctor_reports_each_step_and_opens_nothing(server: Running, sshd: Sshd) -> None:
    body = expect(server.post("/api/doctor", login_of(sshd)), 200)
    assert body["ok"] is True
    assert [step["name"] for step in body["steps"]][:4] == ["route", "host key", "login", "transport"]
    facts = body["facts"]
    assert facts["transport"] == "agent"
    assert facts["python"]
    assert facts["inotify_watches"] > 0
    assert facts["fingerprint"] == sshd.host_key_fingerprint
    assert facts["rtt_ms"] > 0
    assert abs(facts["clock_skew_seconds"]) < 5
    eventually_now(lambda: not sshd.child_pids(), what="no connection is left on the server")
    assert server.status()["connection"] == {"connected": False}


def test_doctor_names_the_step_that_failed(server: Running) -> None:
    with closed_port() as port:
        login = {"host": "127.0.0.1", "port": port, "username": "user", "password": "x"}
        body = expect(server.post("/api/doctor", login), 200)
    assert body["ok"] is False
    assert body["steps"][-1]["name"] == "login"
    assert "refused" in body["steps"][-1]["message"]


def test_a_second_server_on_the_same_data_directory_is_refused(server: Running) -> None:
    with pytest.raises(Conflict, match="Another Runferry"), run_server(server.settings.data_dir):
        pass


def test_the_server_file_tells_where_the_server_is_and_goes_with_it(tmp_path: Path, home: Path) -> None:
    with run_server(tmp_path / "data") as server:
        told = json.loads((tmp_path / "data/server.json").read_text())
        assert told == {"url": server.url, "pid": os.getpid()}
    assert not (tmp_path / "data/server.json").exists()


def test_the_sixth_connect_within_a_minute_is_429_and_no_header_helps(tmp_path: Path, home: Path) -> None:
    limits = NO_LIMITS | {"connect": 5}
    with closed_port() as port, run_server(tmp_path / "data", rate_limits=limits) as server:
        login = {"host": "127.0.0.1", "port": port, "username": "user", "password": "x"}
        for attempt in range(5):
            headers = {"X-Forwarded-For": f"203.0.113.{attempt}"}
            expect(server.post("/api/unified/connect", login, headers=headers), 500)
        answer = server.post("/api/unified/connect", login, headers={"X-Forwarded-For": "203.0.113.9"})
        body = expect(answer, 429)
        assert set(body) == {"detail", "retry_after"}
        assert body["detail"] == "Rate limit exceeded"
        assert 50 <= body["retry_after"] <= 60
        assert answer.headers["Retry-After"] == str(body["retry_after"])
        expect(server.post("/api/ssh/connect", login), 429)
        expect(server.get("/api/unified/status"), 200)


def test_after_an_abrupt_end_the_index_is_healed_from_the_local_copy(
    tmp_path: Path, home: Path, sshd: Sshd, root: Path
) -> None:
    with run_server(tmp_path / "data") as server:
        server.connect(sshd)
        configure(server, "mirror", root)
        server.wait_synced()
        runs = {run["key"] for run in expect_runs(server)}
    index = sqlite3.connect(tmp_path / "data/runferry.db")
    with contextlib.closing(index), index:
        index.execute("DELETE FROM runs")  # as if the end had come between landing the files and indexing them
        index.execute("UPDATE facts SET value = 'working' WHERE name = 'service_state'")
    with run_server(tmp_path / "data") as server:
        eventually_now(lambda: {run["key"] for run in expect_runs(server)} == runs, within=20, what="the runs are back")
