"""How much bulk may be on the wire at once, so that a log line never waits long behind a checkpoint.

A delay-based window: it grows while answers come back quickly and shrinks when they queue. It does no I/O.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

SMALLEST = 256 * 1024
LARGEST = 16 * 1024 * 1024
START = 4 * 1024 * 1024

STEP = 256 * 1024
"""Its growth per quick answer; until the first slow one it grows by what was asked for, doubling each round trip."""

TARGET_QUEUE = 0.15
"""Seconds a request may wait behind what was asked before it (tune)."""


class Window:
    """Counts the bytes under way. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._size = START
        self._used = 0
        self._quickest = float("inf")
        self._is_probing = True
        self._room = asyncio.Condition()

    @property
    def size(self) -> int:
        return self._size

    @property
    def chunk(self) -> int:
        """The size one range request should have now: several fit in the window, none blocks the link for long."""
        return max(64 * 1024, min(1024 * 1024, self._size // 8))

    @asynccontextmanager
    async def room_for(self, amount: int) -> AsyncIterator[None]:
        """Wait until ``amount`` more bytes may be under way, and learn from how long the body takes."""
        async with self._room:
            await self._room.wait_for(lambda: self._used == 0 or self._used + amount <= self._size)
            self._used += amount
        began = self._clock()
        try:
            yield
        finally:
            self._used -= amount
            self._learn(self._clock() - began, amount)
            async with self._room:
                self._room.notify_all()

    def _learn(self, took: float, amount: int) -> None:
        self._quickest = min(self._quickest, took)
        if took > self._quickest + 2 * TARGET_QUEUE:
            self._size = max(SMALLEST, self._size * 3 // 4)
            self._is_probing = False
        elif took < self._quickest + TARGET_QUEUE:
            self._size = min(LARGEST, self._size + (max(amount, STEP) if self._is_probing else STEP))
