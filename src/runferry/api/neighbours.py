"""Keeps other users of this machine out: whose socket is at the other end of a loopback connection?

It judges callers from this machine only, reads no request and knows no endpoint. Where nobody can say whose a
connection is (not Linux, a sandbox with a network of its own) it lets it pass: a token is for there.
"""

from __future__ import annotations

import os
import sys

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from runferry.api.socket_owners import Address, find_owner, parse_ip
from runferry.blocking import in_thread

CONNECTION = "runferry.connection"
"""Key of ``scope["state"]`` under which the server gives each connection a dictionary of its own."""

REFUSED = (
    "This Runferry belongs to another user of this machine and answers nobody else; start your own with runferry serve."
)
ROOT = 0


class Neighbours:
    """ASGI middleware: 403 for a caller on this machine who is neither ``uid`` nor root.

    A connection is judged once, at its first request, for its owner cannot change.
    """

    def __init__(self, app: ASGIApp, *, uid: int | None = None) -> None:
        self._app = app
        self._uid = find_own_uid() if uid is None else uid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or await self._is_welcome(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": REFUSED})
        else:
            await JSONResponse({"detail": REFUSED}, status_code=403)(scope, receive, send)

    async def _is_welcome(self, scope: Scope) -> bool:
        client, server = scope.get("client"), scope.get("server")
        if self._uid is None or client is None or server is None or server[1] is None:
            return True
        known: dict[str, bool] = scope.get("state", {}).get(CONNECTION, {})
        if "is_welcome" not in known:
            known["is_welcome"] = await in_thread(is_welcome, tuple(client), tuple(server), self._uid)
        return known["is_welcome"]


def find_own_uid() -> int | None:
    """Return this process's user, or None where sockets have no owners that one could ask for."""
    return os.geteuid() if sys.platform == "linux" else None


def is_welcome(client: Address, server: Address, uid: int) -> bool:
    """Say whether the user at ``client`` may call. Callers from other machines are not judged here."""
    if not is_on_this_machine(client, server):
        return True
    owner = find_owner(client, server)
    return owner is None or owner in (uid, ROOT)


def is_on_this_machine(client: Address, server: Address) -> bool:
    """Say whether both ends of a connection are here: over loopback, or from one of our addresses to itself."""
    return parse_ip(client[0]).is_loopback or client[0] == server[0]
