"""A training that writes on a server, line by line, while everything between it and its watcher breaks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.support.ferry import write_run
from tests.support.network import Proxy
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

RUN = "20260101_120000_abc123"
LOG, EVENTS = "logs.txt", "events.jsonl"


class LiveRun:
    """Appends one line at a time to a run's log and to its events, at so many lines a second, in a thread."""

    def __init__(self, root: Path, *, lines: int, rate: float = 50.0) -> None:
        self.directory = write_run(root, "p", "live", RUN, lines=0)
        self.lines = lines
        self.written = 0
        self._pause = 1 / rate
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, name="training")

    def log_line(self, number: int) -> str:
        return f"{number % 24:02d}:00:00 | step {number} loss {1 / (number + 1):.6f}"

    def event_line(self, number: int) -> str:
        data = f'{{"loss": {1 / (number + 1):.6f}, "global_step": {number}, "time": {1_700_000_000 + number}}}'
        return f'{{"ts": {1_700_000_000 + number}, "type": "metrics", "data": {data}}}'

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._is_stopped.set()
            await asyncio.to_thread(self._thread.join)

    async def reaches(self, line: int) -> None:
        """Wait until that many lines are written."""
        seconds = 30 + (line - self.written) * self._pause * 2
        await eventually(lambda: self.written >= line, within=seconds, what=f"{line} lines")

    def _write(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND
        log, events = (os.open(self.directory / name, flags) for name in (LOG, EVENTS))
        began = time.monotonic()
        try:
            for number in range(self.lines):
                os.write(log, f"{self.log_line(number)}\n".encode())
                os.write(events, f"{self.event_line(number)}\n".encode())
                self.written = number + 1
                if self._is_stopped.wait(max(0.0, began + self.written * self._pause - time.monotonic())):
                    return
        finally:
            os.close(log)
            os.close(events)


class Watcher:
    """Keeps a log's socket open as a page does: after every break it goes on with the line it lacks."""

    def __init__(self, served: ServedRunferry) -> None:
        self._served = served
        self.lines: list[str] = []
        self.breaks = 0

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _watch(self) -> None:
        while True:
            address = f"{self._served.url}/api/runs/{RUN}/logs/ws?from={len(self.lines)}".replace("http", "ws", 1)
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with connect(address, proxy=None, close_timeout=1) as socket:
                    async for message in socket:
                        assert isinstance(message, str)
                        self.lines.append(message)
            self.breaks += 1
            await asyncio.sleep(0.05)


class Trouble:
    """What happens to the way between a training and its watcher."""

    def __init__(self, served: ServedRunferry, proxy: Proxy, sshd: Sshd) -> None:
        self._served = served
        self._proxy = proxy
        self._sshd = sshd
        self.kinds: tuple[Callable[[], Awaitable[None]], ...] = (self.cut, self.restart_sshd, self.kill_runferry)

    async def cut(self) -> None:
        assert self._proxy.links
        self._proxy.cut()

    async def restart_sshd(self) -> None:
        await asyncio.to_thread(self._sshd.stop)
        await asyncio.to_thread(self._sshd.start)

    async def kill_runferry(self) -> None:
        self._served.kill()
        await self._served.start()


async def compare(live: LiveRun, served: ServedRunferry, watcher: Watcher, *, within: float) -> None:
    """Check that local files, pages, what the watcher saw and the series are those of the server's files."""
    expected = [live.log_line(number) for number in range(live.lines)]
    remote = {name: (live.directory / name).read_bytes() for name in (LOG, EVENTS)}
    assert remote[LOG].decode().splitlines() == expected
    sync = await eventually(served.sync, within=within, every=0.1, what="the connection to be open again")
    assert sync is not None
    local = Path(sync["local_root"], "p", "live", "runs", RUN)
    await eventually(lambda: {name: (local / name).read_bytes() for name in remote} == remote, within=within, every=0.1)
    await eventually(lambda: len(watcher.lines) >= live.lines, within=within, what="all lines at the watcher")
    assert watcher.lines == expected
    assert await read_pages(served) == list(enumerate(expected))
    await eventually(lambda: has_series(live, served), within=within, every=0.2, what="the series")


async def read_pages(served: ServedRunferry) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    offset: int | None = 0
    while offset is not None:
        answer = await served.api.get(f"/runs/{RUN}/logs", params={"offset": offset, "limit": 7000})
        page = answer.raise_for_status().json()
        found += ((line["number"], line["text"]) for line in page["lines"])
        offset = page["next_offset"]
    return found


async def has_series(live: LiveRun, served: ServedRunferry) -> bool:
    """Say whether every point is there; one that is wrong, or there twice, is an error at once."""
    table = (await served.api.get(f"/runs/{RUN}/metrics_step")).raise_for_status().json()
    found = [(row["global_step"], row["loss"]) for row in table["rows"]]
    assert found == [(step, float(f"{1 / (step + 1):.6f}")) for step in range(len(found))]
    series = (await served.api.get(f"/runs/{RUN}/series", params={"metric": "loss"})).raise_for_status().json()
    totals = [curve["points_total"] for curve in series["series"]]
    assert all(len(found) <= total <= live.lines for total in totals)
    return len(found) == live.lines and totals == [live.lines]
