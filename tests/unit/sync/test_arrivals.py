"""What comes in of a request for small files: taken in as it comes, kept when the link breaks, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from runferry.errors import ConnectionLost
from runferry.model import Content, Problem, Version
from runferry.sync.arrivals import Arrivals
from runferry.sync.window import START, Window

Answer = Sequence[Content | Problem]


class Answers:
    """An answer under way, in pieces that the test gives."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.is_closed = False
        self._pieces: asyncio.Queue[Answer | Exception | None] = asyncio.Queue()

    def give(self, piece: Answer | Exception | None) -> None:
        self._pieces.put_nowait(piece)

    async def come(self) -> AsyncIterator[Answer]:
        self.asked.set()
        try:
            while (piece := await self._pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.is_closed = True


@pytest.fixture
def window() -> Window:
    return Window(lambda: 0.0)


def content(path: str) -> Content:
    return Content(path, b"x", Version(1, 1), stable=True)


def name(items: Answer) -> list[str]:
    return [item.path for item in items]


async def test_what_has_come_is_taken_together_and_in_order(window: Window) -> None:
    answers = Answers()
    async with Arrivals(answers.come(), window, size=10) as arrivals:
        answers.give([content("a"), content("b")])
        assert await arrivals.wait()
        assert name(arrivals.take()) == ["a", "b"]
        answers.give([content("c")])
        answers.give([content("d")])
        answers.give(None)
        taken: list[str] = []
        while await arrivals.wait():
            taken += name(arrivals.take())
    assert taken == ["c", "d"]


async def test_what_has_come_before_an_error_is_taken_before_it_is_told(window: Window) -> None:
    answers = Answers()
    async with Arrivals(answers.come(), window, size=10) as arrivals:
        answers.give([content("a")])
        answers.give(ConnectionLost("gone"))
        assert await arrivals.wait()
        assert name(arrivals.take()) == ["a"]
        with pytest.raises(ConnectionLost):
            await arrivals.wait()


async def test_leaving_ends_the_request_and_gives_back_its_room(window: Window) -> None:
    answers = Answers()
    async with Arrivals(answers.come(), window, size=START):
        await answers.asked.wait()
    assert answers.is_closed
    async with asyncio.timeout(1), window.room_for(START):
        pass


async def test_what_has_come_is_not_under_way_any_more_although_nobody_takes_it(window: Window) -> None:
    answers = Answers()
    async with Arrivals(answers.come(), window, size=START) as arrivals:
        answers.give([content("a")])
        answers.give(None)
        async with asyncio.timeout(1), window.room_for(START):
            pass
        assert await arrivals.wait()
        assert name(arrivals.take()) == ["a"]


async def test_nothing_is_asked_before_there_is_room(window: Window) -> None:
    answers = Answers()
    async with window.room_for(START), Arrivals(answers.come(), window, size=START):
        await asyncio.wait([asyncio.create_task(answers.asked.wait())], timeout=0.01)
        assert not answers.asked.is_set()
