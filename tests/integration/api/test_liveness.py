"""What a run's status says and why: its process is asked after on its server, and nothing is guessed here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api.running import Running, expect
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are looked at every second, rather than every fifteen."""
    monkeypatch.setattr("runferry.service.runs.LOOK_SECONDS", 1.0)


@pytest.fixture
def training() -> Iterator[subprocess.Popen[bytes]]:
    """A process that goes on until the test ends it."""
    with subprocess.Popen(["sleep", "300"]) as process:
        try:
            yield process
        finally:
            process.kill()


def write_run(root: Path, name: str, *, pid: int, status: str, hostname: str = "") -> Path:
    run = root / "project" / "experiment" / "runs" / name
    run.mkdir(parents=True)
    now = time.time()
    where = hostname or socket.gethostname()
    meta = {"id": name, "project": "project", "name": "experiment", "created_at": now, "pid": pid, "hostname": where}
    (run / "meta.json").write_text(json.dumps(meta))
    (run / "status.json").write_text(json.dumps({"status": status, "started_at": now}))
    return run


def mirror(server: Running, root: Path) -> None:
    body = {"mode": "mirror", "remote_root": str(root)}
    expect(server.post("/api/unified/configure_mode", body), 200)
    server.wait_synced()


def get_run(server: Running, run_id: str) -> dict[str, Any]:
    return expect(server.get(f"/api/runs/{run_id}"), 200)


def test_a_run_whose_process_dies_says_failed_with_the_evidence(
    connected: Running, tmp_path: Path, training: subprocess.Popen[bytes]
) -> None:
    run_dir = write_run(tmp_path / "root", "live", pid=training.pid, status="running")
    (run_dir / "logs.txt").write_text("21:02:10 | step 7\n")
    (run_dir / "events.jsonl").write_text("")
    os.utime(run_dir / "events.jsonl", (1.7e9, 1.7e9))
    mirror(connected, tmp_path / "root")
    alive = f"process {training.pid} alive on "
    eventually_now(lambda: alive in get_run(connected, "live")["status_evidence"], what="it is found alive")
    assert get_run(connected, "live")["status"] == "running"
    training.kill()
    training.wait()
    eventually_now(lambda: get_run(connected, "live")["status"] == "failed", within=30, every=0.2, what="it failed")
    run = get_run(connected, "live")
    assert run["status_evidence"].startswith(f"process {training.pid} gone since ")
    written = datetime.fromtimestamp((run_dir / "logs.txt").stat().st_mtime)
    assert run["status_evidence"].endswith(f"last log line {written:%H:%M:%S}, exit unknown")
    assert [one["key"] for one in connected.get("/api/runs", params={"status": "failed"}).json()] == [run["key"]]


def test_a_run_that_wrote_its_end_keeps_it_whatever_its_pid_does(connected: Running, tmp_path: Path) -> None:
    write_run(tmp_path / "root", "done", pid=2**22 + 5, status="finished")
    mirror(connected, tmp_path / "root")
    run = get_run(connected, "done")
    assert run["status"] == "finished"
    assert run["status_evidence"] == "written by the run itself"


def test_a_run_of_another_host_is_never_called_failed(connected: Running, tmp_path: Path) -> None:
    write_run(tmp_path / "root", "elsewhere", pid=2**22 + 5, status="running", hostname="gpu7")
    mirror(connected, tmp_path / "root")

    def evidence() -> str:
        return str(get_run(connected, "elsewhere")["status_evidence"])

    eventually_now(lambda: "gpu7" in evidence(), what="the server was asked")
    assert evidence().startswith("unverified: ")
    assert get_run(connected, "elsewhere")["status"] == "running"


def test_without_a_connection_a_running_run_is_unverified(
    connected: Running, tmp_path: Path, training: subprocess.Popen[bytes]
) -> None:
    write_run(tmp_path / "root", "live", pid=training.pid, status="running")
    mirror(connected, tmp_path / "root")
    expect(connected.post("/api/unified/disconnect"), 200)
    run = get_run(connected, "live")
    assert run["status"] == "running"
    assert run["status_evidence"].startswith("unverified: not connected")
    assert run["freshness"]["state"] == "offline"


def test_when_the_connection_is_lost_a_running_run_says_since_when(
    connected: Running, sshd: Sshd, tmp_path: Path, training: subprocess.Popen[bytes]
) -> None:
    write_run(tmp_path / "root", "live", pid=training.pid, status="running")
    mirror(connected, tmp_path / "root")
    eventually_now(lambda: "alive" in get_run(connected, "live")["status_evidence"], what="it is found alive")
    sshd.stop()
    lost = "unverified: connection lost "
    eventually_now(
        lambda: str(get_run(connected, "live")["status_evidence"]).startswith(lost), within=20, what="the loss shows"
    )
    run = get_run(connected, "live")
    assert run["status"] == "running"
    assert f" ago; process {training.pid} was alive on " in run["status_evidence"]
    assert run["freshness"]["state"] == "offline"
