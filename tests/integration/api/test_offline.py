"""With its server out of reach, everything that was synced is answered as before, marked with its age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.api.running import Running, expect
from tests.integration.api.test_artifacts import wait_for, write_version
from tests.integration.api.test_recycle import keep
from tests.support.ferry import write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

RUN = "20260101_000000_aaaaaa"

PATHS = (
    "/api/runs",
    f"/api/runs/{RUN}",
    f"/api/runs/{RUN}/metrics",
    f"/api/runs/{RUN}/metrics_step",
    f"/api/runs/{RUN}/series?metric=loss",
    f"/api/runs/{RUN}/logs",
    f"/api/runs/{RUN}/files",
    f"/api/runs/{RUN}/artifacts",
    f"/api/series?key={RUN}&metric=loss",
    "/api/artifacts",
    "/api/artifacts/net/v1/files",
    "/api/recycle-bin",
)


def answers(server: Running) -> dict[str, Any]:
    """Return every endpoint's answer, without what says how fresh it is."""
    return {path: strip(expect(server.get(path), 200)) for path in PATHS}


def strip(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = ("freshness", "as_of", "problem")  # a problem is a sync's: closed, it tells none
        return {key: strip(item) for key, item in value.items() if key not in left_out}
    return [strip(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("is_closed", [False, True], ids=["cut", "disconnected"])
def test_everything_is_answered_offline(connected: Running, sshd: Sshd, tmp_path: Path, is_closed: bool) -> None:
    root = tmp_path / "root"
    write_run(root, "cv", "yolo", RUN)
    write_version(root, "model", "net", 1)
    keep(connected, root)
    wait_for(connected, "net", 1)
    points = f"/api/runs/{RUN}/metrics"
    eventually_now(lambda: len(connected.get(points).json().get("rows", ())) == 20, what="all points are read")
    before = answers(connected)
    if is_closed:
        expect(connected.post("/api/unified/disconnect"), 200)
    else:
        sshd.stop()

    def freshness() -> dict[str, Any]:
        found: dict[str, Any] = connected.get(f"/api/runs/{RUN}").json()["freshness"]
        return found

    eventually_now(lambda: freshness()["state"] == "offline", within=20, what="it is known to be offline")
    assert freshness()["as_of"] > 1.7e9
    assert answers(connected) == before
    log = connected.get(f"/api/runs/{RUN}/files/logs.txt")
    assert log.status_code == 200
    assert log.content == (root / "cv/yolo/runs" / RUN / "logs.txt").read_bytes()
