"""The Python client against a real server process, which syncs from a real sshd."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.network import free_port
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd

from runferry import Client
from runferry.blocking import in_thread
from runferry.client import ApiError, NoServer, Run
from runferry.errors import InvalidRequest

EXAMPLE = Path(__file__).parents[3] / "examples" / "best_runs.py"
SAMPLE = Path(__file__).parents[2] / "data" / "runicorn-0.4.tar.gz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(tmp_path / "server", filter="data")
    return tmp_path / "server" / "runicorn"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedRunferry]:
    (tmp_path / "home").mkdir()
    async with ServedRunferry(tmp_path / "data", tmp_path / "home") as served:
        yield served


def read_values(path: Path, metric: str) -> Iterator[tuple[float, Any]]:
    """Read a metric's points straight from the file a run wrote."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["type"] == "metrics" and metric in record["data"]:
            yield record["data"]["global_step"], record["data"][metric]


def connect(client: Client, sshd: Sshd, root: Path) -> None:
    login: dict[str, Any] = {"private_key_path": str(sshd.client_key_path), "use_agent": False}
    connection = client.connect(f"{sshd.username}@{sshd.host}:{sshd.port}", **login)
    assert connection.transport == "agent"
    assert {item.name for item in client.listdir(str(root))} >= {path.name for path in root.iterdir()}
    client.sync(str(root), auto_sync=False)


def find_largest(root: Path) -> Path:
    return max(root.rglob("events.jsonl"), key=lambda path: path.stat().st_size)


async def test_points_and_frames_are_what_the_run_wrote(served: ServedRunferry, sshd: Sshd, root: Path) -> None:
    def work() -> None:
        with Client(str(served.api.base_url).removesuffix("/api/")) as client:
            connect(client, sshd, root)
            events = find_largest(root)
            run = client.run(events.parent.name)
            expected = list(read_values(events, "loss"))
            assert len(expected) > 5
            points = run.points("loss")["loss"]
            assert list(zip(points.steps, points.values, strict=True)) == expected
            frame = run.to_pandas("loss")
            assert list(zip(frame["step"], frame["value"], strict=True)) == expected
            assert run.to_polars("loss")["value"].to_list() == [value for _, value in expected]
            assert set(frame["run"]) == {run.key}
            assert {one["key"] for one in run.metrics()} >= {"loss"}

    await in_thread(work)


async def test_a_run_is_found_read_and_saved(served: ServedRunferry, sshd: Sshd, root: Path, tmp_path: Path) -> None:
    def work() -> None:
        with Client(str(served.api.base_url).removesuffix("/api/")) as client:
            connect(client, sshd, root)
            events = find_largest(root)
            found = [run for run in client.runs(sort="created_time") if run.id == events.parent.name]
            assert [run.key for run in found] == [client.run(events.parent.name).key]
            run: Run = found[0]
            assert run.summary == json.loads((events.parent / "summary.json").read_text())
            logs = (events.parent / "logs.txt").read_text(encoding="utf-8")
            assert "\n".join(run.logs()) == logs.rstrip("\n")
            assert list(run.logs(tail=1)) == logs.splitlines()[-1:]
            assert {file.path for file in run.files()} >= {"events.jsonl", "logs.txt", "meta.json"}
            saved = run.save("events.jsonl", tmp_path / "saved.jsonl")
            assert saved.read_bytes() == events.read_bytes()
            assert not list(tmp_path.glob("saved.jsonl.*"))
            task = client.download(run, "logs.txt", wait=20)
            assert task.state == "done", task
            assert [one.id for one in client.downloads()] == [task.id]
            assert len(client.artifacts()) == len({path.parent for path in root.glob("artifacts/*/*/versions.json")})

    await in_thread(work)


async def test_the_example_runs(served: ServedRunferry, sshd: Sshd, root: Path) -> None:
    url = str(served.api.base_url).removesuffix("/api/")

    def work() -> str:
        with Client(url) as client:
            connect(client, sshd, root)
        done = subprocess.run(
            [sys.executable, str(EXAMPLE), url], capture_output=True, text=True, check=True, timeout=40
        )
        return done.stdout

    printed = await in_thread(work)
    assert find_largest(root).parent.name in printed


async def test_errors_say_what_the_server_said(served: ServedRunferry) -> None:
    def work() -> None:
        with Client(str(served.api.base_url).removesuffix("/api/")) as client:
            with pytest.raises(ApiError, match="Run not found") as caught:
                client.run("nothing")
            assert caught.value.answered == 404
            with pytest.raises(InvalidRequest):
                client.connect("a@b:not-a-port")
        with Client(f"http://127.0.0.1:{free_port()}") as nobody, pytest.raises(NoServer, match="does not answer"):
            nobody.runs()

    await in_thread(work)


def test_unknown_numbers_are_nan() -> None:
    from runferry.client.run import read_numbers

    assert [str(number) for number in read_numbers([1, None, "NaN", "-Infinity"])] == ["1.0", "nan", "nan", "-inf"]
    assert math.isnan(read_numbers([None])[0])
