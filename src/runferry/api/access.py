"""How routes reach the service, and how they describe their errors. It does no work of its own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.convertors import PathConvertor, register_url_convertor

from runferry.api.answers import ErrorAnswer, RateLimitAnswer
from runferry.service import Service

SCHEMA = "#/components/schemas/{model}"
"""Where the API's description holds a shape."""

EXAMPLES: dict[int, str] = {
    400: "Not connected. POST /api/unified/connect first.",
    401: "Authentication failed: Invalid credentials",
    403: "Permission denied on the server: /root",
    404: "No such directory on the server: /data/runicorn",
    408: "Connection failed: Connection timed out",
    409: "The host key of gpu1 has changed; nothing was sent.",
    410: "events.jsonl is no longer on the server.",
    429: "Rate limit exceeded",
    500: "Connection failed: connection refused",
    507: "The disk is full.",
}


class WholePath(PathConvertor):
    """``{name:whole}`` in a route: any text, also of several lines. ``path`` ends with a line, but names may not."""

    regex = "(?s:.*)"


register_url_convertor("whole", WholePath())


async def find_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(find_service)]


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route: its error statuses, each with the one error shape and an example.

    401 and 403 are answered to whoever may not ask, wherever they ask.
    """
    described: dict[int | str, dict[str, Any]] = {}
    for status in sorted({401, 403, *statuses}):
        shape = RateLimitAnswer if status == 429 else ErrorAnswer
        example: dict[str, object] = {"detail": EXAMPLES[status]}
        if status == 429:
            example["retry_after"] = 45
        # By its name: as a "model" it would get a serializer in each of 400 places, which takes a tenth of a second.
        schema = {"$ref": SCHEMA.format(model=shape.__name__)}
        described[status] = {"content": {"application/json": {"schema": schema, "example": example}}}
    return described
