"""What a process of ours takes: memory, descriptors, threads, processor time, asyncio tasks, and how soon it answers.

Memory and the like are read from /proc. Tasks nobody sees from outside: ``python -m tests.support.vitals FILE ...`` is
``python -m runferry ...`` and nothing else, but that on SIGUSR1 it writes into FILE how many there are of each kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.network import HOST
from tests.support.waiting import eventually

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at a process; ``memory`` is in bytes, ``processor`` in seconds since it began."""

    memory: int
    descriptors: int
    threads: int
    processor: float


def look_at(pid: int) -> Vitals:
    """Look at a process. Raises FileNotFoundError where it has ended."""
    process = Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return Vitals(
        memory=int(fields[21]) * PAGE,
        descriptors=sum(1 for _ in (process / "fd").iterdir()),
        threads=int(fields[17]),
        processor=(int(fields[11]) + int(fields[12])) / TICKS,
    )


async def count_tasks(pid: int, report: Path) -> Counter[str]:
    """Ask a process that was started by this module for its tasks; return how many there are of each kind."""
    report.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    await eventually(report.exists, within=20, what="the process to count its tasks")
    return Counter(json.loads(report.read_text()))


class Pulse:
    """Asks a server for its health five times a second, from a thread, and keeps how long each answer took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_ended = threading.Event()
        self.seconds: list[float] = []

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._take, name="pulse")
        thread.start()
        try:
            yield
        finally:
            self._is_ended.set()
            thread.join()

    def quantile(self, of_hundred: int) -> float:
        """Return the seconds within which so many of a hundred answers came."""
        return statistics.quantiles(self.seconds, n=100, method="inclusive")[of_hundred - 1]

    def _take(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=30)
        with contextlib.closing(connection):
            while not self._is_ended.wait(0.2):
                began = time.perf_counter()
                connection.request("GET", "/api/health")
                connection.getresponse().read()
                self.seconds.append(time.perf_counter() - began)


def write_tasks(report: Path) -> None:
    tasks = asyncio.all_tasks(asyncio.get_running_loop())
    kinds = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in tasks)
    staged = report.with_suffix(".new")
    staged.write_text(json.dumps(kinds))
    staged.replace(report)


def main(report: str, *arguments: str) -> None:
    from runferry.cli.application import main as run

    signal.signal(signal.SIGUSR1, lambda number, frame: write_tasks(Path(report)))
    sys.argv = ["runferry", *arguments]
    run()


def find_growth(values: Sequence[int]) -> tuple[float, float]:
    """Return the medians of the second and of the last quarter: what a start takes is over by then."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[quarter : 2 * quarter] or values), statistics.median(values[-quarter:])


if __name__ == "__main__":
    main(*sys.argv[1:])
