"""Small files as they come in, whatever becomes of them meanwhile. It decides nothing about what it takes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType

from runferry.blocking import wait_out
from runferry.model import Content, Problem
from runferry.sync.window import Window


class Arrivals:
    """Takes in ``answers`` to one request of ``size`` bytes, which are in ``window`` until they have come, not until
    they have landed. An asynchronous context manager: leaving it ends what is under way.
    """

    def __init__(self, answers: AsyncIterator[Sequence[Content | Problem]], window: Window, *, size: int) -> None:
        self._answers = answers
        self._window = window
        self._size = size
        self._come: list[Content | Problem] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def wait(self) -> bool:
        """Wait until there is something to take; say no when everything was taken. Raises what asking raised."""
        await self._news.wait()
        if not self._come and self._task is not None:
            await self._task
        return bool(self._come)

    def take(self) -> list[Content | Problem]:
        """Return what has come since the last time, in order."""
        come, self._come = self._come, []
        if self._task is not None and not self._task.done():
            self._news.clear()
        return come

    async def _receive(self) -> None:
        try:
            async with self._window.room_for(self._size):
                async for batch in self._answers:
                    self._come += batch
                    self._news.set()
        finally:
            self._news.set()

    async def __aenter__(self) -> Arrivals:
        self._task = asyncio.create_task(self._receive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await wait_out([self._task])
