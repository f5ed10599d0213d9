"""Ports and links that misbehave on purpose, all on 127.0.0.1: silent, closed, slow, cut, frozen."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import TracebackType

from tests.support.relay import Side, Way

HOST = "127.0.0.1"


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
    """A TCP relay to ``127.0.0.1:target_port`` whose links can be delayed, slowed, sliced, frozen, swallowed and cut.

    What is wrong with each direction is in ``up`` (what clients send) and ``down`` (what they get); see ``relay.Way``.
    ``delay`` is seconds one way and may be changed at any time; bytes are delayed, not throttled: as many as
    the sender gives are under way at once. ``bytes_up`` counts what clients sent, ``bytes_down`` what they
    got.
    ``is_accepting = False`` makes new connections end at once.
    """

    def __init__(self, target_port: int, *, delay: float = 0.0, port: int = 0) -> None:
        self.target_port = target_port
        self.up = Way(delay)
        self.down = Way(delay)
        self.port = port
        self.bytes_up = 0
        self.bytes_down = 0
        self.is_accepting = True
        self.is_frozen = False
        self.accepted = 0
        self._sides: set[Side] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def delay(self) -> float:
        return self.up.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self.up.delay = self.down.delay = seconds

    @property
    def links(self) -> int:
        """How many client connections are open now."""
        return sum(side.is_client for side in self._sides)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Side(self, is_client=True), HOST, self.port)
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

    def adopt(self, side: Side) -> None:
        """Count a new side; a client's side also gets its other half, which keeps what comes before it is connected.

        It cannot simply not be read before that: uvloop begins to read after ``connection_made``, whatever was
        said there, and a client that speaks first would lose its first words.
        """
        self._sides.add(side)
        if side.is_client:
            self.accepted += 1
            if not self.is_accepting:
                side.abort()
                return
            server = Side(self, is_client=False)
            server.peer, side.peer = side, server
            task = asyncio.get_running_loop().create_task(self._connect(side, server))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def release(self, side: Side) -> None:
        self._sides.discard(side)

    async def _connect(self, client: Side, server: Side) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: server, HOST, self.target_port)
        except OSError:
            client.abort()

    async def __aenter__(self) -> Proxy:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
