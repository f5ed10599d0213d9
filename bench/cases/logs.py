"""What it costs to open a log of 2 GB: its end, its lines counted, a page in the middle, a search, and memory."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Result, Verdict
from bench.lab import Lab
from runferry.store.log_file import LogFile, open_log
from runferry.store.log_index import LineIndex
from runferry.store.logs import Lines, Needle, read_from, read_tail, search

SIZE, QUICK_SIZE = 2 * 1024**3, 64 * 1024**2
LINE = b"12:00:00 | step %08d loss 0.123456 some more text to make it as long as others\n"
PIECE_LINES = 10_000


async def run(lab: Lab) -> Result:
    size = QUICK_SIZE if lab.options.quick else SIZE
    path = lab.new_folder() / "logs.txt"
    lines = await asyncio.to_thread(write_log, path, size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_log(str(path), path.stat().st_size) as log:
        assert log is not None
        rows, tail = measure(log, lines)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    path.unlink()
    return Result(
        title=f"A log of {size / 1024**3:.2f} GiB, {lines:,} lines",
        headers=("", "ms"),
        rows=rows,
        verdicts=[
            Verdict("the end of a log that was never opened before", tail, 100, " ms"),
            Verdict("memory while reading it", memory, 32, " MiB"),
        ],
        remarks=[
            "The file is in the page cache. Memory is what the process grew by at its peak. A search looks at 32 MiB"
            " per request.",
        ],
    )


def write_log(path: Path, size: int) -> int:
    """Write about ``size`` bytes of lines, all numbered; returns how many."""
    number = 0
    with path.open("wb", buffering=0) as file:
        while file.tell() < size:
            file.write(b"".join(LINE % line for line in range(number, number + PIECE_LINES)))
            number += PIECE_LINES
    return number


def measure(log: LogFile, lines: int) -> tuple[list[tuple[str, str]], float]:
    """Return a table, and the time of the first look in milliseconds. What is read is checked."""
    index = LineIndex(0, log.inode)
    rows: list[tuple[str, str]] = []

    def clock(what: str, work: Callable[[], Lines | None]) -> Lines | None:
        began = time.perf_counter()
        found = work()
        rows.append((what, f"{(time.perf_counter() - began) * 1000:.1f}"))
        return found

    def count_all() -> None:
        while not index.extend(log):
            pass

    tail = clock("the last 1,000 lines, first look", lambda: read_tail(log, index, 1000))
    clock("counting all lines, once", count_all)
    page = clock("1,000 lines from the middle", lambda: read_from(log, index, lines // 2, 1000))
    clock("the last 1,000 lines, numbered", lambda: read_tail(log, index, 1000))
    rare = clock("a search, hardly a match", lambda: search(log, index, Needle("STEP 00000999 "), first=0, limit=1000))
    often = clock("a search, every line matches", lambda: search(log, index, Needle("loss"), first=0, limit=1000))
    assert tail is not None
    assert page is not None
    assert rare is not None
    assert often is not None
    assert index.total(log) == lines
    assert tail.lines[-1].text == (LINE % (lines - 1)).decode().rstrip("\n")
    assert page.lines[0].text == (LINE % (lines // 2)).decode().rstrip("\n")
    assert (rare.matches, often.matches) == (1, often.matches)
    return rows, float(rows[0][1])
