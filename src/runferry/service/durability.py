"""Checkpoints while files land, so that after a power failure little is in doubt. See docs/adr/0003-power-loss.md."""

from __future__ import annotations

import asyncio

from runferry.blocking import in_thread
from runferry.service.tasks import Tasks
from runferry.store.checkpoint import EVERY, Checkpoints


class Durability:
    """Marks a checkpoint at most every ``every`` seconds, and only if something has landed since the last one."""

    def __init__(self, checkpoints: Checkpoints, *, every: float = EVERY) -> None:
        self._checkpoints = checkpoints
        self._every = every
        self._landed = asyncio.Event()
        self._tasks = Tasks()
        self.suspect_since: float | None = None

    async def open(self) -> None:
        """Find out what is in doubt (``suspect_since``), then keep marking."""
        self.suspect_since = await in_thread(self._checkpoints.open)
        self._tasks.start(self._keep_marking(), name="checkpoints")

    def note_landing(self) -> None:
        self._landed.set()

    async def close(self) -> None:
        await self._tasks.close()

    async def _keep_marking(self) -> None:
        while True:
            await self._landed.wait()
            await asyncio.sleep(self._every)
            self._landed.clear()
            await in_thread(self._checkpoints.mark)
