"""Owns background tasks: whoever starts one here can end them all. It never lets a failure pass in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)

PATIENCE = 10.0


class Tasks:
    """A set of running tasks. ``close`` cancels them and waits until they have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def close(self) -> None:
        await asyncio.gather(*(end(task) for task in tuple(self._tasks)))

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the task %s failed", task.get_name(), exc_info=error)


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel one task and wait for its end; its own failure was logged by its owner.

    It is cancelled again where it goes on: Python 3.11's TaskGroup can lose a cancellation that meets an error.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
