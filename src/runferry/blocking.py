"""The one door from asyncio to blocking work (files, hashing, SQLite), and work that is not left half done. It never
touches the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_TURNS = 5


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` in a worker thread and return its result; its exceptions pass through.

    A cancelled caller waits until the function has ended: half-done file or database work is never left
    running behind the back of the code that owns it.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await wait_out([work])
        raise


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end and return its result, also to a caller that is cancelled meanwhile: the cancellation
    comes at the next await, so that what was done can be written down before.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(asyncio.CancelledError):  # another one
            await wait_out([task])
        cancel_later()
        return task.result()


async def wait_out(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Return when all of them have ended. Cancelling the caller, however often, takes effect only then."""
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def cancel_later() -> None:
    """Cancel the caller at its next await."""
    if (caller := asyncio.current_task()) is not None:
        caller.cancel()


async def let_come_in() -> None:
    """Let those run who wait for what is here already: it is theirs a few turns of the loop after it has come."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
