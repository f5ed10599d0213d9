"""Work that is not left half done, however hurriedly whoever asked for it is cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runferry.blocking import finish, in_thread
from runferry.errors import ConnectionLost
from runferry.sync.running import run_until_one_fails


class Work:
    """Work in a thread that begins, and ends when the test lets it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.has_ended = False
        self._may_end = threading.Event()

    async def run(self) -> None:
        await in_thread(self._work, asyncio.get_running_loop())

    def let_end(self) -> None:
        self._may_end.set()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self.begun.set)
        assert self._may_end.wait(20)
        self.has_ended = True


async def cancel_twice(task: asyncio.Task[object], work: Work) -> None:
    """Cancel, and once more while the first cancellation waits for the thread."""
    for _ in range(2):
        task.cancel()
        await let_others_run()
    assert not task.done()
    work.let_end()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.has_ended


async def let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_whoever_is_cancelled_twice_still_waits_for_the_thread() -> None:
    work = Work()
    task: asyncio.Task[object] = asyncio.create_task(work.run())
    await work.begun.wait()
    await cancel_twice(task, work)


async def test_works_that_end_because_one_failed_are_waited_for_by_whoever_is_cancelled() -> None:
    work = Work()

    async def fail() -> None:
        await work.begun.wait()
        raise ConnectionLost("cut")

    async def run() -> object:
        return await run_until_one_fails([work.run(), fail()])

    task = asyncio.create_task(run())
    await work.begun.wait()
    await let_others_run()
    await cancel_twice(task, work)


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
