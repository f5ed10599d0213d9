"""A whole Runferry server inside another program's event loop, for as long as that program needs it.

It leaves signals alone: they belong to the program around it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from runferry.app import listen, make_server, make_url
from runferry.config import Settings
from runferry.errors import RunferryError
from runferry.service import Service


@contextlib.asynccontextmanager
async def hosting(settings: Settings, *, is_resuming: bool = True) -> AsyncIterator[str]:
    """Serve at ``settings.host`` and ``settings.port`` (0: any free one) and yield the address.

    Without ``is_resuming``, the connections and syncs of earlier servers are left alone.
    Raises Conflict when the port is taken or another process works in the data directory.
    """
    with listen(settings.host, settings.port) as listener:
        async with Service(settings, is_resuming=is_resuming) as service:
            ready = asyncio.Event()
            server = make_server(listener, settings, service, on_ready=lambda _: ready.set())
            server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
            task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
            waiting = asyncio.get_running_loop().create_task(ready.wait())
            try:
                await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
                if not ready.is_set():
                    raise RunferryError("The Runferry server could not start; see the log.")
                yield make_url(settings.host, listener.getsockname()[1])
            finally:
                waiting.cancel()
                server.should_exit = True
                await task
