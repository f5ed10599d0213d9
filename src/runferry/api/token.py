"""Keeps out whoever cannot show the token of a server that listens on more than loopback.

Scripts send it as ``Authorization: Bearer``; a browser gives it to the login page once and gets a cookie that is not
the token and ends with the server. It knows no endpoint but its own login, and logs nothing.
"""

from __future__ import annotations

import math
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

import orjson
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runferry.api.errors import make_error_response
from runferry.api.guard import read_bounded
from runferry.errors import RateLimited
from runferry.ssh.credentials import Secret

LOGIN = "/login"
WRONG_PER_MINUTE = 10
"""Wrong tokens from one address after which none of its tokens is looked at for a while."""

MOST_BROWSERS = 100
NEEDED = "This Runferry answers only those who know its token: Authorization: Bearer <token>, or log in with a browser."
WRONG = "This is not the token of this Runferry; it was shown when it started."


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may talk to the server besides loopback: those who know ``token``, under its address or one of ``names``.

    ``token_file`` is where the token was read from; None: it was made for this start.
    """

    token: Secret | None = None
    token_file: Path | None = None
    names: Sequence[str] = ()


class TokenGate:
    """ASGI middleware. ``login_page`` is what a browser is shown, which may load the files at ``open_paths``."""

    def __init__(self, app: ASGIApp, token: Secret, *, login_page: ASGIApp, open_paths: frozenset[str]) -> None:
        self._app = app
        self._token = token
        self._login_page = login_page
        self._open_paths = open_paths
        self._sessions: deque[str] = deque(maxlen=MOST_BROWSERS)
        self._item = RateLimitItemPerMinute(WRONG_PER_MINUTE, 1, "token")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._has_cookie(scope):
            await self._app(scope, receive, send)
            return
        answer: ASGIApp | None
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", LOGIN):
            answer = await self._log_in(scope, receive)
        elif scope["type"] == "http" and scope["path"] in self._open_paths:
            answer = None
        else:
            answer = await self._judge(scope)
        if answer is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": NEEDED})
        else:
            await answer(scope, receive, send)

    async def _judge(self, scope: Scope) -> ASGIApp | None:
        """Return what a request is answered that has no cookie of ours; None: it knows the token."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and given:
            return await self._check(scope, given.strip())
        is_page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        return self._login_page if is_page and not scope["path"].startswith("/api/") else refuse(NEEDED)

    async def _log_in(self, scope: Scope, receive: Receive) -> Response:
        try:
            given = orjson.loads(await read_bounded(receive) or b"")["token"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            given = None
        if not isinstance(given, str):
            return JSONResponse({"detail": 'The body must be {"token": "<token>"}.'}, status_code=400)
        refusal = await self._check(scope, given)
        if refusal is not None:
            return refusal
        session = secrets.token_urlsafe(32)
        self._sessions.append(session)
        answer = JSONResponse({"ok": True}, headers={"Cache-Control": "no-store"})
        answer.set_cookie(cookie_name(scope), session, path="/", httponly=True, samesite="strict")
        return answer

    async def _check(self, scope: Scope, given: str) -> Response | None:
        """Compare a token, at most so many wrong ones a minute; None: it is the right one."""
        client = (scope.get("client") or ("",))[0]
        if not await self._limiter.test(self._item, client):
            stats = await self._limiter.get_window_stats(self._item, client)
            return make_error_response(RateLimited(max(1, math.ceil(stats.reset_time - time.time()))))
        if is_same(given, self._token.reveal()):
            return None
        await self._limiter.hit(self._item, client)
        return refuse(WRONG)

    def _has_cookie(self, scope: Scope) -> bool:
        try:
            jar = SimpleCookie(Headers(scope=scope).get("cookie", "")) if self._sessions else {}
        except CookieError:
            return False
        given = jar.get(cookie_name(scope)) if jar else None
        return given is not None and any([is_same(given.value, session) for session in self._sessions])


def is_same(given: str, known: str) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())


def cookie_name(scope: Scope) -> str:
    """Return a name of this server's own: browsers keep cookies by host, whatever the port."""
    return f"runferry-{(scope.get('server') or ('', 0))[1]}"


def refuse(sentence: str) -> JSONResponse:
    headers = {"WWW-Authenticate": 'Bearer realm="runferry"'}
    return JSONResponse({"detail": sentence, "needs_token": True}, status_code=401, headers=headers)
