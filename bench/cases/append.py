"""How long after a training writes a line the local copy has it: alone, and beside a big file under way."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from bench import ours
from bench.figures import Result, Verdict, quantile
from bench.lab import Lab
from bench.race import show
from bench.trees import copy_file, write_random_file, write_runs
from runferry.sync.spec import SessionState

LINES, QUICK_LINES = 300, 60
PERIOD, BUSY_PERIOD = 0.1, 0.02
SIZE, QUICK_SIZE = 1_000_000_000, 200_000_000
RUNS = 20
MOST_FILES = 6
_TIMEOUT = 300.0


async def run(lab: Lab) -> Result:
    rows: list[tuple[str, ...]] = []
    verdicts: list[Verdict] = []
    for rtt in lab.options.rtts:
        idle, busy = await measure(lab, rtt)
        for what, found in (("idle", idle), ("beside a big file", busy)):
            milliseconds = [1000 * seconds for seconds in found]
            shown = (quantile(milliseconds, 0.5), quantile(milliseconds, 0.99), max(milliseconds))
            rows.append((f"{rtt} ms", what, *(f"{value:.1f}" for value in shown), str(len(found))))
        verdicts += [
            Verdict(f"append, RTT {rtt} ms, p50 idle", 1000 * quantile(idle, 0.5), 50 + rtt, " ms"),
            Verdict(f"append, RTT {rtt} ms, p99 beside a big file", 1000 * quantile(busy, 0.99), 500 + rtt, " ms"),
        ]
    return Result(
        title="From a line appended on the server to the line in the local file (milliseconds)",
        headers=("RTT", "", "p50", "p99", "most", "lines"),
        rows=rows,
        verdicts=verdicts,
        remarks=[
            f"A line about every {PERIOD * 1000:.0f} ms ({BUSY_PERIOD * 1000:.0f} ms beside the big file), written"
            " whether or not the one before has come through.",
            f"The big file has {size_of(lab) / 1e6:.0f} MB and is fetched anew until there are enough lines.",
        ],
    )


def size_of(lab: Lab) -> int:
    return QUICK_SIZE if lab.options.quick else SIZE


async def measure(lab: Lab, rtt: int) -> tuple[list[float], list[float]]:
    """Return the latencies in seconds, idle and beside a big file."""
    lines = QUICK_LINES if lab.options.quick else LINES
    root, folder = lab.folder / "append", lab.new_folder()
    write_runs(root, RUNS)
    log = root / "live" / "one" / "runs" / "20260102_000000_00000f" / "events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text('{"step": -1}\n')
    async with ours.mirroring(lab, lab.port(rtt), root, folder) as (ferry, copy):
        local = copy / log.relative_to(root)
        idle = await append(log, local, lines, PERIOD)
        show(f"RTT {rtt}: {len(idle)} lines, idle")
        source = lab.folder / "big.bin"
        write_random_file(source, size_of(lab))
        busy: list[float] = []
        for number in range(MOST_FILES):
            target = root / f"checkpoint-{number}.bin"
            async with ferry.service.events.subscribe() as events:
                await asyncio.to_thread(copy_file, source, target)
                await ours.wait_for_state(events, SessionState.FETCHING)
            busy += await append(log, local, 100_000, BUSY_PERIOD, copy / target.name)
            show(f"RTT {rtt}: {len(busy)} lines, beside a big file")
            if len(busy) >= lines:
                break
        source.unlink()
    lab.drop(folder)
    lab.drop(root)
    return idle, busy


async def append(remote: Path, local: Path, lines: int, period: float, until: Path | None = None) -> list[float]:
    arguments = [str(remote), str(local), str(lines), str(period), *([str(until)] if until else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.appender", *arguments, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(_TIMEOUT):
        answer, _ = await process.communicate()
    assert process.returncode == 0, "the appender failed"
    return [float(seconds) for seconds in json.loads(answer)]
