"""The composition root: settings in, a running server out. It holds no rules of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from runferry.api import (
    CONNECTION,
    Admission,
    DeprecationHeaders,
    Guard,
    Neighbours,
    RateLimits,
    TokenGate,
    build_api,
)
from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.errors import Conflict, InvalidRequest
from runferry.service import OpenStage, Service
from runferry.web import LOGIN_FILES, install_pages, make_login_page

SERVER_FILE = "server.json"
OWN_TOKEN = "token"  # noqa: S105 - a file's name
SHUTDOWN_SECONDS = 5
MOST_HEARD = 4096
"""Bytes of a WebSocket message from a client: none has a meaning."""

OnReady = Callable[[str], None]


LOOPBACK_ONLY = Admission()


def create_app(settings: Settings, *, service: Service | None = None, admission: Admission = LOOPBACK_ONLY) -> ASGIApp:
    """Return the ASGI application. A ``service`` that is given must be open and stays its owner's to close;
    otherwise the application's lifespan opens and closes one. It answers whom ``admission`` says.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            app.state.service = service or await stack.enter_async_context(Service(settings))
            yield

    api = build_api(lifespan)
    install_pages(api)
    app: ASGIApp = DeprecationHeaders(RateLimits(api, per_minute=settings.rate_limits))
    if admission.token is not None:
        app = TokenGate(app, admission.token, login_page=make_login_page(), open_paths=LOGIN_FILES)
    return Guard(Neighbours(app), host=settings.host, names=admission.names)


def calm_garbage_collector() -> None:
    """Collect less often, and leave alone what lives as long as the process.

    A first sync makes tens of thousands of small objects that stay; with Python's own thresholds a fifth of its time
    went into looking at them again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def serve(
    settings: Settings,
    *,
    admission: Admission = LOOPBACK_ONLY,
    on_ready: OnReady | None = None,
    open_demo: OpenStage | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. ``on_ready`` is called with the address once requests are answered.

    ``open_demo`` opens what the page's demo shows; without it there is none.

    Port 0 takes a free one. ``<data_dir>/server.json`` ({"url", "pid"}, and "token_file") tells this user's other
    processes where the server is, and where its token.
    Raises Conflict when the port is taken or the data directory is in use, InvalidRequest for an impossible host.
    """
    with (
        listen(settings.host, settings.port) as listener,
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=find_loop_factory()) as runner,
    ):
        runner.run(serve_on(listener, settings, admission=admission, on_ready=on_ready, open_demo=open_demo))


async def serve_on(
    listener: socket.socket,
    settings: Settings,
    *,
    admission: Admission,
    on_ready: OnReady | None,
    open_demo: OpenStage | None,
) -> None:
    """Serve on a listening socket until a signal ends it."""
    async with Service(settings, open_demo=open_demo) as service:
        server = make_server(listener, settings, service, admission=admission, on_ready=on_ready)
        await server.serve(sockets=[listener])


def make_server(
    listener: socket.socket,
    settings: Settings,
    service: Service,
    *,
    admission: Admission = LOOPBACK_ONLY,
    on_ready: OnReady | None = None,
) -> Server:
    """Return a server for an open service, and tune the process for it.

    Run ``serve(sockets=[listener])``; ``should_exit = True`` ends it.
    """
    calm_garbage_collector()
    config = uvicorn.Config(
        create_app(settings, service=service, admission=admission),
        access_log=False,
        log_level=logging.WARNING,
        proxy_headers=False,  # limits and guard believe the socket, never X-Forwarded-For
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ws="websockets-sansio",
        ws_max_size=MOST_HEARD,
        ws_per_message_deflate=False,  # what it would save is of no use on one machine
    )
    mark_connections(config)
    url = make_url(settings.host, listener.getsockname()[1])
    notice = Notice(service.data_dir, url, admission)
    return Server(config, service=service, notice=notice, on_ready=on_ready)


def mark_connections(config: uvicorn.Config) -> None:
    """Give every connection a dictionary of its own in ``scope["state"]``: what is found out about it once."""
    config.load()
    make_plain: Callable[..., asyncio.Protocol] = config.http_protocol_class

    def make_marked(*, app_state: dict[str, Any], **options: Any) -> asyncio.Protocol:
        return make_plain(app_state={**app_state, CONNECTION: {}}, **options)

    config.http_protocol_class = make_marked  # type: ignore[assignment]  # uvicorn only calls it


class Server(uvicorn.Server):
    """A uvicorn server that says where it is, and closes its service before it lets a signal end the process."""

    def __init__(self, config: uvicorn.Config, *, service: Service, notice: Notice, on_ready: OnReady | None) -> None:
        super().__init__(config)
        self._service = service
        self._notice = notice
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await in_thread(self._notice.put_up)
        if self._on_ready is not None:
            self._on_ready(self._notice.url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await in_thread(self._notice.take_down)
        self._service.events.close()  # event streams never end by themselves, and requests are waited for
        await super().shutdown(sockets)
        # uvicorn raises the signal again when this returns, and SIGTERM then ends the process at once.
        await self._service.close()


class Notice:
    """What the data directory, its owner's alone, says of the server that works in it: where it is, and its token."""

    def __init__(self, data_dir: Path, url: str, admission: Admission) -> None:
        self.url = url
        self._file = data_dir / SERVER_FILE
        self._own_token = data_dir / OWN_TOKEN
        self._admission = admission

    def put_up(self) -> None:
        """Write where the server is, whole or not at all; a token that no file holds gets one."""
        told: dict[str, object] = {"url": self.url, "pid": os.getpid()}
        if self._admission.token is not None:
            told["token_file"] = str(self._admission.token_file or self._own_token)
            if self._admission.token_file is None:
                replace_file(self._own_token, self._admission.token.reveal().encode())
        replace_file(self._file, orjson.dumps(told))

    def take_down(self) -> None:
        self._file.unlink(missing_ok=True)
        self._own_token.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    staged = path.with_name(f"{path.name}.new")
    staged.unlink(missing_ok=True)
    staged.touch(mode=0o600, exist_ok=False)
    staged.write_bytes(data)
    staged.replace(path)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on ``host`` (a name or an address) and ``port``."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise InvalidRequest(f"host: {host!r} is not an address of this machine.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise Conflict(f"Cannot listen on {host} port {port}: {error.strerror}; choose another with --port.") from error
    return listener


def make_url(host: str, port: int) -> str:
    """Return the address to open: a server that listens everywhere is reached as this machine."""
    with contextlib.suppress(ValueError):
        ip = ipaddress.ip_address(host)
        if ip.is_unspecified:
            host = "127.0.0.1" if ip.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def find_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
