"""The live lines of one run, from whichever server works in the data directory: none lost, none twice, across restarts.

The only WebSocket client of the command line. It prints nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from urllib.parse import quote, urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from runferry.cli.client import ApiError, Json, ServerAddress

OPEN_SECONDS = 15.0
CLOSE_SECONDS = 1.0
AGAIN_SECONDS = 0.5
"""Seconds between two tries to reach a server that has gone."""

ENDING = 500
"""Statuses from here on are those of a server that ends or begins."""

LONGEST_MESSAGE = 1024 * 1024
UNREAD = 64
"""Messages that wait for a slow terminal; the others wait at the server, which reads them from the log."""

FindServer = Callable[[], Awaitable[ServerAddress | None]]


class LogStream:
    """Follows the log of ``run``. ``find_server`` returns where a server is now, or None.

    ``on_lost`` and ``on_back`` are called when the server goes, and when it is there again.
    """

    def __init__(
        self,
        run: str,
        find_server: FindServer,
        *,
        tail: int,
        on_lost: Callable[[], None],
        on_back: Callable[[], None],
    ) -> None:
        self._run = run
        self._find_server = find_server
        self._begin: dict[str, str | int] = {"tail": tail}
        self._on_lost = on_lost
        self._on_back = on_back

    async def messages(self) -> AsyncGenerator[Json, None]:
        """Yield the messages, for ever. Raises ApiError where the server refuses (no such run)."""
        is_lost = False
        while True:
            server = await self._find_server()
            try:
                if server is not None:
                    async with connect(
                        self._make_address(server.url),
                        additional_headers=server.headers,
                        proxy=None,
                        open_timeout=OPEN_SECONDS,
                        close_timeout=CLOSE_SECONDS,
                        max_size=LONGEST_MESSAGE,
                        max_queue=UNREAD,
                    ) as socket:
                        if is_lost:
                            self._on_back()
                            is_lost = False
                        async for text in socket:
                            message: Json = json.loads(text)
                            self._begin = {"after": message["cursor"]}
                            yield message
            except InvalidStatus as error:
                if error.response.status_code < ENDING:
                    raise translate_refusal(error) from error
            except (OSError, WebSocketException, TimeoutError):
                pass  # it has gone, or is not there yet
            if not is_lost:
                self._on_lost()
                is_lost = True
            await asyncio.sleep(AGAIN_SECONDS)

    def _make_address(self, url: str) -> str:
        base = url.replace("http", "ws", 1)
        return f"{base}/api/runs/{quote(self._run)}/logs/ws?{urlencode({**self._begin, 'format': 'json'})}"


def translate_refusal(error: InvalidStatus) -> ApiError:
    try:
        body = json.loads(error.response.body)
    except ValueError:
        body = {}
    return ApiError(error.response.status_code, body if isinstance(body, dict) else {})
