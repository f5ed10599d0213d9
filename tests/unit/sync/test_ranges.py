"""A file read from front to back by several requests: what has come is there to be taken, in order, without a gap."""

from __future__ import annotations

import asyncio
import time

from tests.support.waiting import eventually

from runferry.model import Chunk, Problem, Version
from runferry.sync.ranges import Ranges
from runferry.sync.window import Window

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

    def ranges(self) -> Ranges:
        return Ranges(self.read, Window(time.monotonic), start=0, end=SIZE, most=1024)


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
