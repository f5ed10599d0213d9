"""A connection that is meant to stay: when its link breaks it comes back by itself, with growing pauses.

A refused login, a changed host key or a login that took a person is never repeated: the connection has then
failed, says why, and waits for the user to connect again. It knows nothing of other connections.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from runferry.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ConnectTimeout,
    NotConnected,
    RemoteFailed,
    RunferryError,
)
from runferry.ssh.credentials import Credentials
from runferry.ssh.link import Link
from runferry.ssh.sshconfig import Route
from runferry.ssh.target import Target

logger = logging.getLogger(__name__)


class ConnectionState(StrEnum):
    """Where a connection stands; ``failed`` and ``closed`` are left only by the user's connecting again."""

    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause before the n-th try: doubling from ``first`` to ``most`` seconds, a quarter up or
    down.

    A link that lived for ``stable`` seconds starts the count anew. ``chance`` returns a number in [0, 1).
    """

    first: float = 1.0
    most: float = 60.0
    stable: float = 30.0
    chance: Callable[[], float] = random.random

    def pause(self, tries: int) -> float:
        """Return the seconds to wait when ``tries`` attempts have failed so far."""
        plain = min(self.most, self.first * 2.0 ** min(tries, 32))
        return min(self.most, plain * (0.75 + self.chance() / 2))


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a connection needs to come back: how to log in, whom to tell of changes, when to try."""

    open: Callable[[Route, Credentials], Awaitable[Link]]
    notify: Callable[[Connection], None]
    backoff: Backoff = field(default_factory=Backoff)


class Connection:
    """One connection as its users see it. ``take`` gives it its first link, ``close`` ends it.

    ``connected_at`` is when the present link was made and ``next_try_at`` when the next try is due, both in
    seconds since the epoch; None where there is no link, or no try to come. ``fingerprint`` and
    ``host_key`` (``known`` or ``added``) are of the login the user saw.
    """

    def __init__(self, route: Route, *, upkeep: Upkeep) -> None:
        self._route = route
        self._upkeep = upkeep
        self._credentials = Credentials(use_agent=False)
        self._needs_person = False
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._tries = 0
        self._error: RunferryError | None = None
        self._task: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self.state = ConnectionState.CLOSED
        self.fingerprint = ""
        self.host_key = ""
        self.last_error: str | None = None
        self.next_try_at: float | None = None
        self.connected_at: float | None = None
        self._connected_since = 0.0
        self._link: Link | None = None

    @property
    def id(self) -> str:
        """``user@host:port``: the host as the user wrote it, user and port as they were found."""
        return self._route.id

    @property
    def target(self) -> Target:
        """What the user wrote."""
        return self._route.target

    @property
    def route(self) -> Route:
        return self._route

    @property
    def hostname(self) -> str:
        """Where the target is, after ``~/.ssh/config``."""
        return self._route.end.host

    @property
    def port(self) -> int:
        return self._route.end.port

    @property
    def username(self) -> str:
        return self._route.end.username

    @property
    def is_connected(self) -> bool:
        return self.state is ConnectionState.CONNECTED and self._link is not None and self._link.is_open

    @property
    def uptime_seconds(self) -> float:
        """How long the present link has been up; 0 where there is none."""
        return time.monotonic() - self._connected_since if self.is_connected else 0.0

    async def link(self) -> Link:
        """Return the open link, waiting while there is none but one may come back.

        Raises what made the connection fail, or NotConnected when it was closed. Bound the wait if you must
        not wait for ever.
        """
        while True:
            if self._link is not None and self.is_connected:
                return self._link
            if self.state is ConnectionState.FAILED and self._error is not None:
                raise self._error.with_traceback(None)
            if self.state is ConnectionState.CLOSED:
                raise NotConnected
            await self._changed.wait()

    def retry_now(self) -> None:
        """Try at once where the next try is only waiting for its time."""
        self._wake.set()

    def take(self, route: Route, credentials: Credentials, link: Link) -> None:
        """Start, or go on, with a new link; what is left of the one before is ended."""
        self._stop()
        self._route = route
        self.fingerprint = link.fingerprint
        self.confirm(credentials, link)
        self._tries = 0
        self._adopt(link)
        self._task = asyncio.create_task(self._stay_connected(), name=f"connection {route.id}")
        self._task.add_done_callback(self._report_bug)

    def confirm(self, credentials: Credentials, link: Link) -> None:
        """Use these from now on to come back, unless the login with them (``link``, to the same key) took a person."""
        self._credentials = credentials
        self._needs_person = link.was_interactive
        self.host_key = link.host_key_state

    async def close(self) -> None:
        """End the link and every try to get it back. Idempotent."""
        self._stop()
        self.connected_at = self.next_try_at = None
        if self.state is not ConnectionState.CLOSED:
            self._change(ConnectionState.CLOSED)
        await asyncio.gather(*self._endings)

    def _stop(self) -> None:
        """Begin to end the upkeep and the link, in a task of their own."""
        if self._task is not None and self._link is not None:
            ending = asyncio.create_task(end(self._task, self._link), name=f"end of {self.id}")
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
        self._task = self._link = None

    async def _stay_connected(self) -> None:
        """Watch the link and get another one when it ends, until that makes no sense any more."""
        while (link := self._link) is not None:
            await link.wait_closed()
            lived = time.monotonic() - self._connected_since
            self._tries = 0 if lived >= self._upkeep.backoff.stable else self._tries
            reason = f"The connection to {self.id} was lost: {link.loss_reason}."
            self.connected_at = None
            if self._needs_person:
                advice = "Its login needs a person: connect again."
                self._fail(AuthenticationFailed(f"Authentication failed: {reason} {advice}"))
            else:
                self._plan_next_try(reason)
            await link.close()
            if not await self._reconnect():
                return

    async def _reconnect(self) -> bool:
        """Try until there is a link again; say whether there is."""
        while self.state is ConnectionState.RECONNECTING:
            await self._pause()
            try:
                link = await self._upkeep.open(self._route, self._credentials)
            except (ConnectTimeout, ConnectionFailed) as error:
                self._tries += 1
                self._plan_next_try(str(error))
            except RunferryError as error:
                self._fail(error)
            else:
                self._tries += 1  # until it has proved stable
                self._adopt(link)
        return self.state is ConnectionState.CONNECTED

    async def _pause(self) -> None:
        self._wake.clear()
        left = (self.next_try_at or 0.0) - time.time()
        try:
            async with asyncio.timeout(max(0.0, left)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _plan_next_try(self, reason: str) -> None:
        self.last_error = reason
        self.next_try_at = time.time() + self._upkeep.backoff.pause(self._tries)
        self._change(ConnectionState.RECONNECTING)

    def _adopt(self, link: Link) -> None:
        self._link = link
        self._error = None
        self.last_error = None
        self.next_try_at = None
        self.connected_at = time.time()
        self._connected_since = time.monotonic()
        self._change(ConnectionState.CONNECTED)

    def _fail(self, error: RunferryError) -> None:
        self._error = error
        self.last_error = str(error)
        self.next_try_at = None
        self._change(ConnectionState.FAILED)

    def _change(self, state: ConnectionState) -> None:
        self.state = state
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._upkeep.notify(self)

    def _report_bug(self, task: asyncio.Task[None]) -> None:
        """Nothing but a bug ends the task with an exception; it must not look like a quiet connection."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        logger.error("the upkeep of a connection has crashed", exc_info=error)
        self._fail(RemoteFailed(f"The connection to {self.id} broke by an internal error; connect again."))


async def end(task: asyncio.Task[None], link: Link) -> None:
    task.cancel()
    await asyncio.wait([task])
    await link.close()
