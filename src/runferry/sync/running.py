"""Endless works side by side, as one piece: they end together. It knows nothing of what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from runferry.blocking import wait_out
from runferry.errors import RunferryError


async def run_until_one_fails(works: Iterable[Coroutine[Any, Any, None]]) -> list[RunferryError]:
    """Run endless works side by side; when one fails, or the caller is cancelled, end the others; return the errors.

    No TaskGroup: Python 3.11's loses a cancellation that meets an error, and then stopping would take for ever.
    Anything but a RunferryError is raised.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await wait_out(tasks)
    failures = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    errors = [error for error in failures if isinstance(error, RunferryError)]
    for bug in failures:
        if not isinstance(bug, RunferryError):
            raise bug
    return errors
