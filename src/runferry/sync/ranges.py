"""A big file read from front to back, with several requests under way. It decides nothing about what it reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import islice
from types import TracebackType

from runferry.model import Chunk, Problem
from runferry.sync.window import LARGEST, Window

TOGETHER = 4
"""Ranges that are taken at once from a link whose window is the largest, where so many come within some 20 ms: handing
each to a thread takes as long as writing it.
"""


class Ranges:
    """Reads ``start`` to ``end`` by ``read(offset, length)``, at ``most`` so many bytes each. An asynchronous context
    manager: leaving it ends what is under way.
    """

    def __init__(
        self,
        read: Callable[[int, int], Awaitable[Chunk | Problem]],
        window: Window,
        *,
        start: int,
        end: int,
        most: int,
    ) -> None:
        self._read = read
        self._window = window
        self._most = most
        self._offset = start
        self._end = end
        self._under_way: deque[tuple[int, asyncio.Task[Chunk | Problem]]] = deque()

    async def wait(self) -> bool:
        """Wait until there is something to take; say no when everything was taken."""
        size = min(self._window.chunk, self._most)
        while self._offset < self._end and len(self._under_way) * size < self._window.size:
            length = min(size, self._end - self._offset)
            task = asyncio.create_task(self._read_exactly(self._offset, length))
            self._under_way.append((self._offset, task))
            self._offset += length
        if self._under_way:
            few = TOGETHER if self._window.size == LARGEST else 1
            await asyncio.wait([task for _, task in islice(self._under_way, few)])
        return bool(self._under_way)

    def take(self) -> list[tuple[int, Chunk | Problem]]:
        """Return what has come and where it belongs, in order; raises what reading the first of it raised."""
        taken: list[tuple[int, Chunk | Problem]] = []
        while self._under_way and self._under_way[0][1].done():
            offset, task = self._under_way[0]
            if taken and (task.cancelled() or task.exception()):
                break  # what came before it is not lost
            self._under_way.popleft()
            taken.append((offset, task.result()))
        return taken

    async def _read_exactly(self, offset: int, length: int) -> Chunk | Problem:
        """Read ``length`` bytes; where there are fewer the file is not what it was, and none are returned."""
        async with self._window.room_for(length):
            found = await self._read(offset, length)
        return replace(found, data=b"") if isinstance(found, Chunk) and len(found.data) < length else found

    async def __aenter__(self) -> Ranges:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
