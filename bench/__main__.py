"""``python -m bench``: measures, prints tables, and writes them into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop

from bench.cases import (
    append,
    big,
    browser,
    formats,
    idle,
    ingest,
    initial,
    large,
    logs,
    mixed,
    mlruns,
    resync,
    runs,
    series,
    startup,
)
from bench.figures import Result
from bench.lab import Lab, Options
from bench.report import print_result, write_result
from runferry.app import calm_garbage_collector

CASES: Mapping[str, Callable[[Lab], Awaitable[Result]]] = {
    "initial": initial.run,
    "resync": resync.run,
    "large": large.run,
    "big": big.run,
    "append": append.run,
    "idle": idle.run,
    "ingest": ingest.run,
    "series": series.run,
    "logs": logs.run,
    "runs": runs.run,
    "formats": formats.run,
    "mixed": mixed.run,
    "browser": browser.run,
    "mlruns": mlruns.run,
    "startup": startup.run,
}


def main() -> None:
    arguments = read_arguments()
    options = Options(arguments.rounds or (1 if arguments.quick else 5), tuple(arguments.rtt), arguments.quick)
    calm_garbage_collector()  # as in production
    command = shlex.join(("python", "-m", "bench", *sys.argv[1:]))
    for name in arguments.only or CASES:
        print(f"{name}:", flush=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as in production
            result = runner.run(run_case(name, options, arguments.work))
        print_result(result)
        if not (arguments.quick or arguments.print_only):
            write_result(name, result, command)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=tuple(CASES), metavar="NAME", help=f"of: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, help="rounds of each race (default 5)")
    parser.add_argument("--rtt", nargs="+", type=int, default=[0, 50], metavar="MS", help="round trips (default 0 50)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, nothing written: does it run?")
    parser.add_argument("--print-only", action="store_true", help="do not write docs/benchmarks.md")
    parser.add_argument("--work", type=Path, help="where the trees and copies go (default: the temporary directory)")
    return parser.parse_args()


async def run_case(name: str, options: Options, work: Path | None) -> Result:
    async with Lab(options, work) as lab:
        return await CASES[name](lab)


if __name__ == "__main__":
    main()
