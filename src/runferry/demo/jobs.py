"""The jobs of the simulated GPU server, real processes: one training after another, and one that crashes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from pathlib import Path
from types import TracebackType

from runferry.demo import training
from runferry.demo.training import Plan, make_rng, make_run_id

CRASH_AFTER = 20.0
LIVE = Plan("vision", "resnet50", steps=400, pace=0.4, seed=100)
DOOMED = Plan("nlp", "gpt-small", steps=100_000, pace=0.5, seed=200, rate=2e-4)
PAUSE = 5.0
"""Seconds between the end of one live training and the start of the next."""


class Jobs:
    """Starts the trainings below ``root`` and ends them; use it as an asynchronous context manager."""

    def __init__(self, root: Path, *, crash_after: float = CRASH_AFTER) -> None:
        self._root = root
        self._crash_after = crash_after
        self._rng = make_rng(random.SystemRandom().getrandbits(32))
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def __aenter__(self) -> Jobs:
        loop = asyncio.get_running_loop()
        self._tasks = (loop.create_task(self._keep_training()), loop.create_task(self._crash()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_training(self) -> None:
        number = 0
        while True:
            await self._train(Plan(LIVE.project, LIVE.name, LIVE.steps, LIVE.pace, seed=LIVE.seed + number))
            await asyncio.sleep(PAUSE)
            number += 1

    async def _crash(self) -> None:
        await self._train(DOOMED, "--crash-after", str(self._crash_after))

    async def _train(self, plan: Plan, *extra: str) -> None:
        """Run one training to its end, whatever that is; a cancelled caller ends it."""
        run_id = make_run_id(time.time(), self._rng)
        numbers = ("--steps", str(plan.steps), "--pace", str(plan.pace), "--seed", str(plan.seed))
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            training.__file__,
            str(self._root),
            plan.project,
            plan.name,
            run_id,
            *numbers,
            *extra,
            stdin=asyncio.subprocess.PIPE,  # its end tells the child that we are gone, however we went
        )
        try:
            await child.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
