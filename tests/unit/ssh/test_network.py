"""What comes from the network reaches a connection in portions, and not at all once it has given up."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncssh
import pytest

from runferry.ssh.network import PORTION, Portions


class Connection:
    """Takes what it is given, until it has had ``enough``."""

    def __init__(self, enough: int = 10**9) -> None:
        self.enough = enough
        self.taken: list[bytes] = []
        self.told: list[object] = []

    def get_extra_info(self, name: str) -> object:
        return object() if len(b"".join(self.taken)) < self.enough else None

    def connection_made(self, transport: object) -> None:
        self.told.append(transport)

    def data_received(self, data: bytes) -> None:
        self.taken.append(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


def portions_of(connection: Connection) -> Portions:
    return Portions(cast(asyncssh.SSHClientConnection, connection))


@pytest.mark.parametrize("size", [0, 1, PORTION, PORTION + 1, 5 * PORTION - 1])
def test_all_that_comes_arrives_in_order(size: int) -> None:
    connection, data = Connection(), bytes(range(251)) * (size // 251 + 1)
    portions_of(connection).data_received(data[:size])
    assert b"".join(connection.taken) == data[:size]
    assert all(0 < len(portion) <= PORTION for portion in connection.taken)


def test_what_comes_with_a_violation_is_not_read() -> None:
    connection = Connection(enough=2 * PORTION)
    portions_of(connection).data_received(bytes(5 * PORTION))
    assert len(connection.taken) == 2


def test_its_beginning_and_end_are_told() -> None:
    connection, lost = Connection(), OSError()
    portions, transport = portions_of(connection), cast(Any, asyncio.Transport())
    portions.connection_made(transport)
    portions.eof_received()
    portions.connection_lost(lost)
    assert connection.told == [transport, "eof", lost]
