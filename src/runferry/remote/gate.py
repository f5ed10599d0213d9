"""Takes turns: so many calls at once, the more urgent ones first, and never all places to bulk. It does no I/O."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from runferry.remote.base import Priority

T = TypeVar("T")


class Gate:
    """``width`` places, of which bulk may take ``bulk``."""

    def __init__(self, width: int, bulk: int) -> None:
        self._width = width
        self._bulk = bulk
        self._taken = 0
        self._taken_by_bulk = 0
        self._count = 0
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, priority: Priority) -> AsyncIterator[None]:
        """Wait for a place and hold it during the body."""
        self._count += 1
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (int(priority), self._count, place))
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(priority)
            raise
        try:
            yield
        finally:
            self._leave(priority)

    def _leave(self, priority: Priority) -> None:
        self._taken -= 1
        self._taken_by_bulk -= priority is Priority.BULK
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._taken < self._width:
            priority, _, place = self._queue[0]
            if priority == Priority.BULK and self._taken_by_bulk >= self._bulk and not place.cancelled():
                return  # all that wait are bulk: the heap gives others first
            heapq.heappop(self._queue)
            if not place.done():
                self._taken += 1
                self._taken_by_bulk += priority == Priority.BULK
                place.set_result(None)


async def run_all(calls: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """Run calls at once and return their results in order; the first failure cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
