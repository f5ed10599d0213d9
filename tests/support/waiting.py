"""Waiting for a condition instead of sleeping for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], *, within: float = ..., every: float = ..., what: str = ...
) -> T: ...


@overload
async def eventually(condition: Callable[[], T], *, within: float = ..., every: float = ..., what: str = ...) -> T: ...


async def eventually(condition: Callable[[], Any], *, within: float = 10.0, every: float = 0.02, what: str = "") -> Any:
    """Return the first truthy result of ``condition``; fail with its last result after ``within`` seconds."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        value = await result if inspect.isawaitable(result) else result
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or condition} (last: {value!r})")
        await asyncio.sleep(every)


async def pass_time(seconds: float) -> None:
    """Let time pass where time itself is the matter, as in a soak. A test waits for a condition instead."""
    await asyncio.sleep(seconds)


def eventually_now(condition: Callable[[], T], *, within: float = 10.0, every: float = 0.02, what: str = "") -> T:
    """Do as ``eventually`` does, for tests without an event loop."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or condition} (last: {value!r})")
        time.sleep(every)
