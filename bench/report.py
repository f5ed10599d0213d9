"""Shows results on the terminal and writes them into ``docs/benchmarks.md``, between the markers of each case."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.figures import Result

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def print_result(result: Result) -> None:
    """Print the table and the verdicts."""
    table = [list(result.headers), *(list(row) for row in result.rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(result.headers))]
    print(f"\n{result.title}")
    for row in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for verdict in result.verdicts:
        print(f"  {verdict}")
    print(flush=True)


def write_result(name: str, result: Result, command: str, document: Path = DOCUMENT) -> None:
    """Replace what the document holds between the markers of this case; everything else stays."""
    text = document.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    assert closed, f"{document.name} has no markers for {name}"
    body = "\n".join(to_markdown(result, command))
    document.write_text(f"{before}{begin}\n{body}\n{end}{after}", encoding="utf-8")


def to_markdown(result: Result, command: str) -> list[str]:
    """Return the lines of one case's section."""
    lines = [f"### {result.title}", ""]
    lines += [to_row(result.headers), to_row(["---"] * len(result.headers)), *(to_row(row) for row in result.rows)]
    lines += ["", *(f"- {verdict}" for verdict in result.verdicts), ""]
    lines += [*result.remarks, "", f"`{command}`, {time.strftime('%Y-%m-%d')}, {describe_machine()}."]
    return lines


def to_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def describe_machine() -> str:
    """Return what the numbers depend on, in one phrase."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{os.cpu_count()} cores ({find_processor()}), {memory:.0f} GiB",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()} (counts to a million in {1000 * time_counting():.0f} ms)",
        f"asyncssh {version('asyncssh')}",
        f"uvloop {version('uvloop')}",
        find_version(("ssh", "-V"), r"OpenSSH_\S+?(?=[, ])"),
        find_version(("rsync", "--version"), r"rsync  version \S+"),
    ]
    return ", ".join(parts)


def time_counting() -> float:
    """Return the seconds this Python takes for a fixed piece of work, at best: how quick machine and build are."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        total = 0
        for number in range(1_000_000):
            total += number
        found.append(time.perf_counter() - began)
    return min(found)


def find_processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def find_version(command: Sequence[str], pattern: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    found = re.search(pattern, answer.stdout + answer.stderr)
    return " ".join(found[0].split()) if found else command[0]
