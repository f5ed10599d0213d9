"""The network under a connection, from which asyncssh gets what comes in portions. It looks at none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh

PORTION = 64 * 1024
"""asyncssh copies all it has been given and has not read twice for each packet (of about 32 KiB): the more it is given
at once, the longer a packet takes.
"""


class Network:
    """Stands where asyncssh expects a connection to tunnel through, and opens a plain one."""

    async def create_connection(
        self, factory: Callable[[], asyncssh.SSHClientConnection], host: str, port: int
    ) -> tuple[asyncio.BaseTransport, asyncssh.SSHClientConnection]:
        loop = asyncio.get_running_loop()
        transport, portions = await loop.create_connection(lambda: Portions(factory()), host, port)
        return transport, portions.connection


class Portions(asyncio.Protocol):
    """Hands on to ``connection`` what comes, until the connection gives up."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connection.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), PORTION):
            if start and self.connection.get_extra_info("socket") is None:
                return  # it has let go of it: what came with a violation is not read
            self.connection.data_received(data[start : start + PORTION])

    def eof_received(self) -> None:
        self.connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.connection_lost(exc)
