"""Reads a run's log over the WebSocket, as the page does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

SECONDS = 20.0


class Listener:
    """One open socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def next(self, *, within: float = SECONDS) -> str:
        message = self.socket.recv(timeout=within)
        assert isinstance(message, str)
        return message

    def next_json(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.next())
        return message

    def take(self, count: int) -> list[str]:
        return [self.next() for _ in range(count)]

    def is_silent(self, seconds: float) -> bool:
        """Say whether nothing comes for so long."""
        try:
            self.next(within=seconds)
        except TimeoutError:
            return True
        return False

    def until_closed(self) -> list[str]:
        """Return all that comes before the server ends it."""
        found = []
        try:
            while True:
                found.append(self.next())
        except ConnectionClosed:
            return found


@contextmanager
def listening(url: str, run: str, **query: object) -> Iterator[Listener]:
    """Open the log of a run at the server ``url``; ``from_`` stands for ``from``."""
    given = "&".join(f"{name.rstrip('_')}={quote(str(value))}" for name, value in query.items())
    address = f"{url.replace('http', 'ws', 1)}/api/runs/{quote(run)}/logs/ws?{given}"
    with connect(address, proxy=None, max_size=None, max_queue=16, close_timeout=1) as socket:
        yield Listener(socket)
