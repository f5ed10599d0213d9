"""What a minute costs in which nothing happens: bytes on the wire, CPU on the server."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.ferry import Ferry
from tests.support.sshd import Sshd, children_of

from bench import ours
from bench.figures import Result, Verdict
from bench.lab import Lab
from bench.proxy import ProxyProcess
from bench.race import show
from bench.trees import FILES_PER_RUN, write_runs
from runferry.service.modes import ModeRequest
from runferry.sync.spec import Mode

RUNS, QUICK_RUNS = 720, 40
SECONDS, QUICK_SECONDS = 60.0, 10.0
_CALM = 65.0
"""Seconds after which nothing in a tree counts as just written any more."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stretch of time cost, per minute: bytes to and from the server, CPU seconds of the agent and of us."""

    up: float
    down: float
    agent: float
    own: float

    @property
    def total(self) -> float:
        return self.up + self.down

    def cells(self, what: str) -> tuple[str, ...]:
        return (what, f"{self.up:.0f}", f"{self.down:.0f}", f"{self.agent / 0.6:.2f} %", f"{self.own / 0.6:.2f} %")


async def run(lab: Lab) -> Result:
    quick = lab.options.quick
    runs, calm = (QUICK_RUNS, 3.0) if quick else (RUNS, _CALM)
    root, folder = lab.folder / "idle", lab.new_folder()
    write_runs(root, runs)
    proxy = await lab.add_proxy()
    async with Ferry(folder) as ferry:
        await ferry.connect(lab.sshd, port=proxy.port)
        await pass_time(calm)
        alone = await measure(lab, proxy)
        async with ferry.service.events.subscribe() as events:
            await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(root), ours.INTERVAL))
            await ours.wait_in_step(events)
        await pass_time(calm)
        mirror = await measure(lab, proxy)
    lab.drop(folder)
    lab.drop(root)
    return Result(
        title=f"An idle minute with {runs * FILES_PER_RUN:,} files in step",
        headers=("", "bytes up", "bytes down", "agent's CPU", "Runferry's CPU"),
        rows=[alone.cells("connected, no sync"), mirror.cells("mirror in step")],
        verdicts=[
            Verdict("idle, bytes per minute beyond the keepalives", mirror.total - alone.total, 1000, " B"),
            Verdict("idle, agent's CPU, share of a core", mirror.agent / 0.6, 1, " %"),
        ],
        remarks=[
            "Bytes as TCP carries them, counted by a proxy; the first row is what the keepalives of the link and of"
            " the agent cost. CPU as /proc/<pid>/stat tells it, user and system.",
        ],
    )


async def measure(lab: Lab, proxy: ProxyProcess) -> Cost:
    """Let time pass and return what it cost."""
    seconds = QUICK_SECONDS if lab.options.quick else SECONDS
    (agent,) = find_agents(lab.sshd)
    before, began = (*await proxy.carried(), cpu_of(agent), cpu_of(os.getpid())), time.perf_counter()
    await pass_time(seconds)
    after = (*await proxy.carried(), cpu_of(agent), cpu_of(os.getpid()))
    per_minute = 60 / (time.perf_counter() - began)
    cost = Cost(*(per_minute * (now - then) for now, then in zip(after, before, strict=True)))
    show(f"{cost.total:.0f} bytes a minute, {cost.agent:.3f} s of the agent's CPU")
    return cost


async def pass_time(seconds: float) -> None:
    """Wait: here the passing of time is what is measured."""
    await asyncio.sleep(seconds)


def find_agents(sshd: Sshd) -> list[int]:
    """Return the pids of the agents that this server runs."""
    found: list[int] = []
    waiting = sshd.child_pids()
    while waiting:
        pid = waiting.pop()
        waiting += children_of(pid)
        if b"-IBS" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            found.append(pid)
    return found


def cpu_of(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process has used; see proc(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
