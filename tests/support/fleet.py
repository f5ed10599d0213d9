"""Many servers at once, each with its own host key and its runs, some of which are written to all the time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from runferry.blocking import in_thread
from tests.support.ferry import files_below, write_run
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import pass_time

AWAY, SILENT = 5.0, 20.0
"""Seconds for which a server cannot be reached, and for which a link carries nothing (longer than it may)."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is: ``runs`` and ``live`` in all, ``rate`` lines a second in each live one, a break of some link
    every ``pause`` seconds.
    """

    servers: int
    runs: int
    live: int
    rate: float
    pause: float


class Server:
    """One of them: sshd behind a link that can be broken, with its own share of the runs below ``root``."""

    def __init__(self, root: Path, *, sshd: Sshd, proxy: Proxy) -> None:
        self.root = root
        self.sshd = sshd
        self.proxy = proxy

    @property
    def id(self) -> str:
        return f"{self.sshd.username}@{self.sshd.host}:{self.proxy.port}"

    async def cut(self) -> None:
        self.proxy.cut()

    async def leave(self) -> None:
        """Be gone for a while."""
        self.proxy.is_accepting = False
        self.proxy.cut()
        await pass_time(AWAY)
        self.proxy.is_accepting = True

    async def freeze(self) -> None:
        """Say nothing for longer than anybody waits."""
        self.proxy.freeze()
        await pass_time(SILENT)
        self.proxy.thaw()

    async def restart(self) -> None:
        def restart() -> None:
            self.sshd.stop()
            self.sshd.start()

        await in_thread(restart)


class Fleet:
    """An asynchronous context manager; ``servers`` are up inside it."""

    def __init__(self, directory: Path, load: Load) -> None:
        self._directory = directory
        self._load = load
        self._stack = contextlib.AsyncExitStack()
        self._chance = random.Random(load.runs)
        self.servers: list[Server] = []
        self.live_runs: list[Path] = []
        self.lines_written = 0
        self.breaks = 0

    async def __aenter__(self) -> Fleet:
        load = self._load
        for number in range(load.servers):
            root = self._directory / f"server{number}"
            sshd = self._stack.enter_context(await asyncio.to_thread(Sshd))
            proxy = await self._stack.enter_async_context(Proxy(sshd.port))
            self.servers.append(Server(root, sshd=sshd, proxy=proxy))
        await asyncio.to_thread(self._write_runs)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Write to the live runs meanwhile, and break links; whatever is broken is whole again at the end."""
        ended = threading.Event()
        writing = asyncio.create_task(asyncio.to_thread(self._write_lines, ended))
        breaking = asyncio.create_task(self._break_links())
        try:
            yield
        finally:
            ended.set()
            breaking.cancel()
            await asyncio.wait([breaking, writing])
            for server in self.servers:
                server.proxy.is_accepting = True
                server.proxy.thaw()
        await writing

    def agents(self) -> Counter[int]:
        """Return how many processes run that were started over each server's links, by its port, orphans among them."""
        ports = {server.sshd.port for server in self.servers}
        return Counter(port for port in find_sessions() if port in ports)

    def _write_runs(self) -> None:
        load = self._load
        for number in range(load.runs):
            root = self.servers[number % load.servers].root
            run = write_run(root, f"p{number % 3}", f"n{number % 4}", f"20260101_{number:06d}_{number:06x}")
            if number < load.live:
                (run / "status.json").write_text('{"status": "running", "started_at": 1700000000.5}')
                self.live_runs.append(run)

    def _write_lines(self, ended: threading.Event) -> None:
        """Give each live run in turn a line in its log and a metric."""
        began, every = time.monotonic(), 1 / (self._load.rate * len(self.live_runs))
        for number, run in enumerate(itertools.cycle(self.live_runs)):
            step = 20 + number // len(self.live_runs)
            append(run / "logs.txt", f"12:00:00 | step {step} loss {1 / step:.6f}\n")
            data = f'{{"loss": {1 / step:.6f}, "global_step": {step}}}'
            append(run / "events.jsonl", f'{{"ts": {1_700_000_000 + step}, "type": "metrics", "data": {data}}}\n')
            self.lines_written += 1
            if ended.wait(max(0.0, began + (number + 1) * every - time.monotonic())):
                return

    async def _break_links(self) -> None:
        async with asyncio.TaskGroup() as group:
            for kind in itertools.cycle(("cut", "leave", "freeze", "restart") * 5 + ("storm",)):
                await pass_time(self._load.pause)
                chosen = self.servers if kind == "storm" else [self._chance.choice(self.servers)]
                for server in chosen:
                    group.create_task(getattr(server, "cut" if kind == "storm" else kind)())
                self.breaks += len(chosen)


def find_differences(server: Server, local: Path) -> list[str]:
    """Return the files that are not the same there and here."""
    there = {path: data for path, data in files_below(server.root).items() if not path.endswith(".lock")}
    here = files_below(local)
    return [path for path in {**there, **here} if there.get(path) != here.get(path)]


def find_sessions() -> Iterator[int]:
    """Yield the port of the sshd of every process that an sshd started for somebody; it is in the environment."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            _, found, rest = (process / "environ").read_bytes().partition(b"SSH_CONNECTION=")
            if found and not (process / "comm").read_text().startswith("sshd"):
                yield int(rest.split(b"\0")[0].split()[-1])


def append(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
