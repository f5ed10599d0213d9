"""From dialling to the whole table: a tree in which every tool has left runs, in smart mode."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.ferry import Ferry
from tests.support.mixed_tree import age, write_mixed
from tests.support.waiting import eventually

from bench.figures import RACE_HEADERS, Result, Verdict
from bench.lab import Lab
from bench.race import Contestant, race
from runferry.service.modes import ModeRequest
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

RUNS, QUICK_RUNS = 500, 60
LIMITS = {50: 3.0}


async def run(lab: Lab) -> Result:
    root = lab.folder / "mixed"
    root.mkdir()
    scratch = lab.new_folder()
    expected = write_mixed(root, QUICK_RUNS if lab.options.quick else RUNS, scratch)
    age(root, 86_400)
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()]

    def to_table(rtt: int) -> Contestant:
        return Contestant("Runferry", lambda folder: first_table(lab, lab.port(rtt), root, folder, len(expected)))

    series = [one for rtt in lab.options.rtts for one in await race(lab, rtt, [to_table(rtt)], size=sum(sizes))]
    lab.drop(root)
    return Result(
        title=f"First table of {len(expected):,} runs of twelve tools, {len(sizes):,} files (seconds)",
        headers=RACE_HEADERS,
        rows=[one.cells() for one in series],
        verdicts=[
            Verdict(f"first table, RTT {one.rtt} ms", one.median, LIMITS[one.rtt], " s")
            for one in series
            if one.rtt in LIMITS
        ],
        remarks=["From dialling until the list of runs holds them all; smart mode, into an empty data directory."],
    )


async def first_table(lab: Lab, port: int, root: Path, folder: Path, count: int) -> float:
    """Return the seconds until as many runs are listed."""
    async with Ferry(folder) as ferry:
        began = time.perf_counter()
        await ferry.connect(lab.sshd, port=port)
        await ferry.service.configure_mode(ModeRequest(Mode.SMART, str(root), 60.0))

        async def is_whole() -> bool:
            return (await ferry.service.list_runs(RunFilter(limit=1)))[1] == count

        await eventually(is_whole, within=60, every=0.02)
        return time.perf_counter() - began
