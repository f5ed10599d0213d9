"""One download: its files, how far each is, and the work of fetching them. It remembers nothing across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runferry.errors import ConnectionFailed, ConnectTimeout, DiskFull, Gone, NotConnected, NotFound, RunferryError
from runferry.service.cache import Cache
from runferry.service.demand import Demand
from runferry.service.file_facts import FileSpot
from runferry.service.files import Files
from runferry.sync.attention import Attentions
from runferry.sync.gauges import Meter

AT_ONCE = 16
"""Files asked for at once: enough small ones to hide a round trip; big ones wait for each other in the session."""

PAUSE = 1.0
"""Seconds before a file is asked for again whose server could not be reached."""


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """What to bring: ``paths`` of a run (files, directories, gitignore patterns; none: all), or of an artifact."""

    run: str | None = None
    paths: tuple[str, ...] = ()
    artifact: str | None = None
    version: int | None = None
    type: str | None = None
    server: str | None = None
    root: str | None = None


@dataclass(slots=True)
class Item:
    """One file of a download. ``path`` is as the user knows it, ``spot`` where it is."""

    path: str
    spot: FileSpot
    size: int
    state: State = State.QUEUED
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A download as of now. ``waiting_for`` says why nothing comes at this moment."""

    id: str
    state: State
    request: DownloadRequest
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    bytes_per_second: float
    eta_seconds: float | None
    current_file: str | None
    waiting_for: str | None
    error: str | None
    created_at: float
    ended_at: float | None
    items: Sequence[Item] = ()
    failed: int = 0


@dataclass(slots=True)
class Download:
    """A task that is known to this process. Not running by itself: ``run`` works until every file has had its turn."""

    id: str
    request: DownloadRequest
    created_at: float
    state: State = State.QUEUED
    error: str | None = None
    ended_at: float | None = None
    items: Sequence[Item] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    waiting_for: str | None = None
    _meter: Meter = field(default_factory=Meter)
    _counted: int = 0
    _no_room: str | None = None

    def count(self, attentions: Attentions) -> dict[str, int]:
        """Add up how far it is; what was remembered where nothing of it is known any more."""
        if not self.items and self.summary:
            return {name: int(self.summary.get(name, 0)) for name in COUNTS}
        done = [item for item in self.items if item.state is State.DONE]
        under_way = sum(find_progress(item, attentions) for item in self.items if item.state is State.RUNNING)
        return {
            "files_done": len(done),
            "files_total": len(self.items),
            "bytes_done": sum(item.size for item in done) + under_way,
            "bytes_total": sum(item.size for item in self.items),
        }

    def view(self, attentions: Attentions) -> DownloadView:
        counts = self.count(attentions)
        rate = self._meter.rate() if self.state is State.RUNNING else 0.0
        left = counts["bytes_total"] - counts["bytes_done"]
        current = next((item.path for item in self.items if item.state is State.RUNNING), None)
        return DownloadView(
            id=self.id,
            state=self.state,
            request=self.request,
            **counts,
            bytes_per_second=rate,
            eta_seconds=round(left / rate, 1) if rate > 0 and left > 0 else None,
            current_file=current if self.state is State.RUNNING else None,
            waiting_for=self.waiting_for if self.state is State.RUNNING else None,
            error=self.error,
            created_at=self.created_at,
            ended_at=self.ended_at,
            items=self.items,
            failed=sum(item.state is State.FAILED for item in self.items),
        )

    def measure(self, attentions: Attentions) -> None:
        """Take in how many bytes have come since the last time."""
        now = self.count(attentions)["bytes_done"]
        self._meter.add(max(0, now - self._counted))
        self._counted = now

    async def run(self, demand: Demand, files: Files, cache: Cache) -> None:
        """Fetch all files. Sets ``state`` to done or failed; cancelled, it leaves off where it is."""
        self.state = State.RUNNING
        waiting = iter(self.items)
        with ExitStack() as stack:
            for sync_id in {item.spot.sync_id for item in self.items}:
                paths = [item.spot.path for item in self.items if item.spot.sync_id == sync_id]
                stack.enter_context(cache.using(sync_id, paths))
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(self.items))):
                    group.create_task(self._fetch_each(waiting, demand, files))
        failed = [item for item in self.items if item.state is State.FAILED]
        if self._no_room is not None or failed:
            self.state = State.FAILED
            self.error = self._no_room or describe_failures(failed, len(self.items))
        else:
            self.state = State.DONE

    async def _fetch_each(self, waiting: Iterator[Item], demand: Demand, files: Files) -> None:
        for item in waiting:
            item.state = State.RUNNING
            try:
                await self._fetch(item, demand, files)
            except DiskFull as error:
                item.state, self._no_room = State.QUEUED, str(error)
            except RunferryError as error:
                item.state, item.error = State.FAILED, str(error)
            else:
                item.state = State.DONE
            if self._no_room is not None:
                return  # it would be no better with the next file

    async def _fetch(self, item: Item, demand: Demand, files: Files) -> None:
        """Fetch one file and compare it with its manifest, waiting for its server as long as it takes."""
        while True:
            try:
                await demand.fetch(item.spot.sync_id, item.spot.path)
            except (ConnectionFailed, ConnectTimeout, NotConnected) as error:
                if await files.is_here(item.spot):
                    break
                self.waiting_for = str(error)
                await asyncio.sleep(PAUSE)
            except (Gone, NotFound):
                if not await files.is_here(item.spot):
                    raise
                break
            else:
                break
        self.waiting_for = None
        await files.check(item.spot)


COUNTS = ("files_done", "files_total", "bytes_done", "bytes_total")


def find_progress(item: Item, attentions: Attentions) -> int:
    arrival = attentions.of(item.spot.sync_id).arrivals.get(item.spot.path)
    return min(item.size, arrival.length) if arrival is not None else 0


def describe_failures(failed: Sequence[Item], total: int) -> str:
    if total == 1:
        return failed[0].error or ""
    return f"{len(failed)} of {total} files could not be had. The first: {failed[0].error}"
