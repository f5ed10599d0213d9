"""A training's log on the server and somebody who reads the local copy, with one clock: a process of its own.

``python -m bench.appender REMOTE LOCAL LINES PERIOD [UNTIL]`` appends a line about every PERIOD seconds, whether or not
the one before has come through, until LINES are written or UNTIL exists, and looks at the local file every half
millisecond. It prints the latencies of all lines as JSON, in seconds.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

_LOOK = 0.0005
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to do; see the module."""

    remote: Path
    local: Path
    lines: int
    period: float
    until: Path | None


def measure(job: Job) -> list[float]:
    """Return the seconds from each append to its appearance in the local file."""
    spread = random.Random(1)
    waiting: deque[tuple[int, float]] = deque()
    latencies: list[float] = []
    written, end, due, told = 0, job.remote.stat().st_size, time.perf_counter(), time.perf_counter()
    is_open = True
    with job.remote.open("ab", buffering=0) as log:
        while is_open or waiting:
            now = time.perf_counter()
            if is_open and now >= due:
                line = f'{{"step": {written}, "at": {now:.6f}, "loss": {spread.random():.9f}, "note": "{"x" * 40}"}}\n'
                end += log.write(line.encode())
                waiting.append((end, now))
                written, due = written + 1, now + job.period * spread.uniform(0.5, 1.5)
                is_open = written < job.lines and not (job.until is not None and job.until.exists())
            size = job.local.stat().st_size
            now = time.perf_counter()
            while waiting and waiting[0][0] <= size:
                latencies.append(now - waiting.popleft()[1])
                told = now
            assert not waiting or now - max(told, waiting[0][1]) < _PATIENCE, "a line does not come through"
            time.sleep(_LOOK)
    return latencies


if __name__ == "__main__":
    remote, local, lines, period, *until = sys.argv[1:]
    wait_for = Path(until[0]) if until else None
    print(json.dumps(measure(Job(Path(remote), Path(local), int(lines), float(period), wait_for))))
