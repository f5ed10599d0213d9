"""A ``Remote`` that outlives its agent and its link: it opens a new one and asks again, a bounded number of times.

Every call of the contract only reads, so asking twice is harmless. ``follow`` is not taken up again: it raises
ConnectionLost and whoever follows starts over from the whole tree. It never retries what is not a lost connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from itertools import chain, repeat
from typing import TypeVar

from runferry.errors import ConnectionLost, RunferryError
from runferry.model import (
    Change,
    Chunk,
    Content,
    Digest,
    Entry,
    Problem,
    ProcessQuestion,
    ProcessState,
    ServerInfo,
    Snapshot,
)
from runferry.remote.base import BrowseEntry, Priority, Remote

T = TypeVar("T")

PAUSES = (0.0, 0.5, 2.0)
"""Seconds before each further try of one call."""


LOOK_AFTER = (60.0, 120.0, 300.0, 900.0)
"""Seconds until something better than a stopgap is looked for; the last of them again and again."""


class RetryingRemote:
    """See ``base``. ``open`` makes a working remote (it may wait until the link is back) or raises.
    One that is a stopgap is exchanged for the first better one that opens beside it.

    Nothing is opened before the first call; ``info`` says ``transport=""`` until then.
    """

    def __init__(
        self,
        open: Callable[[], Awaitable[Remote]],
        *,
        pauses: Sequence[float] = PAUSES,
        look_after: Sequence[float] = LOOK_AFTER,
    ) -> None:
        self._open = open
        self._pauses = tuple(pauses)
        self._look_after = tuple(look_after)
        self._looking: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._current: Remote | None = None
        self._info = ServerInfo(transport="")
        self._is_closed = False

    @property
    def current(self) -> Remote | None:
        """The remote in use, None before the first call, after a loss and after ``close``."""
        return self._current

    @property
    def is_closed(self) -> bool:
        """It was ended for good, rather than lost."""
        return self._is_closed

    @property
    def info(self) -> ServerInfo:
        return self._current.info if self._current is not None else self._info

    async def ensure_open(self) -> ServerInfo:
        """Open one if none is open, and return its info; raises what ``open`` raises."""
        await self._take()
        return self.info

    async def resolve(self, path: str, *, follow_every: float | None = None) -> str:
        return await self._try(lambda remote: remote.resolve(path, follow_every=follow_every))

    async def list_directory(self, path: str, *, depth: int = 1) -> Sequence[BrowseEntry]:
        return await self._try(lambda remote: remote.list_directory(path, depth=depth))

    async def scan(self, root: str) -> Snapshot:
        return await self._try(lambda remote: remote.scan(root))

    async def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change, None]:
        remote = await self._take()
        changes = remote.follow(root, interval=interval)
        try:
            async for change in changes:
                yield change
        except ConnectionLost:
            await self._drop(remote)
            raise
        finally:
            await changes.aclose()

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        return await self._try(
            lambda remote: remote.read(root, path, offset=offset, length=length, priority=priority, check=check)
        )

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncGenerator[Sequence[Content | Problem], None]:
        missing = dict.fromkeys(paths)
        tries = 0
        while missing:
            remote = await self._take()
            batches = remote.read_many(root, list(missing), priority=priority)
            try:
                async for batch in batches:
                    tries = 0
                    for answer in batch:
                        missing.pop(answer.path, None)
                    yield batch
            except ConnectionLost:
                await self._drop(remote)
                tries += 1
                if self._is_closed or tries > len(self._pauses):
                    raise
                await asyncio.sleep(self._pauses[tries - 1])
            else:
                return
            finally:
                if isinstance(batches, AsyncGenerator):
                    await batches.aclose()

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        return await self._try(lambda remote: remote.digest(root, path, length=length))

    async def stat(self, root: str, paths: Sequence[str]) -> Sequence[Entry | Problem]:
        return await self._try(lambda remote: remote.stat(root, paths))

    async def processes(self, questions: Sequence[ProcessQuestion]) -> Sequence[ProcessState]:
        return await self._try(lambda remote: remote.processes(questions))

    async def ping(self) -> float:
        return await self._try(lambda remote: remote.ping())

    async def close(self) -> None:
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        remote, self._current = self._current, None
        if remote is not None:
            await remote.close()

    async def _try(self, call: Callable[[Remote], Awaitable[T]]) -> T:
        tries = 0
        while True:
            remote = await self._take()
            try:
                return await call(remote)
            except ConnectionLost:
                await self._drop(remote)
                tries += 1
                if self._is_closed or tries > len(self._pauses):
                    raise
                await asyncio.sleep(self._pauses[tries - 1])

    async def _take(self) -> Remote:
        """Return the open remote, opening one if need be; only one is opened at a time."""
        async with self._opening:
            if self._is_closed:
                raise ConnectionLost("The connection to the server was closed.")
            if self._current is None:
                remote = await self._open()
                if self._is_closed:
                    await remote.close()
                    raise ConnectionLost("The connection to the server was closed.")
                self._current, self._info = remote, remote.info
                if remote.info.is_stopgap:
                    self._looking = asyncio.create_task(self._look_for_better(remote))
            return self._current

    async def _drop(self, remote: Remote) -> None:
        """Forget a remote that is lost, unless another call has done so already."""
        if self._current is remote:
            self._info, self._current = remote.info, None
            if self._looking is not None:
                self._looking.cancel()
            await remote.close()

    async def _look_for_better(self, stopgap: Remote) -> None:
        """Now and then open another one; take its place once it is no stopgap. Calls under way are asked again."""
        for pause in chain(self._look_after, repeat(self._look_after[-1])):
            await asyncio.sleep(pause)
            try:
                found = await self._open()
            except RunferryError:
                continue
            if not found.info.is_stopgap:
                self._current = found
                await stopgap.close()
                return
            await found.close()
