"""A whole Runferry server inside another program's event loop, for as long as that program needs it.

It leaves signals alone: they belong to the program around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Generator

import uvicorn

from runferry.app import SHUTDOWN_SECONDS, Server, create_app, listen, make_url
from runferry.config import Settings
from runferry.service import Service


@contextlib.asynccontextmanager
async def hosting(settings: Settings, *, is_resuming: bool = True) -> AsyncIterator[str]:
    """Serve at ``settings.host`` and ``settings.port`` (0: any free one) and yield the address.

    Without ``is_resuming``, the connections and syncs of earlier servers are left alone.

    Raises Conflict when the port is taken or another process works in the data directory.
    """
    with listen(settings.host, settings.port) as listener:
        async with Service(settings, is_resuming=is_resuming) as service:
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            url = make_url(settings.host, listener.getsockname()[1])
            server = _Guest(
                make_config(settings, service), service=service, url=url, on_ready=lambda _: ready.set_result(None)
            )
            task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
            try:
                await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    await task
                yield url
            finally:
                server.should_exit = True
                await task


class _Guest(Server):
    """A server that does not take the signals of the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def make_config(settings: Settings, service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings, service=service),
        access_log=False,
        log_level=logging.WARNING,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ws="none",
    )
