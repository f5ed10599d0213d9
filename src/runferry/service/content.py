"""The bytes of one version of one file, wherever they are: held here, on their way, or on the server.

A ``Content`` never gives bytes of two versions: where the file changes meanwhile it ends with an error instead. Whoever
opens one closes it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from runferry.blocking import in_thread
from runferry.errors import Conflict, RemoteFailed, RunferryError
from runferry.model import Chunk, Version
from runferry.remote.base import CHUNK
from runferry.service.demand import Demand
from runferry.store.cache import Place
from runferry.store.files import DIGEST_SIZE, TAIL
from runferry.sync.attention import Arrival, Attention
from runferry.sync.plan import may_grow

PIECE = 256 * 1024
"""Bytes handed on at once."""

CONTINUE_SECONDS = 30.0
"""How long a reader waits for a broken fetch to go on."""

_LOOK = 0.25


class Content(Protocol):
    """Bytes that can be read in one direction. ``chunks`` may be called once; ``close`` is idempotent."""

    def chunks(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield exactly the bytes from ``start`` up to ``end``. Raises RunferryError where that cannot be done."""
        ...

    async def close(self) -> None: ...


class HeldContent:
    """What is held here. The open file goes on giving the same bytes when another version lands."""

    def __init__(self, descriptor: int, using: AbstractContextManager[None]) -> None:
        self.descriptor = descriptor
        self._using: AbstractContextManager[None] | None = using
        using.__enter__()

    async def chunks(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        while start < end:
            piece = await in_thread(os.pread, self.descriptor, min(PIECE, end - start), start)
            if not piece:
                raise RemoteFailed("The local copy is shorter than it was; ask again.")
            yield piece
            start += len(piece)

    async def close(self) -> None:
        if self._using is not None:
            using, self._using = self._using, None
            using.__exit__(None, None, None)
            os.close(self.descriptor)


class ArrivingContent:
    """What a session is fetching: read from its staging file as it grows, the last byte only once it has landed.

    ``fetching`` is this reader's share in the fetch; closing ends it.
    """

    def __init__(
        self,
        place: Place,
        arrival: Arrival,
        attention: Attention,
        fetching: asyncio.Task[None],
        using: AbstractContextManager[None],
    ) -> None:
        self.version = arrival.version
        self._path = place[1]
        self._arrival = arrival
        self._attention = attention
        self._fetching = fetching
        self._using: AbstractContextManager[None] | None = using
        self._descriptor = -1
        using.__enter__()

    def open(self, staging: Path) -> bool:
        """Open the staged bytes; False where they are there no more. Blocks."""
        try:
            self._descriptor = os.open(staging / self._arrival.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        return True

    async def chunks(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        while start < end:
            arrival = self._arrival
            ready = end if arrival.is_landed else min(end, arrival.length, self.version.size - 1)
            if ready > start and not self._is_lost(arrival):
                piece = await in_thread(os.pread, self._descriptor, min(PIECE, ready - start), start)
                # What is about to be thrown away is marked before it is: bytes read by then are of this version.
                if piece and not self._is_lost(arrival):
                    yield piece
                    start += len(piece)
                    continue
            await self._go_on(arrival)

    def _is_lost(self, arrival: Arrival) -> bool:
        return arrival.is_ended and not arrival.is_landed

    async def _go_on(self, arrival: Arrival) -> None:
        """Wait for more of it, also from another link. Raises what ended the fetch, or Conflict."""
        deadline = time.monotonic() + CONTINUE_SECONDS
        while True:
            if self._fetching.done() and not arrival.is_landed:
                self._fetching.result()
                raise Conflict(f"{self._path} changed while it was read: ask again.")
            if not self._is_lost(arrival):
                await self._attention.wait_for_news(_LOOK)
                return
            found = self._attention.arrivals.get(self._path)
            if found is not None:
                if (found.name, found.version) != (arrival.name, arrival.version):
                    raise Conflict(f"{self._path} changed while it was read: ask again.")
                self._arrival = found
                return
            if time.monotonic() > deadline:
                raise RemoteFailed(f"Nothing more of {self._path} came for {CONTINUE_SECONDS:.0f} s.")
            await self._attention.wait_for_news(_LOOK)

    async def close(self) -> None:
        if self._using is None:
            return
        using, self._using = self._using, None
        using.__exit__(None, None, None)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        await end_quietly(self._fetching)


class RemoteContent:
    """A piece of a file read straight from the server, keeping nothing. ``open`` reads its first bytes."""

    def __init__(self, demand: Demand, place: Place, version: Version) -> None:
        self._demand = demand
        self._place = place
        self._version = version
        self._first: Chunk | None = None
        self._start = 0

    async def open(self, start: int, end: int) -> bool:
        """Read the first chunk; False where the file is no longer the version it was. Raises as ``Demand.read``."""
        chunk = await self._demand.read(*self._place, offset=start, length=min(CHUNK, end - start))
        self._first, self._start = chunk, start
        return self._is_same(chunk) and bool(chunk.data or start >= end)

    async def chunks(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        chunk = self._first
        last = b""
        while start < end:
            if chunk is None:
                check = may_grow(self._place[1])
                length = min(CHUNK, end - start)
                chunk = await self._demand.read(*self._place, offset=start, length=length, check=check)
                if not self._is_same(chunk) or (check and not follows(chunk, last, start)):
                    raise Conflict(f"{self._place[1]} changed while it was read: ask again.")
            if not chunk.data:
                raise Conflict(f"{self._place[1]} became shorter while it was read: ask again.")
            last = chunk.data
            yield last
            start += len(last)
            chunk = None

    async def close(self) -> None:
        self._first = None

    def _is_same(self, chunk: Chunk) -> bool:
        """Say whether it is the same version, or of a growing file one that may continue it."""
        if not may_grow(self._place[1]):
            return chunk.stable and chunk.version == self._version
        return chunk.version.inode == self._version.inode and chunk.version.size >= self._version.size


def follows(chunk: Chunk, last: bytes, offset: int) -> bool:
    """Say whether the bytes before a chunk are still those that were read before it."""
    reach = min(TAIL, offset)
    return len(last) < reach or chunk.tail == blake2b(last[len(last) - reach :], digest_size=DIGEST_SIZE).digest()


async def end_quietly(task: asyncio.Task[None]) -> None:
    """End somebody's share in a fetch; how it ended is of no interest any more."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, RunferryError):
        raise error
