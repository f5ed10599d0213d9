"""How much bulk may be on the wire at once, so that a log line never waits long behind a checkpoint.

It holds what the link carries in a round trip, and ``TARGET_QUEUE`` more: enough to keep it busy, and no more than may
be waited behind. It does no I/O.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

SMALLEST = 256 * 1024
LARGEST = 16 * 1024 * 1024
START = 4 * 1024 * 1024

TARGET_QUEUE = 0.15
"""Seconds a request may wait behind what was asked before it (tune)."""

MEMORY = 2.0
"""Seconds for which the best rate seen counts: whoever pauses to do something else has not become a slow link."""

_FULL = 0.75
"""The share of the window from which on it is what limits the rate."""


class Window:
    """Counts the bytes under way. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._size = START
        self._used = 0
        self._arrived = 0
        self._round_trip = float("inf")
        self._rates: deque[tuple[float, float]] = deque()  # when, and bytes per second; each less than those before it
        self._room = asyncio.Condition()

    @property
    def size(self) -> int:
        return self._size

    @property
    def chunk(self) -> int:
        """The size one range request should have now: several fit in the window, none blocks the link for long."""
        return max(64 * 1024, min(1024 * 1024, self._size // 8))

    def note_round_trip(self, seconds: float) -> None:
        """Take in how long an answer took that waited behind nothing."""
        self._round_trip = min(self._round_trip, seconds)

    @asynccontextmanager
    async def room_for(self, amount: int) -> AsyncIterator[None]:
        """Wait until ``amount`` more bytes may be under way, and learn from how long the body takes."""
        async with self._room:
            await self._room.wait_for(lambda: self._used == 0 or self._used + amount <= self._size)
            self._used += amount
        is_full = self._used >= _FULL * self._size
        began, before = self._clock(), self._arrived
        try:
            yield
        finally:
            self._used -= amount
            self._arrived += amount
            self._learn(self._clock() - began, self._arrived - before, is_full=is_full)
            async with self._room:
                self._room.notify_all()

    def _learn(self, took: float, arrived: int, *, is_full: bool) -> None:
        """Take in that ``arrived`` bytes came while one request was under way; a window not full tells too little."""
        self.note_round_trip(took)
        if took <= 0:
            return
        now, rate = self._clock(), arrived / took
        if not is_full and self._rates and rate <= self._rates[0][1]:
            return
        while self._rates and self._rates[-1][1] <= rate:
            self._rates.pop()
        self._rates.append((now, rate))
        while self._rates[0][0] < now - MEMORY:
            self._rates.popleft()
        best = self._rates[0][1]
        size = round(best * (self._round_trip + TARGET_QUEUE))
        if is_full or size > self._size:
            self._size = min(LARGEST, max(SMALLEST, size))
