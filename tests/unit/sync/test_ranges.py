"""A file read from front to back by several requests: what has come is there to be taken, in order, without a gap."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.support.waiting import eventually

from runferry.errors import ConnectionLost
from runferry.model import Chunk, Problem, Version
from runferry.sync.ranges import TOGETHER, Ranges
from runferry.sync.window import LARGEST, START, Window

SIZE = 10 * 1024


class Slow:
    """Answers a request only when it is told to."""

    def __init__(self) -> None:
        self.asked: dict[int, asyncio.Future[int]] = {}

    async def read(self, offset: int, length: int) -> Chunk | Problem:
        self.asked[offset] = asyncio.get_running_loop().create_future()
        return Chunk(bytes(await self.asked[offset]), Version(SIZE, 1), True, 0)

    def answer(self, offset: int, length: int = 1024) -> None:
        self.asked[offset].set_result(length)

    def fail(self, offset: int) -> None:
        self.asked[offset].set_exception(ConnectionLost("gone"))

    def ranges(self, window: Window | None = None) -> Ranges:
        return Ranges(self.read, window or Window(time.monotonic), start=0, end=SIZE, most=1024)


def taken(ranges: Ranges) -> list[tuple[int, int]]:
    return [(offset, len(found.data)) for offset, found in ranges.take() if isinstance(found, Chunk)]


async def test_what_has_come_is_taken_up_to_the_first_that_has_not() -> None:
    server = Slow()
    async with server.ranges() as ranges:
        waiting = asyncio.create_task(ranges.wait())
        await eventually(lambda: len(server.asked) == SIZE // 1024)
        for offset in (0, 1024, 3072):
            server.answer(offset)
        assert await waiting
        assert taken(ranges) == [(0, 1024), (1024, 1024)]
        server.answer(2048)
        await ranges.wait()
        assert taken(ranges) == [(2048, 1024), (3072, 1024)]


async def test_what_came_before_a_failure_is_taken_first() -> None:
    server = Slow()
    async with server.ranges() as ranges:
        waiting = asyncio.create_task(ranges.wait())
        await eventually(lambda: len(server.asked) == SIZE // 1024)
        server.answer(0)
        server.fail(1024)
        await waiting
        await eventually(lambda: taken(ranges) == [(0, 1024)])
        await ranges.wait()
        with pytest.raises(ConnectionLost):
            ranges.take()


async def test_of_a_quick_link_several_are_taken_together() -> None:
    server, window = Slow(), Window(time.monotonic)
    async with window.room_for(START):
        pass  # so much at once, and so soon
    assert window.size == LARGEST
    async with server.ranges(window) as ranges:
        waiting = asyncio.create_task(ranges.wait())
        await eventually(lambda: len(server.asked) == SIZE // 1024)
        for offset in range(0, TOGETHER * 1024, 1024):
            assert not waiting.done()
            server.answer(offset)
            await asyncio.sleep(0)
        assert await waiting
        assert len(taken(ranges)) == TOGETHER
        rest = range(TOGETHER * 1024, SIZE, 1024)
        for offset in rest:
            server.answer(offset)
        found: list[tuple[int, int]] = []
        while await ranges.wait():
            found += taken(ranges)
        assert found == [(offset, 1024) for offset in rest]


async def test_waiting_that_is_cancelled_leaves_what_is_under_way_alone() -> None:
    server = Slow()
    async with server.ranges() as ranges:
        waiting = asyncio.create_task(ranges.wait())
        await eventually(lambda: bool(server.asked))
        waiting.cancel()
        await asyncio.wait([waiting])
        server.answer(0)
        await ranges.wait()
        assert taken(ranges) == [(0, 1024)]


async def test_an_answer_that_is_too_short_has_no_bytes() -> None:
    server = Slow()
    async with server.ranges() as ranges:
        waiting = asyncio.create_task(ranges.wait())
        await eventually(lambda: bool(server.asked))
        server.answer(0, 1000)
        await waiting
        assert taken(ranges) == [(0, 0)]
