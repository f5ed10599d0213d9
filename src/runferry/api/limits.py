"""Rate limits per client address and endpoint, as a sliding window. It believes the socket only, never a header."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from runferry.api.errors import make_error_response
from runferry.errors import RateLimited

ENDPOINTS: Mapping[tuple[str, str], str] = {
    ("POST", "/api/unified/connect"): "connect",
    ("POST", "/api/ssh/connect"): "connect",  # the same door to the same servers: one window for both
    ("POST", "/api/doctor"): "connect",
    ("GET", "/api/unified/listdir"): "listdir",
    ("GET", "/api/ssh/listdir"): "listdir",
    ("POST", "/api/unified/configure_mode"): "configure_mode",
    ("POST", "/api/ssh/mirror/start"): "configure_mode",
}
"""Which limit an endpoint counts against; two doors to one thing share a window."""


class RateLimits:
    """ASGI middleware. ``per_minute`` gives the limit of each name in ``ENDPOINTS``; 0 or a missing name: none.

    Every request counts, well-formed or not; one that is refused does not.
    """

    def __init__(self, app: ASGIApp, *, per_minute: Mapping[str, int]) -> None:
        self._app = app
        self._items = {name: RateLimitItemPerMinute(count, 1, name) for name, count in per_minute.items() if count > 0}
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            item = self._items.get(ENDPOINTS.get((scope["method"], scope["path"]), ""))
            if item is not None:
                client = (scope.get("client") or ("",))[0]
                if not await self._limiter.hit(item, client):
                    stats = await self._limiter.get_window_stats(item, client)
                    wait = max(1, math.ceil(stats.reset_time - time.time()))
                    await make_error_response(RateLimited(wait))(scope, receive, send)
                    return
        await self._app(scope, receive, send)
