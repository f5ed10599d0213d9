"""Sends an opened file: exactly the promised bytes, or a connection that ends early. It closes the file."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from runferry.errors import RunferryError
from runferry.service.files import OpenedFile

log = logging.getLogger(__name__)


class SendFile(StreamingResponse):
    """A response whose body cannot end well unless it is whole: a client sees that bytes are missing."""

    def __init__(
        self, opened: OpenedFile, chunks: AsyncGenerator[bytes, None], *, status: int, headers: dict[str, str]
    ) -> None:
        super().__init__(chunks, status_code=status, headers=headers)
        self._opened = opened
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._opened.close()

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._chunks):
            try:
                await super().stream_response(send)
            except RunferryError as error:
                # The status is sent already. Without a last message the ASGI server breaks the connection.
                log.warning("a file could not be sent to its end: %s", error)
