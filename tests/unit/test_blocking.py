"""Work that is finished whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from runferry.blocking import finish


async def test_a_caller_that_is_cancelled_is_told_what_was_done_and_ends_at_its_next_await() -> None:
    begun, may_end, told = asyncio.Event(), asyncio.Event(), list[str]()

    async def work() -> str:
        begun.set()
        await may_end.wait()
        return "done"

    async def call() -> None:
        told.append(await finish(work()))
        await asyncio.Event().wait()

    caller = asyncio.create_task(call())
    await begun.wait()
    caller.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert told == ["done"]


async def test_what_the_work_raises_is_raised_to_a_cancelled_caller_too() -> None:
    async def work() -> None:
        raise OSError("full")

    caller = asyncio.create_task(finish(work()))
    asyncio.get_running_loop().call_soon(caller.cancel)
    with pytest.raises(OSError, match="full"):
        await caller
