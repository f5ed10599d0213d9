"""The demo's simulated server: what lies on its disk and what its trainings do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.waiting import eventually, eventually_now

from runferry.demo import Jobs, build_tree


def read_json(path: Path) -> dict[str, object]:
    value = json.loads(path.read_text())
    assert isinstance(value, dict)
    return value


def find_runs(root: Path, kind: str) -> list[Path]:
    """Return the run directories whose status.json says ``kind``; while it is rewritten it says nothing."""
    found = []
    for path in root.glob("*/*/runs/*/status.json"):
        text = path.read_text()
        if text and json.loads(text).get("status") == kind:
            found.append(path.parent)
    return found


def find_two_running(root: Path) -> list[Path]:
    runs = find_runs(root, "running")
    return runs if len(runs) == 2 else []


def test_the_sample_tree_holds_runs_of_every_kind_in_the_documented_layout(tmp_path: Path) -> None:
    now = time.time()
    count = build_tree(tmp_path, now=now)
    assert count == len(list(tmp_path.glob("*/*/runs/*/meta.json")))
    assert len(find_runs(tmp_path, "finished")) >= 5
    assert find_runs(tmp_path, "failed")
    assert find_runs(tmp_path, "interrupted")
    for run in find_runs(tmp_path, "finished"):
        meta = read_json(run / "meta.json")
        assert meta["id"] == run.name
        assert tmp_path / str(meta["project"]) / str(meta["name"]) / "runs" / run.name == run
        assert read_json(run / "summary.json")["best_metric_name"] == "val_accuracy"
        ended = read_json(run / "status.json")["ended_at"]
        assert isinstance(ended, float)
        assert ended < now
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        losses = [event["data"]["loss"] for event in events if "loss" in event.get("data", {})]
        assert losses[-1] < losses[0] / 2, "the loss of a finished run falls"


def test_the_artifact_versions_share_inodes_with_the_store(tmp_path: Path) -> None:
    build_tree(tmp_path, now=time.time())
    files = [path for path in tmp_path.glob("artifacts/model/*/v*/files/**/*") if path.is_file()]
    stored = {path.stat().st_ino for path in tmp_path.glob("artifacts/.dedup/*/*")}
    assert len(files) == 4
    assert {path.stat().st_ino for path in files} == stored
    assert len(stored) == 3, "the labels file of both versions is stored once"
    assert max(path.stat().st_size for path in files) >= 4_000_000


async def test_a_live_training_keeps_writing_and_ends_with_its_jobs(tmp_path: Path) -> None:
    async with Jobs(tmp_path):
        runs = await eventually(lambda: find_two_running(tmp_path))
        live = next(run for run in runs if "vision" in run.parts)
        events = live / "events.jsonl"
        await eventually(lambda: events.exists() and len(events.read_text().splitlines()) > 3)
        pids = [int(str(read_json(run / "meta.json")["pid"])) for run in runs]
        for pid in pids:
            os.kill(pid, 0)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_the_doomed_training_dies_without_an_end_status(tmp_path: Path) -> None:
    async with Jobs(tmp_path, crash_after=0.1):
        doomed = await eventually(lambda: [r for r in find_runs(tmp_path, "running") if "nlp" in r.parts])
        log = doomed[0] / "logs.txt"
        await eventually(lambda: log.exists() and "CUDA out of memory" in log.read_text())
        pid = int(str(read_json(doomed[0] / "meta.json")["pid"]))
        await eventually(lambda: not is_process(pid), what="the process is gone")
        assert read_json(doomed[0] / "status.json")["status"] == "running"


def test_a_training_ends_by_itself_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from runferry.demo import Jobs\n"
        "async def main():\n"
        "    async with Jobs(pathlib.Path(sys.argv[1])):\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) as parent:
        runs = eventually_now(lambda: find_two_running(tmp_path))
        pids = [int(str(read_json(run / "meta.json")["pid"])) for run in runs]
        parent.send_signal(signal.SIGKILL)
    eventually_now(lambda: not any(is_process(pid) for pid in pids), what="the trainings end")


def is_process(pid: int) -> bool:
    """Say whether the process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
