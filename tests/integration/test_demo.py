"""The whole demo: what a newcomer sees in the first minute, and that nothing of it is left afterwards."""

from __future__ import annotations

import asyncio
import io
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from tests.integration.cli.driver import Cli
from tests.support.network import closed_port
from tests.support.waiting import eventually

from runferry.demo.show import DemoOptions, run_demo


@dataclass
class Running:
    """A demo at work: its API, and what it has printed."""

    http: httpx.AsyncClient
    output: io.StringIO

    async def get(self, path: str) -> Any:
        return (await self.http.get(path)).raise_for_status().json()

    async def wait_for_run(self, status: str, project: str, *, has_end: bool | None = None) -> dict[str, Any]:
        """Return a run with this status; ``has_end`` says whether its tool wrote when it ended."""

        async def look() -> dict[str, Any]:
            for run in await self.get("/api/runs"):
                is_right = has_end is None or has_end == (run["ended_at"] is not None)
                if run["status"] == status and run["project"] == project and is_right:
                    return dict(run)
            return {}

        return await eventually(look, within=40, what=f"a {status} run of {project}")


@asynccontextmanager
async def demo(**options: Any) -> AsyncIterator[Running]:
    output = io.StringIO()
    task = asyncio.create_task(run_demo(DemoOptions(port=0, **options), Console(file=output, width=200)))

    def find_url() -> str | None:
        assert not task.done(), f"the demo ended: {output.getvalue()}"
        found = re.search(r"Runferry is at (http\S+)", output.getvalue())
        return found[1] if found else None

    try:
        url = await eventually(find_url, within=45)
        async with httpx.AsyncClient(base_url=str(url), timeout=10) as http:
            yield Running(http, output)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_demo_mirrors_a_live_training_and_tells_the_crashed_one(temporary: Path) -> None:
    async with demo(crash_after=1.0) as running:
        await running.wait_for_run("finished", "vision")
        live = await running.wait_for_run("running", "vision")
        local = Path(live["run_dir"]) / "events.jsonl"
        remote = Path(live["remote_dir"]) / "events.jsonl"
        await eventually(local.exists)
        size = local.stat().st_size
        await eventually(lambda: local.stat().st_size > size, what="the live run grows here, too")
        data = local.read_bytes()
        assert remote.read_bytes().startswith(data)
        crashed = await running.wait_for_run("failed", "nlp", has_end=False)
        assert " gone since " in crashed["status_evidence"]
        assert "export RUNFERRY_URL=" in running.output.getvalue()
    assert not list(temporary.iterdir()), "the demo removes what it made"


async def test_the_mirror_of_the_demo_is_identical_and_holds_the_checkpoints(temporary: Path) -> None:
    async with demo() as running:
        finished = await running.wait_for_run("finished", "tabular")
        remote, local = Path(finished["remote_dir"]), Path(finished["run_dir"])
        remote_root, local_root = remote.parents[3], local.parents[3]
        weights = [path.relative_to(remote_root) for path in remote_root.rglob("checkpoint.bin")]
        assert len(weights) == 2
        await eventually(lambda: all((local_root / path).exists() for path in weights), within=20)
        for path in [*weights, *(remote / name for name in ("meta.json", "events.jsonl", "logs.txt"))]:
            name = path.relative_to(remote_root) if path.is_absolute() else path
            assert (local_root / name).read_bytes() == (remote_root / name).read_bytes()


def test_the_demo_ends_by_itself_or_with_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    cli.environment["TMPDIR"] = str(temporary)
    with cli.start("demo", "--port", "0") as running:
        running.wait_for("mirror watching", within=45)
        assert list(temporary.iterdir())
        assert running.end(signal.SIGINT) == 0
        assert "Traceback" not in running.output
    assert not list(temporary.iterdir())
    done = cli.run("demo", "--port", "0", "--for", "1")
    assert (done.code, done.err) == (0, "")
    assert not list(temporary.iterdir())
    assert not cli.data_dir.exists(), "the person's own data is not touched"


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with closed_port() as port:
        done = Cli(tmp_path).run("demo", "--port", str(port), "--for", "1")
    assert done.code == 14
    assert str(port) in done.err
