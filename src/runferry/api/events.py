"""The stream of events (SSE): connections, syncs, runs and problems as they change. It holds no state of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent

from runferry.api.access import TheService, describe_errors
from runferry.service import Subscription

PING_SECONDS = 15
SEND_TIMEOUT = 30.0

router = APIRouter(prefix="/api", tags=["events"])


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": (
                "`connection`, `sync`, `run`, `series`, `log` and `problem` events with JSON data. `refetch` means "
                "that events were missed: fetch the state again."
            ),
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **describe_errors(),
    },
)
async def stream_events(
    service: TheService, last_event_id: Annotated[str | None, Header(max_length=100)] = None
) -> EventSourceResponse:
    """Stream what happens. `Last-Event-ID` resumes after that event."""
    subscription = service.events.subscribe(last_event_id)
    return EventSourceResponse(read_events(subscription), ping=PING_SECONDS, send_timeout=SEND_TIMEOUT, sep="\n")


async def read_events(subscription: Subscription) -> AsyncIterator[ServerSentEvent]:
    async with subscription:
        # A first line at once: clients know that they are connected, and proxies pass the headers on.
        yield ServerSentEvent(comment="ok")
        async for event in subscription:
            yield ServerSentEvent(orjson.dumps(event.data).decode(), event=event.kind, id=event.id, sep="\n")
