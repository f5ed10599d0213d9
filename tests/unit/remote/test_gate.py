"""Turns: bounded, urgent ones first, and never all places to bulk."""

from __future__ import annotations

import asyncio

import pytest

from runferry.errors import ConnectionLost
from runferry.remote.base import Priority
from runferry.remote.gate import Gate, run_all


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Work:
    """Takes turns and says who has one."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.order: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str, priority: Priority) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(name, priority))
        await settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await settle()

    async def _run(self, name: str, priority: Priority) -> None:
        async with self._gate.turn(priority):
            self.order.append(name)
            await self._ends[name].wait()


async def test_the_more_urgent_of_those_that_wait_goes_first() -> None:
    work = Work(Gate(1, 1))
    await work.start("first", Priority.BULK)
    await work.start("bulk", Priority.BULK)
    await work.start("small", Priority.SMALL)
    await work.start("metadata", Priority.METADATA)
    for name in ("first", "metadata", "small", "bulk"):
        assert work.order[-1] == name
        await work.end(name)


async def test_bulk_leaves_places_free() -> None:
    work = Work(Gate(3, 1))
    for name in ("one", "two", "three"):
        await work.start(name, Priority.BULK)
    assert work.order == ["one"]
    await work.start("tail", Priority.TAIL)
    assert work.order == ["one", "tail"]
    await work.end("one")
    assert work.order == ["one", "tail", "two"]
    for name in ("two", "three", "tail"):
        await work.end(name)


async def test_one_that_is_cancelled_gives_its_place_back() -> None:
    work = Work(Gate(1, 1))
    await work.start("holds", Priority.SMALL)
    await work.start("waits", Priority.SMALL)
    await work.start("next", Priority.SMALL)
    work.tasks["waits"].cancel()
    await settle()
    work.tasks["holds"].cancel()
    await settle()
    assert work.order == ["holds", "next"]
    await work.end("next")


async def test_the_first_failure_ends_the_others_and_is_raised_as_it_is() -> None:
    cancelled = asyncio.Event()

    async def fail() -> None:
        raise ConnectionLost("gone")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def give(number: int) -> int:
        return number

    with pytest.raises(ConnectionLost, match="gone"):
        await run_all([wait(), fail()])
    assert cancelled.is_set()
    assert await run_all(give(number) for number in range(3)) == [0, 1, 2]
