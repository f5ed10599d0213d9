"""A server that tells its tree little by little, as an agent tells a large one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from runferry.model import Change
from runferry.remote.local import LocalRemote


class PartedRemote(LocalRemote):
    """Tells ``entries`` of the tree at a time, and all of it once ``may_end`` is set (None: at once)."""

    def __init__(self, entries: int, *, may_end: asyncio.Event | None = None) -> None:
        super().__init__()
        self._entries = entries
        self._may_end = may_end

    async def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change, None]:
        async with aclosing(super().follow(root, interval=interval)) as changes:
            whole = await anext(changes)
            for part in split(whole, self._entries):
                yield part
            if self._may_end is not None:
                await self._may_end.wait()
                self._check_open()
            yield whole
            async for change in changes:
                yield change


def split(whole: Change, entries: int) -> Iterator[Change]:
    """Yield parts of a whole tree, as they come before it; the last entries come with the whole alone."""
    for start in range(0, len(whole.upserts) - entries, entries):
        upserts = whole.upserts[start : start + entries]
        yield Change(whole.root, upserts, clock_ns=whole.clock_ns, is_part=True)
