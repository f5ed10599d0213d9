"""Runferry for as many minutes as asked for, with trouble every few seconds.

``scripts/soak load MINUTES``: 50 servers with 2,000 runs, 200 of them live; it ends with an error where a copy differs
from its server, a process is left there, or the program takes more and more. ``scripts/soak live MINUTES``: the live
run of ``test_live_run.py``; it ends with an error where a single line is lost, repeated or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
from pathlib import Path

from tests.faults.load import soak_load
from tests.support.fleet import Load
from tests.support.live_run import LiveRun, Trouble, Watcher, compare
from tests.support.network import Proxy
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

RATE = 50.0
TROUBLE_LINES = (300, 1500)

LOAD = Load(servers=50, runs=2000, live=200, rate=0.25, pause=3.0)
IDLE_SECONDS = 20.0


async def soak_live(directory: Path, minutes: float) -> None:
    lines = int(minutes * 60 * RATE)
    live = LiveRun(directory / "remote", lines=lines, rate=RATE)
    (directory / "home").mkdir()
    chance = random.Random(lines)
    with Sshd() as sshd:
        async with Proxy(sshd.port) as proxy, ServedRunferry(directory / "data", directory / "home") as served:
            await served.connect(sshd, proxy.port)
            await served.mirror(directory / "remote")
            await eventually(served.is_watching, within=20, every=0.1)
            trouble, watcher = Trouble(served, proxy, sshd), Watcher(served)
            async with live.writing(), watcher.watching():
                kinds = itertools.cycle(trouble.kinds)
                at = chance.randint(*TROUBLE_LINES)
                while at < lines:
                    await live.reaches(at)
                    await eventually(served.is_watching, within=60, every=0.2, what="the sync to come back")
                    kind = next(kinds)
                    await kind()
                    memory = served.memory() // 2**20
                    print(f"{live.written} of {lines} lines, {len(watcher.lines)} seen, {memory} MiB: {kind.__name__}")
                    at = live.written + chance.randint(*TROUBLE_LINES)
                await live.reaches(lines)
                await compare(live, served, watcher, within=60)
    print(f"{lines} lines, none lost, none twice, in order; the socket was opened again {watcher.breaks} times")


def main() -> None:
    parser = argparse.ArgumentParser(description="Let Runferry run under steady trouble for a while.")
    parser.add_argument("kind", choices=("load", "live"), help="many servers and runs, or one fast live run")
    parser.add_argument("minutes", type=float, help="how long there is trouble")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rf-soak-") as directory:
        if given.kind == "load":
            work = soak_load(Path(directory), LOAD, seconds=given.minutes * 60, idle=IDLE_SECONDS)
            asyncio.run(work)
        else:
            asyncio.run(soak_live(Path(directory), given.minutes))


if __name__ == "__main__":
    main()
