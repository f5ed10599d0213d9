"""Logins that wait for a person: the half-open connection is kept while its questions (2FA) are being
answered.

Attempts are few and short-lived; one that nobody answers is ended. Answers are handed on and not kept.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from runferry.errors import AnswersNeeded, InvalidRequest
from runferry.ssh.login import Ask, Prompts

PATIENCE = 120.0
MOST_ATTEMPTS = 8


class Closable(Protocol):
    async def close(self) -> None: ...


L = TypeVar("L", bound=Closable)


class Attempt(Generic[L]):
    """One login under way, in a task of its own. ``purpose`` says whom it is for."""

    def __init__(self, purpose: str, start: Callable[[Ask], Awaitable[L]]) -> None:
        self.id = secrets.token_urlsafe(12)
        self.purpose = purpose
        self.prompts: Prompts = ()
        self._is_asking = asyncio.Event()
        self._answers: asyncio.Future[Sequence[str]] | None = None
        self._task = asyncio.create_task(self._run(start), name=f"login to {purpose}")
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _run(self, start: Callable[[Ask], Awaitable[L]]) -> L:
        return await start(self.ask)

    async def ask(self, prompts: Prompts) -> Sequence[str]:
        """Wait for a person's answers; called by the login."""
        self.prompts = prompts
        self._answers = asyncio.get_running_loop().create_future()
        self._is_asking.set()
        return await self._answers

    def answer(self, answers: Sequence[str]) -> None:
        """Hand the answers to the login. Raises InvalidRequest where there are too many or too few."""
        if len(answers) != len(self.prompts):
            raise InvalidRequest(f"answers: {len(self.prompts)} expected, {len(answers)} given.")
        self._is_asking.clear()
        if self._answers is not None and not self._answers.done():
            self._answers.set_result(answers)

    async def proceed(self) -> L | None:
        """Return the link, or None when the login waits for answers. Raises what the login raises."""
        asking = asyncio.create_task(self._is_asking.wait())
        try:
            await asyncio.wait([self._task, asking], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            asking.cancel()
        return await self._task if self._task.done() else None

    async def close(self) -> None:
        """End the login, and the link if there is one already."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and self._task.exception() is None:
            await self._task.result().close()


class Questions(Generic[L]):
    """All attempts that wait for answers, at most ``MOST_ATTEMPTS`` for ``patience`` seconds each."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._waiting: dict[str, tuple[Attempt[L], asyncio.TimerHandle]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    async def begin(self, purpose: str, start: Callable[[Ask], Awaitable[L]]) -> L:
        """Log in through ``start``. Raises AnswersNeeded when the server asks, else what ``start`` raises."""
        return await self._proceed(Attempt(purpose, start))

    async def resume(self, attempt_id: str, purpose: str, answers: Sequence[str]) -> L:
        """Go on with an attempt. Raises InvalidRequest where it is unknown, over, or for somebody else."""
        attempt, timer = self._waiting.get(attempt_id, (None, None))
        if attempt is None or timer is None or attempt.purpose != purpose:
            raise InvalidRequest("attempt: this login is unknown or over; connect again without it.")
        attempt.answer(answers)
        timer.cancel()
        del self._waiting[attempt_id]
        return await self._proceed(attempt)

    async def close(self) -> None:
        for attempt_id in tuple(self._waiting):
            self._end(attempt_id)
        await asyncio.gather(*self._ending)

    async def _proceed(self, attempt: Attempt[L]) -> L:
        link = await attempt.proceed()
        if link is not None:
            return link
        while len(self._waiting) >= MOST_ATTEMPTS:
            self._end(next(iter(self._waiting)))
        timer = asyncio.get_running_loop().call_later(self._patience, self._end, attempt.id)
        self._waiting[attempt.id] = attempt, timer
        message = f"{attempt.purpose} asks for more to log in: answer its prompts within two minutes."
        raise AnswersNeeded(message, attempt=attempt.id, prompts=attempt.prompts)

    def _end(self, attempt_id: str) -> None:
        attempt, timer = self._waiting.pop(attempt_id)
        timer.cancel()
        task = asyncio.create_task(attempt.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
