"""The window of bulk: as much as keeps a link busy, and no more than may be waited behind; on links made of numbers."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

import pytest

from runferry.sync.window import LARGEST, MEMORY, SMALLEST, START, TARGET_QUEUE, Window

MB = 1_000_000


class Link:
    """Answers one request after the other at ``rate`` bytes per second, each half a round trip away. Its time is its
    own: it passes when everybody waits.
    """

    def __init__(self, *, rate: float, round_trip: float) -> None:
        self.now = 0.0
        self.rate = rate
        self._round_trip = round_trip
        self._busy_until = 0.0
        self._answers: list[tuple[float, int, asyncio.Event]] = []
        self._numbers = count()

    def clock(self) -> float:
        return self.now

    async def carry(self, amount: int) -> None:
        self._busy_until = max(self._busy_until, self.now + self._round_trip / 2) + amount / self.rate
        await self._answer(self._busy_until + self._round_trip / 2)

    async def pause(self, seconds: float) -> None:
        """Let everybody wait: the client has something else to do."""
        self._busy_until = max(self._busy_until, self.now) + seconds
        await self._answer(self.now + seconds)

    async def _answer(self, at: float) -> None:
        event = asyncio.Event()
        heapq.heappush(self._answers, (at, next(self._numbers), event))
        await event.wait()

    async def run(self) -> None:
        while True:
            for _ in range(20):  # whoever can go on goes on
                await asyncio.sleep(0)
            if not self._answers:
                return
            self.now, _, event = heapq.heappop(self._answers)
            event.set()


async def load(link: Link, window: Window, *, seconds: float, amount: int = MB, workers: int = 32) -> None:
    """Ask for as much as the window lets, for so long."""
    end = link.now + seconds

    async def work() -> None:
        while link.now < end:
            async with window.room_for(amount):
                await link.carry(amount)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
        await link.run()


@pytest.mark.parametrize("round_trip", [0.001, 0.05, 0.3])
async def test_a_quick_link_is_kept_busy_and_nobody_waits_long(round_trip: float) -> None:
    link = Link(rate=40 * MB, round_trip=round_trip)
    window = Window(link.clock)
    window.note_round_trip(round_trip)
    await load(link, window, seconds=5)
    carried_in_a_round_trip = link.rate * round_trip
    assert min(LARGEST, carried_in_a_round_trip) <= window.size
    assert window.size <= 1.1 * link.rate * (round_trip + TARGET_QUEUE) + MB


async def test_a_slow_link_gets_little_at_once() -> None:
    link = Link(rate=0.5 * MB, round_trip=0.02)
    window = Window(link.clock)
    window.note_round_trip(0.02)
    await load(link, window, seconds=60, amount=window.chunk)
    assert window.size == SMALLEST


async def test_a_link_that_becomes_slow_gets_less_soon_and_more_when_it_is_quick_again() -> None:
    link = Link(rate=50 * MB, round_trip=0.05)
    window = Window(link.clock)
    await load(link, window, seconds=5)
    before = window.size
    link.rate = 5 * MB
    await load(link, window, seconds=10)
    assert window.size < before / 5
    link.rate = 50 * MB
    await load(link, window, seconds=10)
    assert window.size > 0.9 * before


async def test_a_client_with_something_else_to_do_does_not_make_the_link_slow() -> None:
    link = Link(rate=40 * MB, round_trip=0.05)
    window = Window(link.clock)
    window.note_round_trip(0.05)
    await load(link, window, seconds=5)
    before = window.size
    async with asyncio.TaskGroup() as group:
        group.create_task(link.pause(MEMORY / 3))
        await load(link, window, seconds=MEMORY / 2)
    assert window.size > 0.9 * before


async def test_little_traffic_tells_nothing_of_the_link() -> None:
    link = Link(rate=40 * MB, round_trip=0.05)
    window = Window(link.clock)
    await load(link, window, seconds=5, amount=1000, workers=2)
    assert window.size == START


async def test_no_more_than_its_size_is_under_way_but_one_request_always_may() -> None:
    window = Window(lambda: 0.0)
    async with window.room_for(START * 2):
        waiting = asyncio.create_task(enter(window))
        await asyncio.wait([waiting], timeout=0.01)
        assert not waiting.done()
    await waiting


async def enter(window: Window) -> None:
    async with window.room_for(1000):
        pass
