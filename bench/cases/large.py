"""How soon something is there of a large tree: the first run in the list, and everything, beside rsync."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from tests.support.ferry import Ferry

from bench import peers
from bench.cases.initial import warm_up
from bench.figures import Result
from bench.lab import Lab
from bench.ours import wait_in_step
from bench.race import Contestant, race
from bench.trees import FILES_PER_RUN, write_runs
from runferry.service.events import Subscription
from runferry.service.modes import ModeRequest
from runferry.sync.spec import Mode

RUNS, QUICK_RUNS = 2000, 80


async def run(lab: Lab) -> Result:
    root = lab.folder / "large"
    runs = QUICK_RUNS if lab.options.quick else RUNS
    size = write_runs(root, runs)
    await warm_up(lab)
    rows = [row for rtt in lab.options.rtts for row in await measure(lab, rtt, root, size)]
    lab.drop(root)
    return Result(
        title=f"{runs * FILES_PER_RUN:,} files, {size / 1e6:.0f} MB (seconds, medians)",
        headers=("RTT", "", "first run listed", "all done"),
        rows=rows,
        remarks=["From dialling, into an empty data directory. In smart mode only metadata is copied."],
    )


async def measure(lab: Lab, rtt: int, root: Path, size: int) -> list[tuple[str, ...]]:
    """Return the rows of one round trip."""
    port = lab.port(rtt)
    beginners = [Beginner(lab, port, root, mode) for mode in (Mode.SMART, Mode.MIRROR)]
    contestants = [
        *(Contestant(f"Runferry, {one.mode.value}", one.sync) for one in beginners),
        Contestant("rsync -a", lambda folder: peers.rsync(lab, port, f"{root}/", folder)),
    ]
    whole = await race(lab, rtt, contestants, size=size)
    firsts = [*(f"{median(one.firsts):.2f}" for one in beginners), ""]
    return [(f"{rtt} ms", one.who, first, f"{one.median:.2f}") for one, first in zip(whole, firsts, strict=True)]


class Beginner:
    """Syncs a tree in one mode; ``firsts`` are the seconds until each sync had listed its first run."""

    def __init__(self, lab: Lab, port: int, root: Path, mode: Mode) -> None:
        self._lab = lab
        self._port = port
        self._root = root
        self.mode = mode
        self.firsts: list[float] = []

    async def sync(self, folder: Path) -> float:
        """Return the seconds until there is nothing left to do."""
        async with Ferry(folder) as ferry, ferry.service.events.subscribe() as runs:
            began = time.perf_counter()
            async with ferry.service.events.subscribe() as progress:
                await ferry.connect(self._lab.sshd, port=self._port)
                await ferry.service.configure_mode(ModeRequest(self.mode, str(self._root), 60.0))
                await wait_for_run(runs)
                self.firsts.append(time.perf_counter() - began)
                await wait_in_step(progress)
            return time.perf_counter() - began


async def wait_for_run(events: Subscription) -> None:
    """Wait until a run is listed."""
    async for event in events:
        if event.kind == "run":
            return
