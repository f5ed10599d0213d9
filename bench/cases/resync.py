"""The same ten thousand files once more, when nothing has changed."""

from __future__ import annotations

from pathlib import Path

from bench import ours, peers
from bench.cases.initial import QUICK_RUNS, RUNS, warm_up
from bench.figures import RACE_HEADERS, Result, Series, Verdict, find
from bench.lab import Lab
from bench.race import Contestant, race
from bench.trees import FILES_PER_RUN, write_runs

LIMITS = {50: 0.5}


async def run(lab: Lab) -> Result:
    root = lab.folder / "resync"
    runs = QUICK_RUNS if lab.options.quick else RUNS
    write_runs(root, runs)
    await warm_up(lab)
    series: list[Series] = []
    for rtt in lab.options.rtts:
        kept = lab.new_folder()
        contestants = await make_contestants(lab, lab.port(rtt), root, kept)
        series += await race(lab, rtt, contestants, size=0)
        lab.drop(kept)
    lab.drop(root)
    return Result(
        title=f"Nothing changed, {runs * FILES_PER_RUN:,} files (seconds)",
        headers=RACE_HEADERS,
        rows=[one.cells() for one in series],
        verdicts=[compare(series, rtt) for rtt in lab.options.rtts if rtt in LIMITS],
        remarks=[
            "Runferry: opens the data directory of the first sync, dials, and looks at the whole tree.",
            "While it is connected there is no resync: the server tells what changes (see the append latency).",
            "SFTP walk: only lists the tree.",
        ],
    )


async def make_contestants(lab: Lab, port: int, root: Path, kept: Path) -> list[Contestant]:
    """Let everybody who keeps a copy make it, and return them."""
    own, command, rsync = kept / "own", kept / "command", kept / "rsync"

    async def run_own(_: Path) -> float:
        return await ours.next_sync(own)

    async def run_command(_: Path) -> float:
        return await ours.command(lab, port, root, command)

    async def run_rsync(_: Path) -> float:
        return await peers.rsync(lab, port, f"{root}/", rsync)

    async def run_walk(_: Path) -> float:
        return await peers.sftp_walk(lab, port, root, None)

    await ours.copy_and_read(lab, port, root, own)
    await run_command(kept)
    await run_rsync(kept)
    return [
        Contestant("Runferry", run_own),
        Contestant("rsync -a", run_rsync),
        Contestant("SFTP walk", run_walk),
        Contestant("runferry sync --once", run_command, is_extra=True),
    ]


def compare(series: list[Series], rtt: int) -> Verdict:
    ratio = find(series, "Runferry", rtt).median / find(series, "rsync -a", rtt).median
    return Verdict(f"nothing changed, RTT {rtt} ms, Runferry / rsync", ratio, LIMITS[rtt], " x")
