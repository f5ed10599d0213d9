"""The window of bulk: bounded, grows on quick answers, shrinks on slow ones."""

from __future__ import annotations

import asyncio

from runferry.sync.window import LARGEST, SMALLEST, START, Window


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def use(window: Window, clock: Clock, *, took: float, amount: int = 1000) -> None:
    async with window.room_for(amount):
        clock.now += took


async def test_it_grows_while_answers_are_quick_and_shrinks_while_they_queue() -> None:
    clock = Clock()
    window = Window(clock)
    for _ in range(100):
        await use(window, clock, took=0.05)
    assert window.size == LARGEST
    for _ in range(100):
        await use(window, clock, took=1.0)
    assert window.size == SMALLEST


async def test_no_more_than_its_size_is_under_way_but_one_request_always_may() -> None:
    window = Window(Clock())
    async with window.room_for(START * 2):
        waiting = asyncio.create_task(use(window, Clock(), took=0))
        await asyncio.wait([waiting], timeout=0.01)
        assert not waiting.done()
    await waiting
