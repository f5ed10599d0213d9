"""Curves that grow while tensorboardX itself writes them, across a cut of the link and a restart of Runferry."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboardX import SummaryWriter
from tests.support.ferry import Ferry
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import RunferryError
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode


async def read_steps(ferry: Ferry) -> list[float]:
    """Return the steps that the only run shows of its loss."""
    views, _ = await ferry.service.list_runs(RunFilter())
    if not views:
        return []
    try:
        page = await ferry.service.series.points(views[0].key, "loss", offset=0, limit=10_000)
    except RunferryError:  # the link is down and nothing is here yet
        return []
    return [step for _, _, points in page.series for step in points.steps.tolist()]


async def shows(ferry: Ferry, count: int) -> None:
    async def are_shown() -> bool:
        return await read_steps(ferry) == [float(step) for step in range(count)]

    await eventually(are_shown, within=20, every=0.05, what=f"{count} points, each once and in order")


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.SMART])
async def test_what_tensorboardx_writes_is_shown_as_it_is_written(sshd: Sshd, tmp_path: Path, mode: Mode) -> None:
    root = tmp_path / "root"
    written = 0
    with SummaryWriter(str(root / "vision/resnet"), flush_secs=1) as writer:

        def write(count: int) -> int:
            for step in range(written, written + count):
                writer.add_scalar("loss", 1 / (step + 1), step)
            writer.flush()
            return written + count

        written = write(10)
        async with Proxy(sshd.port) as proxy:
            async with Ferry(tmp_path / "ferry") as ferry:
                await ferry.connect(sshd, port=proxy.port)
                await ferry.keep(root, mode)
                await shows(ferry, written)
                for _ in range(5):
                    written = write(20)
                    await shows(ferry, written)
                proxy.cut()
                written = write(20)
                await shows(ferry, written)
            written = write(20)
            async with Ferry(tmp_path / "ferry") as ferry:
                await shows(ferry, written)
                written = write(20)
                await shows(ferry, written)
