"""Keeps other web sites out: checks Host (DNS rebinding) and Origin (requests forged by a page), bounds bodies and
adds the security headers. It knows no endpoint and reads no body.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 1024 * 1024
TOO_LARGE = f"The body is larger than {MAX_BODY} bytes."

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware, the outermost one. ``host`` is what the server was told to listen on, ``names`` are others that
    it was told to answer to.
    """

    def __init__(self, app: ASGIApp, *, host: str, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = frozenset({"localhost", host.lower(), *(name.lower() for name in names)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = add_security_headers(send)
        status, sentence = self._refuse(scope)
        if not status and "transfer-encoding" in Headers(scope=scope):
            body = await read_bounded(receive)
            receive = replay(body or b"", receive)
            if body is None:
                status, sentence = 400, TOO_LARGE
        if not status:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": sentence})
        else:
            await JSONResponse({"detail": sentence}, status_code=status)(scope, receive, send)

    def _refuse(self, scope: Scope) -> tuple[int, str]:
        """Return the status and sentence to refuse with, or (0, "")."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_ours(hosts[0], scope):
            return 403, "This server answers only under its own address; open it as http://127.0.0.1:<port>."
        if any(not is_same_origin(origin, hosts[0]) for origin in origins):
            return 403, "Requests from other web sites are not allowed."
        # Images and plain GET forms carry no Origin, but browsers say where they come from in this header.
        if scope["path"].startswith("/api/") and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return 403, "Requests from other web sites are not allowed."
        if is_too_large(headers.getlist("content-length")):
            return 400, TOO_LARGE
        return 0, ""

    def _is_ours(self, header: str, scope: Scope) -> bool:
        address, port = scope.get("server") or ("", None)
        name, named_port = split_host(header)
        if port is not None and named_port != port:
            return False
        return name in self._names or is_local(name, address)


def split_host(header: str) -> tuple[str, int | None]:
    """Return the lower-case name and the port (80 when there is none) of a Host header; ("", None) if malformed."""
    try:
        parts = urlsplit(f"//{header}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    if parts.netloc != header or "@" in header or parts.path or parts.query or parts.fragment:
        return "", None
    return name, 80 if port is None else port


def is_local(name: str, address: str) -> bool:
    """Say whether ``name`` is a loopback address, or literally the address this connection came in at."""
    try:
        ip = ipaddress.ip_address(name)
    except ValueError:
        return False
    return ip.is_loopback or name == address


def is_same_origin(origin: str, host: str) -> bool:
    return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def is_too_large(lengths: Iterable[str]) -> bool:
    return any(not length.isdigit() or len(length) > 12 or int(length) > MAX_BODY for length in lengths)


async def read_bounded(receive: Receive) -> bytes | None:
    """Read a body that did not say its length; None when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """Give ``body`` once, then whatever ``receive`` has (a disconnect)."""
    waiting = [body]

    async def give() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return give


def add_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", POLICY)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("X-Frame-Options", "DENY")
            headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        await send(message)

    return send_with_headers
