"""The logs of runs: pages, searches, and lines as they are written (WebSocket). It reads no file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response, WebSocket, WebSocketDisconnect
from starlette.datastructures import QueryParams

from runferry.api.access import TheService, describe_errors
from runferry.api.answers_logs import LogPageAnswer, LogsQuery
from runferry.api.bulk import make_bulk_response
from runferry.api.errors import make_error_response
from runferry.errors import InvalidRequest, RunferryError
from runferry.service import LogMessage, LogQuery, LogStart, Service
from runferry.store.log_file import read_cursor

DEFAULT_TAIL = 10_000
INTERNAL_ERROR = 1011
LONGEST_REASON = 120
"""Bytes of a reason; the protocol has room for 123."""

Shape = Callable[[LogMessage], str | None]

router = APIRouter(prefix="/api/runs", tags=["logs"])

RunId = Annotated[str, Path(max_length=1000, description="A run's `id`, or its unique `key`.")]


@router.get(
    "/{run_id:whole}/logs",
    response_model=LogPageAnswer,
    responses=describe_errors(400, 403, 404, 409, 410, 500, 507),
)
async def read_logs(service: TheService, run_id: RunId, query: Annotated[LogsQuery, Query()]) -> Response:
    """Show lines of a run's log: from `offset` on, the last ones (`tail`), or those with a text (`search`).

    In smart mode this fetches the log and keeps it up to date for a minute. A page holds 8 MiB of text at most.
    `WS /api/runs/{run_id}/logs/ws` sends the lines as they are written.
    """
    asked = LogQuery(
        offset=query.offset,
        limit=query.limit,
        tail=query.tail,
        search=query.search or None,
        is_exact=query.case,
        path=query.path,
    )
    page = await service.logs.page(run_id, asked)
    return await make_bulk_response(lambda: page)


@router.websocket("/{run_id:whole}/logs/ws")
async def stream_logs(websocket: WebSocket, run_id: str) -> None:
    """Send one message per line: those that are there, then those that come. See `docs/api.md`."""
    service: Service = websocket.app.state.service
    given = websocket.query_params
    try:
        start, shape = read_start(given), read_shape(given.get("format"))
        source = await service.logs.find(run_id, given.get("path"))
    except RunferryError as error:
        await websocket.send_denial_response(make_error_response(error))
        return
    await websocket.accept()
    async with aclosing(service.logs.follow(source, start)) as batches:
        await send_while_open(websocket, batches, shape)


async def send_while_open(
    websocket: WebSocket, batches: AsyncGenerator[Sequence[LogMessage], None], shape: Shape
) -> None:
    """Send at the reader's pace until it leaves, or the server ends."""
    sending = asyncio.create_task(send_batches(websocket, batches, shape))
    leaving = asyncio.create_task(wait_for_leave(websocket))
    try:
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.wait([sending, leaving])
    error = None if sending.cancelled() else sending.exception()
    if isinstance(error, RunferryError):
        reason = str(error).encode()[:LONGEST_REASON].decode(errors="ignore")
        with suppress(WebSocketDisconnect, RuntimeError):  # it may be closed by now
            await websocket.close(INTERNAL_ERROR, reason)
    elif error is not None and not isinstance(error, WebSocketDisconnect):
        raise error


async def send_batches(websocket: WebSocket, batches: AsyncGenerator[Sequence[LogMessage], None], shape: Shape) -> None:
    async for messages in batches:
        for message in messages:
            text = shape(message)
            if text is not None:
                await websocket.send_text(text)
        await asyncio.sleep(0)  # sending to a reader who keeps up never waits, and others want to be served


async def wait_for_leave(websocket: WebSocket) -> None:
    """Return when the reader leaves; what it says meanwhile means nothing."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def show_text(message: LogMessage) -> str | None:
    """Return the line; nothing for a line that was sent before its newline came."""
    return None if message.is_rest and not message.text else message.text


def show_json(message: LogMessage) -> str | None:
    return orjson.dumps(message).decode()


def read_start(given: QueryParams) -> LogStart:
    """Return where to begin, as the query says. Raises InvalidRequest."""
    cursor, line, tail = given.get("after"), given.get("from"), given.get("tail")
    if sum(value is not None for value in (cursor, line, tail)) > 1:
        raise InvalidRequest("tail: give one of tail, from and after.")
    if cursor is not None:
        if read_cursor(cursor) is None:
            raise InvalidRequest("after: should be the cursor of a message or a page.")
        return LogStart(cursor=cursor)
    if line is not None:
        return LogStart(line=read_count("from", line))
    if tail == "all":
        return LogStart(tail=None)
    return LogStart(tail=DEFAULT_TAIL if tail is None else read_count("tail", tail))


def read_count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidRequest(f"{name}: should be a whole number of lines{', or all' if name == 'tail' else ''}.")
    return int(text)


def read_shape(text: str | None) -> Shape:
    """Return how messages are written. Raises InvalidRequest."""
    shapes: dict[str | None, Shape] = {None: show_text, "text": show_text, "json": show_json}
    if text not in shapes:
        raise InvalidRequest("format: should be text or json.")
    return shapes[text]
