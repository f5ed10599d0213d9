"""What surrounds a sync: suggestions of hosts, previews of folders, the audit log, pausing, several folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeSshd
from tests.integration.api.running import Running, expect, login_of
from tests.support.ferry import write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now


def mirror(server: Running, root: Path, **more: Any) -> None:
    expect(server.post("/api/unified/configure_mode", {"mode": "mirror", "remote_root": str(root), **more}), 200)


def list_syncs(server: Running) -> list[dict[str, Any]]:
    connections = server.status().get("connections", [])
    return [sync for connection in connections for sync in connection["syncs"]]


def test_hosts_are_those_the_ssh_config_names(server: Running, home: Path) -> None:
    folder = home / ".ssh"
    folder.mkdir()
    (folder / "config").write_text(
        "Host gpu1\n  HostName gpu1.example.org\n  Port 2222\n  User alice\nHost *.lab\n  User bob\nHost plain\n"
    )
    assert server.get("/api/hosts").json() == [
        {"alias": "gpu1", "host": "gpu1.example.org", "port": 2222, "user": "alice"},
        {"alias": "plain", "host": "plain", "port": 22, "user": None},
    ]


def test_to_list_hosts_runs_no_command_of_the_config(server: Running, home: Path, tmp_path: Path) -> None:
    folder = home / ".ssh"
    folder.mkdir()
    mark = tmp_path / "ran"
    (folder / "config").write_text(f'Host gpu1\n  HostName x\nMatch exec "touch {mark}"\n  User eve\n')
    assert server.get("/api/hosts").json() == [{"alias": "gpu1", "host": "gpu1", "port": None, "user": None}]
    assert not mark.exists()


def test_without_a_config_there_are_no_hosts(server: Running) -> None:
    assert server.get("/api/hosts").json() == []


def test_a_preview_counts_runs_and_what_each_mode_copies(connected: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    runs = [write_run(root / place, "p", "n", f"2026010{number}_000000_aaaaaa") for number, place in enumerate("aab")]
    (root / "a/model.bin").write_bytes(b"x" * 10_000)
    found = expect(connected.get("/api/unified/preview", params={"path": str(root)}), 200)
    assert (found["path"], found["is_complete"], found["runs"]) == (str(root), True, 3)
    assert found["runs_in"] == {"a": 2, "b": 1}
    wanted = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert found["mirror"] == {"files": len(wanted), "bytes": sum(path.stat().st_size for path in wanted)}
    documents = [run / name for run in runs for name in ("meta.json", "status.json", "summary.json")]
    assert found["smart"] == {"files": 9, "bytes": sum(path.stat().st_size for path in documents)}


def test_a_preview_is_what_a_sync_then_copies(connected: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    expected = expect(connected.get("/api/unified/preview", params={"path": str(root)}), 200)["mirror"]
    mirror(connected, root)
    connected.wait_synced()
    [sync] = list_syncs(connected)
    assert {"files": sync["copied_files"], "bytes": sync["copied_bytes"]} == expected


def test_a_folder_too_large_for_the_time_is_said_to_be(connected: Running) -> None:
    found = expect(connected.get("/api/unified/preview", params={"path": "/", "seconds": 0.001}), 200)
    assert found["is_complete"] is False
    assert found["runs"] == 0


def test_a_preview_of_what_is_not_there_is_a_404(connected: Running) -> None:
    expect(connected.get("/api/unified/preview", params={"path": "/no/such/folder"}), 404)


def test_a_preview_over_a_lost_link_says_so_rather_than_wait_for_the_server(
    server: Running, make_sshd: MakeSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runferry.service.connections.LINK_TIMEOUT", 0.2)
    sshd = make_sshd()
    server.connect(sshd)
    sshd.stop()
    eventually_now(lambda: "refused" in server.status()["connection"].get("last_error", ""), what="the link is lost")
    answer = server.get("/api/unified/preview", params={"path": "/"})
    assert expect(answer, 408)["detail"].endswith("connection refused); it is being tried again.")


def test_the_audit_log_tells_commands_requests_and_bytes_and_nothing_secret(
    server: Running, make_sshd: MakeSshd
) -> None:
    sshd = make_sshd(passwords=True)
    assert sshd.account is not None
    root = sshd.account.home / "tree"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    body = {"host": sshd.host, "port": sshd.port, "username": sshd.username, "password": sshd.password}
    expect(server.post("/api/unified/connect", body | {"use_agent": False}), 200)
    mirror(server, root)
    server.wait_synced()
    audit = expect(server.get("/api/unified/audit"), 200)
    entries = audit["entries"]
    kinds = {entry["kind"] for entry in entries}
    assert {"login", "command", "follow", "read"} <= kinds
    [command] = [entry["text"] for entry in entries if entry["kind"] == "command"]
    assert "python3" in command
    read = {entry["text"]: entry["bytes"] for entry in entries if entry["kind"] == "read"}
    copied = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert read == {str(path): path.stat().st_size for path in copied}
    assert audit["received_bytes"] > 0
    assert audit["sent_bytes"] > 0
    assert sshd.password not in str(audit)
    [connection] = server.status()["connections"]
    assert connection["received_bytes"] >= audit["received_bytes"]


def test_over_sftp_the_audit_log_tells_the_session_and_what_was_read(
    server: Running, make_sshd: MakeSshd, tmp_path: Path
) -> None:
    sshd = make_sshd(sftp_only=True)
    root = tmp_path / "tree"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    server.connect(sshd)
    mirror(server, root)
    server.wait_synced()
    audit = expect(server.get("/api/unified/audit"), 200)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
    assert "sftp" in {entry["kind"] for entry in audit["entries"]}
    assert audit["received_bytes"] >= size


def test_a_paused_sync_copies_nothing_until_it_is_resumed(connected: Running, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    mirror(connected, root)
    connected.wait_synced()
    [sync] = list_syncs(connected)
    paused = expect(connected.post("/api/unified/pause", {"sync_id": sync["sync_id"]}), 200)
    assert (paused["is_paused"], paused["state"]) == (True, "stopped")
    before = len(expect(connected.get("/api/unified/audit"), 200)["entries"])
    write_run(root, "p", "n", "20260102_000000_bbbbbb")
    connected.post("/api/unified/sync", {"sync_id": sync["sync_id"]})
    assert [one["is_paused"] for one in list_syncs(connected)] == [True]
    entries = expect(connected.get("/api/unified/audit"), 200)["entries"][before:]
    assert {entry["kind"] for entry in entries} <= {"processes"}
    resumed = expect(connected.post("/api/unified/resume", {"sync_id": sync["sync_id"]}), 200)
    assert resumed["is_paused"] is False
    eventually_now(lambda: len(connected.get("/api/runs").json()) == 2, within=20, what="the second run arrives")


def test_a_sync_stays_paused_over_a_new_login(connected: Running, sshd: Sshd, tmp_path: Path) -> None:
    mirror(connected, tmp_path)
    [sync] = list_syncs(connected)
    expect(connected.post("/api/unified/pause", {"sync_id": sync["sync_id"]}), 200)
    expect(connected.post("/api/unified/connect", login_of(sshd)), 200)
    assert [one["is_paused"] for one in list_syncs(connected)] == [True]
    mirror(connected, tmp_path)  # to configure it again is to want it
    assert [one["is_paused"] for one in list_syncs(connected)] == [False]


def test_a_connection_keeps_several_folders_and_each_is_stopped_alone(connected: Running, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    mirror(connected, tmp_path / "one")
    mirror(connected, tmp_path / "two", additional=True)
    roots = {sync["remote_root"]: sync["sync_id"] for sync in list_syncs(connected)}
    assert set(roots) == {str(tmp_path / "one"), str(tmp_path / "two")}
    expect(connected.post("/api/unified/stop", {"sync_id": roots[str(tmp_path / "one")]}), 200)
    assert [sync["remote_root"] for sync in list_syncs(connected)] == [str(tmp_path / "two")]
    mirror(connected, tmp_path / "three")
    assert [sync["remote_root"] for sync in list_syncs(connected)] == [str(tmp_path / "three")]


def test_a_sync_that_is_not_there_is_a_404(connected: Running) -> None:
    for action in ("pause", "resume", "stop"):
        expect(connected.post(f"/api/unified/{action}", {"sync_id": 4711}), 404)


def test_the_settings_in_force_are_told(server: Running) -> None:
    settings = expect(server.get("/api/settings"), 200)
    assert settings["settings_file"] == str(server.settings.data_dir / "settings.toml")
    assert settings["rate_limits"]["connect"] == 0
    assert settings["cache_limit_bytes"] > 0


def test_to_look_again_at_a_sync_there_is_not_says_which(connected: Running, tmp_path: Path) -> None:
    mirror(connected, tmp_path)
    answer = connected.post("/api/unified/sync", {"sync_id": 99})
    assert expect(answer, 404)["detail"].startswith("No sync 99 is active on ")
