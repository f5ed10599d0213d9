"""Many connections with many runs for a while, under steady trouble: at the end everything is the same on both sides,
and the program takes no more than at the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fleet import Fleet, Load, Server, find_differences
from tests.support.served import ServedRunferry
from tests.support.vitals import Pulse, Vitals, count_tasks, find_growth, look_at
from tests.support.waiting import eventually, pass_time

NO_LIMITS = "[rate_limits]\nconnect = 0\nconfigure_mode = 0\n"
MEMORY_GROWTH = 0.1
"""How much of its memory the program may have more in the last quarter than in the second: the runs grow meanwhile."""

SOCKETS, LEAST_MEMORY = 8, 24 * 2**20
"""Descriptors and bytes that come and go with the requests of whoever asks."""

WORKERS = min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio starts as they are needed, and keeps."""

SETTLING = 180.0
"""Seconds after which everything is the same again: a link that was cut again and again is tried once a minute."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the program takes while it has nothing to do."""

    vitals: Vitals
    tasks: Counter[str]
    agents: Counter[int]


class LoadSoak:
    """Take it through ``begin``, ``restart``, ``idle``, ``last`` and ``finish``, which raise AssertionError where a
    promise does not hold.
    """

    def __init__(self, directory: Path, fleet: Fleet) -> None:
        (directory / "home").mkdir()
        (directory / "data").mkdir(mode=0o700)
        (directory / "data" / "settings.toml").write_text(NO_LIMITS)
        self._report = directory / "tasks.json"
        self._fleet = fleet
        self._locals: dict[str, Path] = {}
        self.served = ServedRunferry(
            directory / "data", directory / "home", module=("tests.support.vitals", str(self._report))
        )
        self.figures: dict[str, Any] = {}

    async def begin(self) -> None:
        """Connect all servers and mirror them."""
        with self._timed("seconds until all is mirrored"):
            for server in self._fleet.servers:
                await self.served.connect(server.sshd, server.proxy.port)
                await self.served.mirror(server.root)
            await self._settle()

    async def restart(self) -> None:
        """End the program and come back to all servers at once."""
        await asyncio.to_thread(self.served.stop)
        with self._timed("seconds from a restart until all are in step"):
            await self.served.start()
            await self._settle()

    async def idle(self, seconds: float) -> Moment:
        """Return what it takes to do nothing; the processor's share of one connection goes into the figures."""
        async with self._reading():  # what the first page opens, stays
            await eventually(lambda: "list of runs, ms, max" in self.figures, what="the first list of runs")
        assert self._fleet.agents().total() == len(self._fleet.servers), "a server is reached by something slower"
        before = look_at(self.served.pid)
        await pass_time(seconds)
        after = look_at(self.served.pid)
        share = (after.processor - before.processor) / seconds / len(self._fleet.servers)
        self.figures["% of a core per idle connection"] = round(100 * share, 3)
        return await self._look()

    async def last(self, seconds: float) -> None:
        """Let the live runs be written and links break for so long."""
        pulse, memory = Pulse(self.served.port), list[int]()
        before = look_at(self.served.pid)
        async with self._fleet.living(), self._reading():
            with pulse.taking():
                ends = time.monotonic() + seconds
                while time.monotonic() < ends:
                    await pass_time(min(1.0, seconds / 8))
                    memory.append(look_at(self.served.pid).memory)
        spent = look_at(self.served.pid).processor - before.processor
        early, late = find_growth(memory)
        self.figures |= {
            "lines written": self._fleet.lines_written,
            "breaks": self._fleet.breaks,
            "% of a core": round(100 * spent / seconds),
            "MiB in the second quarter": round(early / 2**20, 1),
            "MiB in the last quarter": round(late / 2**20, 1),
            "most MiB": round(max(memory) / 2**20, 1),
            "health, ms, p50": round(pulse.quantile(50) * 1000, 1),
            "health, ms, p99": round(pulse.quantile(99) * 1000, 1),
            "health, ms, max": round(max(pulse.seconds) * 1000, 1),
        }
        assert late <= early + max(early * MEMORY_GROWTH, LEAST_MEMORY), f"memory grows: {self.figures}"

    async def finish(self, idle: Moment) -> None:
        """Compare everything with the servers and with what it took before; end it and look for what it left."""
        with self._timed("seconds until all is the same again"):
            await self._settle()
        await eventually(lambda: self._is_as_before(idle), within=30, every=1, what="what was opened to be closed")
        assert await self._count_runs() == sum(1 for _ in self._runs()), "a run is missing in the list"
        with self._timed("seconds to end"):
            await asyncio.to_thread(self.served.stop)
        await eventually(lambda: not self._fleet.agents(), within=10, what="the agents to end")
        log = self.served.log_path.read_text()
        self.figures["lines in its log"] = log.count("\n")
        for word in ("Traceback", "Task was destroyed", "never retrieved", "never awaited", "ResourceWarning"):
            assert word not in log, f"{word}: {log[-4000:]}"

    async def _is_as_before(self, idle: Moment) -> bool:
        """Say whether it takes no more than then, and as many agents run. What it takes is kept as a figure."""
        now = await self._look()
        grown = now.tasks - idle.tasks
        self.figures |= {
            "descriptors": [idle.vitals.descriptors, now.vitals.descriptors],
            "threads": [idle.vitals.threads, now.vitals.threads],
            "tasks": [idle.tasks.total(), now.tasks.total()],
            "tasks more than before": dict(grown),
            "processes on the servers": [idle.agents.total(), now.agents.total()],
        }
        return (
            not grown
            and now.agents == idle.agents
            and now.vitals.descriptors <= idle.vitals.descriptors + SOCKETS
            and now.vitals.threads <= idle.vitals.threads + WORKERS
        )

    async def _look(self) -> Moment:
        tasks = await count_tasks(self.served.pid, self._report)
        return Moment(look_at(self.served.pid), tasks, self._fleet.agents())

    async def _settle(self) -> None:
        await eventually(self._are_watching, within=SETTLING, every=0.5, what="all syncs to be in step")
        for server in self._fleet.servers:
            await eventually(lambda server=server: self._is_same(server), within=60, every=0.5, what=server.id)  # type: ignore[misc]

    async def _is_same(self, server: Server) -> bool:
        return not await asyncio.to_thread(find_differences, server, self._locals[server.id])

    async def _are_watching(self) -> bool:
        found = (await self.served.status())["connections"]
        self._locals = {one["connection_id"]: Path(sync["local_root"]) for one in found for sync in one["syncs"]}
        states = [sync["state"] for one in found for sync in one["syncs"]]
        return states == ["watching"] * len(self._fleet.servers)

    async def _count_runs(self) -> int:
        answer = (await self.served.api.get("/unified/status")).raise_for_status().json()
        return int(sum(one["cached_experiments"] for one in answer["connections"]))

    def _runs(self) -> set[Path]:
        return {path.parent for server in self._fleet.servers for path in server.root.rglob("meta.json")}

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        """Do meanwhile what an open page does: hear the events, and look at the list of runs now and then."""
        tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._list())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                assert task.cancelled() or task.exception() is None, task.exception()

    async def _hear(self) -> None:
        self.figures["events heard"] = 0
        async with self.served.api.stream("GET", "/events", timeout=None) as answer:
            async for line in answer.raise_for_status().aiter_lines():
                self.figures["events heard"] += line.startswith("event:")

    async def _list(self) -> None:
        while True:
            began = time.monotonic()
            (await self.served.api.get("/runs", params={"limit": 50})).raise_for_status()
            took = round((time.monotonic() - began) * 1000)
            self.figures["list of runs, ms, max"] = max(took, self.figures.get("list of runs, ms, max", 0))
            await pass_time(2)

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.figures[what] = round(time.monotonic() - began, 1)


async def soak_load(
    directory: Path, load: Load, *, seconds: float, idle: float, is_restarted: bool = True
) -> dict[str, Any]:
    """Do it all; return the figures."""
    async with Fleet(directory / "servers", load) as fleet:
        soak = LoadSoak(directory, fleet)
        async with soak.served:
            try:
                await soak.begin()
                if is_restarted:
                    await soak.restart()
                moment = await soak.idle(idle)
                await soak.last(seconds)
                await soak.finish(moment)
            finally:
                for name, value in soak.figures.items():
                    print(f"{name}: {value}")
    return soak.figures
