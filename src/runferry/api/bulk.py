"""Long answers: built and encoded in a worker thread, so that the event loop goes on serving everyone else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson
from fastapi.responses import Response

from runferry.blocking import in_thread


async def make_bulk_response(shape: Callable[[], object], *, headers: Mapping[str, str] | None = None) -> Response:
    """Call ``shape`` in a thread and answer its result as JSON; NaN and Infinity become null."""

    def encode() -> bytes:
        return orjson.dumps(shape(), option=orjson.OPT_NON_STR_KEYS)

    body = await in_thread(encode)
    return Response(body, media_type="application/json", headers=headers)
