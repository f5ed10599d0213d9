"""Ports and links that misbehave on purpose, all on 127.0.0.1: silent, closed, slow, cut, frozen."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import cast

HOST = "127.0.0.1"
WRITE_BUFFER = 4 * 1024 * 1024


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port that accepts connections and never says a word."""
    with socket.create_server((HOST, 0), backlog=64) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections; it is held, so that nobody else can open it meanwhile."""
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        yield holder.getsockname()[1]


def free_port() -> int:
    """Return a port nobody listens on at the moment."""
    with closed_port() as port:
        return port


class Proxy:
    """A TCP relay to ``127.0.0.1:target_port`` whose links can be delayed, frozen and cut.

    ``delay`` is seconds one way and may be changed at any time; bytes are delayed, not throttled: as many as
    the sender gives are under way at once. ``bytes_up`` counts what clients sent, ``bytes_down`` what they
    got.
    ``is_accepting = False`` makes new connections end at once.
    """

    def __init__(self, target_port: int, *, delay: float = 0.0, port: int = 0) -> None:
        self.target_port = target_port
        self.delay = delay
        self.port = port
        self.bytes_up = 0
        self.bytes_down = 0
        self.is_accepting = True
        self.is_frozen = False
        self.accepted = 0
        self._sides: set[_Side] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def links(self) -> int:
        """How many client connections are open now."""
        return sum(side.is_client for side in self._sides)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Side(self, is_client=True), HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset every link; what was under way is lost."""
        for side in tuple(self._sides):
            side.abort()

    def freeze(self) -> None:
        """Let links stay open but carry nothing, as an unplugged cable does."""
        self.is_frozen = True

    def thaw(self) -> None:
        """Carry on after ``freeze``: what was held back is delivered."""
        self.is_frozen = False
        for side in tuple(self._sides):
            side.flush()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()
        await asyncio.sleep(0)  # aborted transports close their sockets in the next turn of the loop

    def adopt(self, side: _Side) -> None:
        """Count a new side; a client's side also gets its other half."""
        self._sides.add(side)
        if side.is_client:
            self.accepted += 1
            if not self.is_accepting:
                side.abort()
                return
            task = asyncio.get_running_loop().create_task(self._connect(side))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def release(self, side: _Side) -> None:
        self._sides.discard(side)

    async def _connect(self, client: _Side) -> None:
        server = _Side(self, is_client=False)
        server.peer, client.peer = client, server
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: server, HOST, self.target_port)
        except OSError:
            client.abort()
        else:
            client.resume_writing_from_peer()

    async def __aenter__(self) -> Proxy:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Side(asyncio.Protocol):
    """One end of one link: what arrives here leaves through ``peer`` after the delay."""

    def __init__(self, proxy: Proxy, *, is_client: bool) -> None:
        self.proxy = proxy
        self.is_client = is_client
        self.peer: _Side | None = None
        self._transport: asyncio.Transport | None = None
        self._has_read_all = False
        self._has_written_all = False
        self._queue: deque[tuple[float, bytes | None]] = deque()  # None: the stream ends here
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if self.is_client:
            self._transport.pause_reading()
        self.proxy.adopt(self)

    def data_received(self, data: bytes) -> None:
        if self.is_client:
            self.proxy.bytes_up += len(data)
        else:
            self.proxy.bytes_down += len(data)
        if self.peer is not None:
            self.peer.push(data)

    def eof_received(self) -> bool:
        self._has_read_all = True
        if self._has_written_all and self._transport is not None:
            self._transport.close()
        if self.peer is not None:
            self.peer.push(None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.release(self)
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        self._transport = None
        if self.peer is not None and exc is not None:
            self.peer.abort()
        elif self.peer is not None:
            self.peer.push(None)

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer._transport is not None:
            self.peer._transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.resume_writing_from_peer()

    def resume_writing_from_peer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def push(self, data: bytes | None) -> None:
        if not self.proxy.delay and not self._queue and not self.proxy.is_frozen:
            self._write(data)
            return
        self._queue.append((self._loop.time() + self.proxy.delay, data))
        if self._timer is None:
            self._timer = self._loop.call_at(self._queue[0][0], self.flush)

    def flush(self) -> None:
        """Write what is due and come back for the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.proxy.is_frozen:
            return
        now = self._loop.time()
        while self._queue and self._queue[0][0] <= now:
            self._write(self._queue.popleft()[1])
        if self._queue:
            self._timer = self._loop.call_at(self._queue[0][0], self.flush)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if data is not None:
            self._transport.write(data)
            return
        self._has_written_all = True
        if self._has_read_all or (self.peer is not None and self.peer._transport is None):
            self._transport.close()
        else:
            self._transport.write_eof()
