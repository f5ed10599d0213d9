"""What a person waits for at a prompt: commands with and without a running server, and a server's first answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.figures import Result
from bench.lab import Lab

RUNFERRY = str(Path(sys.executable).with_name("runferry"))
COMMANDS = {"runferry --version": ("--version",), "runferry runs, a server runs": ("runs",)}
ALONE, FRESH, FIRST = "runferry runs, no server runs", "runferry serve, new data directory", "runferry serve, as ever"


class Clock:
    """Seconds by the clock and of processor time of the processes that were started, from here to ``read``."""

    def __init__(self) -> None:
        self._began, self._worked = time.perf_counter(), count_work()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._began, count_work() - self._worked


def count_work() -> float:
    """Return the processor time of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


async def run(lab: Lab) -> Result:
    rounds = lab.options.rounds
    folder = lab.new_folder()
    found = await asyncio.to_thread(measure, folder, rounds)
    lab.drop(folder)
    return Result(
        title="From the prompt to the answer (seconds)",
        headers=("", "median", "least", "most", "processor", "rounds"),
        rows=[(name, *cells(values)) for name, values in found.items()],
        remarks=[
            "A command: the whole process, the start of Python included. `serve`: until `/api/health` has answered;",
            "its processor time includes what it takes to end. The data directory holds no runs.",
        ],
    )


def measure(folder: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*COMMANDS, ALONE, FRESH, FIRST)}
    home = folder / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    for number in range(rounds):
        environment["RUNFERRY_DATA_DIR"] = str(folder / f"data-{number}")
        found[FRESH].append(start_server(environment))
        found[FIRST].append(start_server(environment))
        found[ALONE].append(run_command(environment, ("runs",)))
        with serving(environment) as server:
            read_address(server)
            for name, words in COMMANDS.items():
                found[name].append(run_command(environment, words))
            server.send_signal(signal.SIGINT)
    return found


def run_command(environment: dict[str, str], words: Sequence[str]) -> tuple[float, float]:
    clock = Clock()
    subprocess.run([RUNFERRY, *words], env=environment, capture_output=True, check=True, timeout=60)
    return clock.read()


def serving(environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [RUNFERRY, "serve", "--port", "0", "--no-browser"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def read_address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline().split("at ", 1)[1].split()[0]


def start_server(environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds until its first answer, and the processor time of all its life."""
    clock = Clock()
    with serving(environment) as server:
        httpx.get(f"{read_address(server)}/api/health", trust_env=False, timeout=60).raise_for_status()
        answered, _ = clock.read()
        server.send_signal(signal.SIGINT)
    return answered, clock.read()[1]


def cells(values: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    wall, work = (sorted(one) for one in zip(*values, strict=True))
    middle = len(wall) // 2
    return (*(f"{seconds:.2f}" for seconds in (wall[middle], wall[0], wall[-1], work[middle])), str(len(wall)))
