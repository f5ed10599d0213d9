"""From dialling to an ``mlruns`` of 50,000 tiny files in the table, with all parameters, in smart mode."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.ferry import Ferry, files_below
from tests.support.many_mlruns import FILES_PER_RUN, write_mlruns
from tests.support.mixed_tree import age
from tests.support.waiting import eventually

from bench.figures import Result, Verdict
from bench.lab import Lab
from runferry.service.modes import ModeRequest
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

RUNS, QUICK_RUNS = 1000, 20
TABLE_LIMIT = 10.0
"""Seconds to the first table, at the longest round trip."""


async def run(lab: Lab) -> Result:
    root = lab.folder / "mlruns"
    root.mkdir()
    paths = write_mlruns(root, QUICK_RUNS if lab.options.quick else RUNS)
    age(root, 86_400)
    rows: list[tuple[str, ...]] = []
    verdicts: list[Verdict] = []
    for rtt in lab.options.rtts:
        table, whole, copied, received = await measure(lab, lab.port(rtt), root, paths)
        rows.append((f"{rtt} ms", f"{table:.2f}", f"{whole:.2f}", f"{copied:,}", f"{received / 1e6:.1f}"))
        verdicts.append(Verdict(f"first table, RTT {rtt} ms", table, TABLE_LIMIT, " s"))
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    lab.drop(root)
    return Result(
        title=f"An mlruns of {len(paths):,} runs, {len(paths) * FILES_PER_RUN:,} files, {size / 1e6:.1f} MB",
        headers=("RTT", "all runs listed (s)", "all parameters told (s)", "files copied", "MB received"),
        rows=rows,
        verdicts=verdicts,
        remarks=["From dialling; smart mode, into an empty data directory. No file of metrics is copied or read."],
    )


async def measure(lab: Lab, port: int, root: Path, paths: list[str]) -> tuple[float, float, int, int]:
    """Return the seconds until all runs are listed, and until all are told whole; files copied; bytes received."""
    async with Ferry(lab.new_folder()) as ferry:
        began = time.perf_counter()
        await ferry.connect(lab.sshd, port=port)
        view = await ferry.service.configure_mode(ModeRequest(Mode.SMART, str(root), 60.0))

        async def is_listed() -> bool:
            return (await ferry.service.list_runs(RunFilter(limit=1)))[1] == len(paths)

        await eventually(is_listed, within=120, every=0.05)
        listed = time.perf_counter() - began

        async def is_told() -> bool:
            runs, _ = await ferry.service.list_runs(RunFilter(limit=len(paths)))
            if any(run.status != "finished" for run in runs):
                return False
            details = [await ferry.service.get_run(run.key) for run in runs[::50]]
            return all(len(detail.params) >= 25 for detail in details)

        await eventually(is_told, within=300, every=0.2)
        told = time.perf_counter() - began
        await ferry.in_step(Mode.SMART)
        status = await ferry.service.status()
        assert status.current is not None
        return listed, told, len(files_below(Path(view.local_root))), status.current.received_bytes
