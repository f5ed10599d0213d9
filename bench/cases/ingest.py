"""How fast a run's events become series, and how much memory that takes."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.figures import Result, Verdict
from bench.lab import Lab
from bench.race import show

SHAPES = {"1 metric a line": 1, "4 metrics a line": 4, "20 metrics a line": 20}
POINTS, QUICK_POINTS = 2_000_000, 200_000
LARGE, QUICK_LARGE = 1_000_000_000, 60_000_000
SMALL_SHARE = 10
_TIMEOUT = 600.0


async def run(lab: Lab) -> Result:
    points = QUICK_POINTS if lab.options.quick else POINTS
    large = QUICK_LARGE if lab.options.quick else LARGE
    rows, rates = [], []
    for name, metrics in SHAPES.items():
        found = await ingest(lab, metrics, lines=points // (metrics + 1))
        rates.append(found["points"] / found["processor"])
        rows.append(describe(name, found))
        show(f"{name}: {rates[-1]:,.0f} points per second of a core")
    peaks = []
    for name, size in (("the same, tenfold smaller file", large // SMALL_SHARE), ("20 metrics, large file", large)):
        found = await ingest(lab, 20, size=size)
        peaks.append((found["after"] - found["before"]) / 1e6)
        rows.append(describe(name, found))
        show(f"{size / 1e6:,.0f} MB: {peaks[-1]:.0f} MB of memory")
    return Result(
        title="An events.jsonl into series",
        headers=("", "file, MB", "points", "points/s of a core", "MB/s", "memory, MB"),
        rows=rows,
        verdicts=[
            Verdict("ingest, the slowest shape", min(rates) / 1000, 200, " thousand points/s", is_least=True),
            Verdict(
                f"ingest, memory for {large / 1e6:,.0f} MB beyond that for a tenth of it",
                peaks[1] - peaks[0],
                20,
                " MB",
            ),
        ],
        remarks=[
            "From the local file to committed chunks, in the service's own steps of 2 MiB; every line has a stage"
            " beside its metrics, which counts as a point. By processor time, as the machine does other things too.",
            "Memory is what the process's peak grew by while reading.",
        ],
    )


def describe(name: str, found: Mapping[str, float]) -> tuple[str, ...]:
    return (
        name,
        f"{found['bytes'] / 1e6:,.0f}",
        f"{found['points']:,.0f}",
        f"{found['points'] / found['processor']:,.0f}",
        f"{found['bytes'] / found['processor'] / 1e6:.0f}",
        f"{(found['after'] - found['before']) / 1e6:.0f}",
    )


async def ingest(lab: Lab, metrics: int, *, lines: int | None = None, size: int | None = None) -> Mapping[str, float]:
    """Read a file of so many lines, or of about so many bytes, in a process of its own."""
    folder = lab.new_folder()
    source = folder / "events.jsonl"
    await asyncio.to_thread(write_events, source, metrics, lines, size)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.ingester", str(source), str(folder)), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(_TIMEOUT):
        answer, _ = await process.communicate()
    assert process.returncode == 0, "reading failed"
    lab.drop(folder)
    found: Mapping[str, float] = json.loads(answer)
    return found


def write_events(path: Path, metrics: int, lines: int | None, size: int | None) -> None:
    """Write events as Runicorn does, with a fixed seed."""
    source = random.Random(20260101)
    written = step = 0
    with path.open("w") as file:
        while (lines is None or step < lines) and (size is None or written < size):
            at = 1.7e9 + step / 10
            values = {f"train/metric_{number}": round(source.random(), 6) for number in range(metrics)}
            data = {**values, "global_step": step, "time": at, "stage": "train"}
            written += file.write(json.dumps({"ts": at, "type": "metrics", "data": data}) + "\n")
            step += 1
