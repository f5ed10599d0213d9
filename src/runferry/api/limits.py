"""Rate limits per client address and endpoint, as a sliding window. It believes the socket only, never a header."""

from __future__ import annotations

import math
import re
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
    ("POST", "/api/demo"): "connect",
    ("GET", "/api/unified/listdir"): "listdir",
    ("GET", "/api/ssh/listdir"): "listdir",
    ("POST", "/api/unified/configure_mode"): "configure_mode",
    ("POST", "/api/ssh/mirror/start"): "configure_mode",
    ("POST", "/api/runs/soft-delete"): "soft_delete",
    ("POST", "/api/recycle-bin/restore"): "restore",
    ("POST", "/api/recycle-bin/empty"): "empty",
    ("GET", "/api/config"): "config",
    ("GET", "/api/config/ssh_connections"): "config",
    ("GET", "/api/config/ssh_connections/{key}/details"): "config",
    ("POST", "/api/config/user_root_dir"): "config_root",
    ("POST", "/api/config/ssh_connections"): "config_change",
    ("DELETE", "/api/config/ssh_connections/{key}"): "config_change",
}
"""Which limit an endpoint counts against. In a path ``{...}`` stands for anything, as in the API's description."""

SHARED = frozenset({"connect", "listdir", "configure_mode"})
"""Limits whose endpoints are several doors to one thing, and share a window; of the others each has its own."""


class RateLimits:
    """ASGI middleware. ``per_minute`` gives the limit of each name in ``ENDPOINTS``; 0 or a missing name: none.

    Every request counts, well-formed or not; one that is refused does not.
    """

    def __init__(self, app: ASGIApp, *, per_minute: Mapping[str, int]) -> None:
        self._app = app
        self._items = {name: RateLimitItemPerMinute(count, 1, name) for name, count in per_minute.items() if count > 0}
        self._patterns = [(method, compile_path(path), path) for method, path in ENDPOINTS if "{" in path]
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            endpoint = self._find_endpoint(scope["method"], scope["path"])
            name = ENDPOINTS.get(endpoint, "")
            item = self._items.get(name)
            if item is not None:
                client = (scope.get("client") or ("",))[0]
                window = (client,) if name in SHARED else (client, *endpoint)
                if not await self._limiter.hit(item, *window):
                    stats = await self._limiter.get_window_stats(item, *window)
                    wait = max(1, math.ceil(stats.reset_time - time.time()))
                    await make_error_response(RateLimited(wait))(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _find_endpoint(self, method: str, path: str) -> tuple[str, str]:
        """Return the endpoint as ``ENDPOINTS`` knows it."""
        if path.startswith("/api/config/"):
            for wanted, pattern, template in self._patterns:
                if method == wanted and pattern.fullmatch(path):
                    return method, template
        return method, path


def compile_path(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile("".join(".+" if part.startswith("{") else re.escape(part) for part in parts), re.DOTALL)
