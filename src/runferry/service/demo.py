"""The demo inside a running Runferry: a simulated server on this machine, mirrored like any other, and gone again.

What simulates it is handed in: this layer logs in there, and takes no address and no path from anybody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from runferry.blocking import in_thread
from runferry.errors import InvalidRequest, RunferryError
from runferry.service.connections import Connections, ConnectRequest
from runferry.service.events import EventBus
from runferry.service.modes import ModeRequest
from runferry.service.syncs import Syncs
from runferry.ssh.credentials import Credentials
from runferry.ssh.pool import Pool
from runferry.ssh.target import Target
from runferry.store.passing import PassingServer
from runferry.sync.spec import Mode

log = logging.getLogger(__name__)

LABEL = "demo"
INTERVAL = 2.0
NOT_OFFERED = "This server offers no demo; `runferry demo` in a terminal shows one."


@dataclass(frozen=True, slots=True)
class Stage:
    """A simulated server that runs: how to log in, whose host key (``SHA256:...``) answers, where its runs are."""

    target: Target
    credentials: Credentials
    fingerprint: str
    root: str


OpenStage = Callable[[], AbstractAsyncContextManager[Stage]]


@dataclass(frozen=True, slots=True)
class DemoView:
    """``server`` is the label of the simulated server while there is one."""

    is_offered: bool
    server: str | None


@dataclass(frozen=True, slots=True)
class DemoTools:
    """What the demo works with. ``release`` makes everybody let go of the copies of a sync that is to vanish."""

    connections: Connections
    syncs: Syncs
    pool: Pool
    passing: PassingServer
    events: EventBus
    release: Callable[[int], Awaitable[None]]
    clock: Callable[[], float]


class Demo:
    """Starts and removes the demo, one at a time; it ends with the program, and what an abrupt end left is cleared."""

    def __init__(self, tools: DemoTools, open_stage: OpenStage | None) -> None:
        self._tools = tools
        self._open_stage = open_stage
        self._stack: AsyncExitStack | None = None
        self._server: str | None = None
        self._lock = asyncio.Lock()

    @property
    def view(self) -> DemoView:
        return DemoView(self._open_stage is not None, self._server)

    async def clear(self) -> None:
        """Forget the demo of a program that ended abruptly. Call it before connections are resumed."""
        await self._forget()

    async def start(self) -> DemoView:
        """Start the simulated server and mirror it, unless that runs. Raises InvalidRequest where none is offered."""
        if self._open_stage is None:
            raise InvalidRequest(NOT_OFFERED)
        async with self._lock:
            if self._stack is None:
                async with AsyncExitStack() as stack:
                    stage = await stack.enter_async_context(self._open_stage())
                    stack.push_async_callback(self._forget)
                    self._server = await self._mirror(stage, stack)
                    self._stack = stack.pop_all()
            return self.view

    async def remove(self) -> DemoView:
        """End the demo and remove its runs and bytes; without one, nothing happens."""
        async with self._lock:
            stack, self._stack, self._server = self._stack, None, None
            if stack is not None:
                await stack.aclose()
            return self.view

    async def _mirror(self, stage: Stage, stack: AsyncExitStack) -> str:
        """Connect as anybody would, with a server row that says what this is; return its label."""
        tools = self._tools
        label = await in_thread(tools.passing.announce, stage.fingerprint, LABEL, at=tools.clock())
        await tools.pool.forget_host_key(stage.target)  # of an earlier demo that had the same port
        stack.push_async_callback(tools.pool.forget_host_key, stage.target)
        held = await tools.connections.connect(
            ConnectRequest(stage.target, stage.credentials, accept_fingerprint=stage.fingerprint)
        )
        stack.push_async_callback(self._disconnect, held.id)
        root = await held.remote.resolve(stage.root)
        await tools.syncs.configure(held, ModeRequest(Mode.MIRROR, root, INTERVAL))
        return label

    async def _disconnect(self, connection_id: str) -> None:
        tools = self._tools
        for sync in tools.syncs.list_of(connection_id):
            await tools.syncs.deactivate(sync.record.id)
        await tools.connections.disconnect(connection_id)
        tools.events.publish("connection", {"connection_id": connection_id, "state": "closed", "connected": False})

    async def _forget(self) -> None:
        try:
            for sync_id in await in_thread(self._tools.passing.list_syncs):
                await self._tools.release(sync_id)
            removed = await in_thread(self._tools.passing.forget)
        except RunferryError as error:
            log.warning("the demo could not be removed; the next start tries again: %s", error)
            return
        if removed:
            self._tools.events.publish("run", {"changed": [], "removed": list(removed)})
