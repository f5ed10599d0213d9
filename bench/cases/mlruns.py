"""From dialling to an ``mlruns`` of 50,000 tiny files in the table, with all parameters; and all of it copied."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ferry import Ferry, files_below
from tests.support.many_mlruns import write_mlruns
from tests.support.mixed_tree import age
from tests.support.waiting import eventually

from bench import ours, peers
from bench.figures import RACE_HEADERS, Result, Series, Verdict, find
from bench.lab import Lab
from bench.race import Contestant, race, show
from bench.trees import measure
from runferry.service.modes import ModeRequest
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

RUNS, QUICK_RUNS = 1000, 20
TABLE_LIMIT = 10.0
"""Seconds to the first table, at the longest round trip."""

COPY_LIMITS = {0: 1.2, 50: 0.5}
"""What a mirror of all files may take, in times of rsync's."""

LISTED, TOLD, COPIED, RSYNC = "all runs listed", "all parameters told", "mirror: all files here", "rsync -a"
PARAMS = 25


@dataclass
class Table:
    """What the smart syncs of all rounds took and moved, by round trip."""

    listed: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    files: int = 0
    received: int = 0

    def series(self, rtt: int) -> list[Series]:
        return [Series(LISTED, rtt, tuple(self.listed)), Series(TOLD, rtt, tuple(self.told))]


async def run(lab: Lab) -> Result:
    root = lab.folder / "mlruns"
    root.mkdir()
    began = time.perf_counter()
    paths = write_mlruns(root, QUICK_RUNS if lab.options.quick else RUNS)
    age(root, 86_400)
    show(f"{len(paths):,} runs written in {time.perf_counter() - began:.1f} s")
    series: list[Series] = []
    table = Table()
    for rtt in lab.options.rtts:
        table = Table()
        port, size = lab.port(rtt), measure(root)[1]

        async def first_table(folder: Path, port: int = port, table: Table = table) -> float:
            return await list_all(lab, port, root, folder, paths, table)

        async def copy_all(folder: Path, port: int = port) -> float:
            return await ours.first_sync(lab, port, root, folder)

        async def rsync(folder: Path, port: int = port) -> float:
            return await peers.rsync(lab, port, f"{root}/", folder)

        contestants = [Contestant(TOLD, first_table), Contestant(COPIED, copy_all), Contestant(RSYNC, rsync)]
        raced = await race(lab, rtt, contestants, size=size)
        series += [*table.series(rtt), *raced[1:]]
    count, size = measure(root)
    lab.drop(root)
    return Result(
        title=f"An mlruns of {len(paths):,} runs, {count:,} files, {size / 1e6:.1f} MB (seconds)",
        headers=RACE_HEADERS,
        rows=[one.cells(".2f") for one in series],
        verdicts=[verdict for rtt in lab.options.rtts for verdict in judge(series, rtt)],
        remarks=[
            "From dialling, into an empty data directory. The first two are of one smart sync, which copied "
            f"{table.files:,} files ({table.received / 1e6:.1f} MB received) and no metrics;",
            "a mirror and rsync copy all. A disk holds 4 KiB for each of these files.",
        ],
    )


def judge(series: list[Series], rtt: int) -> list[Verdict]:
    found = [Verdict(f"first table, RTT {rtt} ms", find(series, LISTED, rtt).median, TABLE_LIMIT, " s")]
    if rtt in COPY_LIMITS:
        ratio = find(series, COPIED, rtt).median / find(series, RSYNC, rtt).median
        found.append(Verdict(f"all files, RTT {rtt} ms, Runferry / rsync", ratio, COPY_LIMITS[rtt], " x"))
    return found


async def list_all(lab: Lab, port: int, root: Path, folder: Path, paths: list[str], table: Table) -> float:
    """Return the seconds until all runs are told whole; the rest goes into ``table``."""
    async with Ferry(folder) as ferry:
        began = time.perf_counter()
        await ferry.connect(lab.sshd, port=port)
        view = await ferry.service.configure_mode(ModeRequest(Mode.SMART, str(root), 60.0))

        async def is_listed() -> bool:
            return (await ferry.service.list_runs(RunFilter(limit=1)))[1] == len(paths)

        await eventually(is_listed, within=120, every=0.05)
        table.listed.append(time.perf_counter() - began)

        async def is_told() -> bool:
            """Look at the last ones first: asking for all of them, all the time, would be what takes the time."""
            status = RunFilter(status=("finished",), limit=1)
            if (await ferry.service.list_runs(status))[1] < len(paths):
                return False
            runs, _ = await ferry.service.list_runs(RunFilter(limit=len(paths)))
            details = [await ferry.service.get_run(run.key) for run in runs[::50]]
            return all(len(detail.params) >= PARAMS for detail in details)

        await eventually(is_told, within=120, every=0.2)
        table.told.append(time.perf_counter() - began)
        await ferry.in_step(Mode.SMART)
        status = await ferry.service.status()
        assert status.current is not None
        table.files, table.received = len(files_below(Path(view.local_root))), status.current.received_bytes
        return table.told[-1]
