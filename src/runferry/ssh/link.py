"""A link: one working SSH connection to a target, through its hops. It opens channels and never reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import asyncssh

from runferry.ssh.login import Login
from runferry.ssh.proxycommand import ProxyProcess
from runferry.ssh.sshconfig import Hop, Route
from runferry.ssh.translate import describe_loss, translate_link_error

CHANNEL_TIMEOUT = 20.0
CLOSE_TIMEOUT = 2.0
WINDOW = 16 * 1024 * 1024
"""Bytes a server may have under way on a channel; what it sends per round trip at most."""

LARGEST_PACKET = 128 * 1024
"""Bytes in one packet: four times asyncssh's default, whose work is per packet (measured: a third faster)."""

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before a refused session is asked for again: where MaxSessions is tight, a server counts one that has ended
until it has cleaned up after it, and says nothing when it has.
"""

_ALL_TAKEN = frozenset({asyncssh.OPEN_CONNECT_FAILED, asyncssh.OPEN_RESOURCE_SHORTAGE})

S = TypeVar("S", bound=asyncssh.SSHClientSession[bytes])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Passed:
    """A hop that let us in."""

    hop: Hop
    login: Login
    connection: asyncssh.SSHClientConnection
    proxy: ProxyProcess | None


class Link:
    """One working connection to a target. Whoever holds it closes it, also after it has broken by itself."""

    def __init__(self, route: Route, passed: Sequence[Passed]) -> None:
        self.route = route
        self._passed = tuple(passed)

    @property
    def _end(self) -> Passed:
        return self._passed[-1]

    @property
    def hostname(self) -> str:
        """Where the target is, after ``~/.ssh/config``."""
        return self._end.hop.host

    @property
    def port(self) -> int:
        return self._end.hop.port

    @property
    def username(self) -> str:
        return self._end.hop.username

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` of the target's host key."""
        key = self._end.connection.get_server_host_key()
        return key.get_fingerprint() if key is not None else ""

    @property
    def host_key_state(self) -> str:
        """``known``, or ``added`` where this login was the first to see the target's key."""
        return "added" if self._end.login.is_new_key else "known"

    @property
    def was_interactive(self) -> bool:
        """A person answered questions on the way: nobody else can log in again."""
        return any(passed.login.was_interactive for passed in self._passed)

    @property
    def is_by_given(self) -> bool:
        """The target let us in for what the user gave, not for a key found on this machine."""
        return self._end.login.is_by_given

    @property
    def is_open(self) -> bool:
        return not self._end.login.lost.is_set()

    @property
    def loss_reason(self) -> str:
        """Why the link ended, in a few words; empty while it is open."""
        return "" if self.is_open else describe_loss(self._end.login.loss)

    async def open_channel(
        self, command: str, session_factory: Callable[[], S], *, window: int = WINDOW
    ) -> tuple[asyncssh.SSHClientChannel[bytes], S]:
        """Run ``command`` with a session for its bytes: no terminal, no environment, nothing forwarded.

        Raises ConnectionLost where the link is broken, RemoteFailed where the server refuses.
        """
        create = functools.partial(
            self._end.connection.create_session,
            session_factory,
            command,
            env=None,
            send_env=None,
            request_pty=False,
            x11_forwarding=False,
            encoding=None,
            window=window,
            max_pktsize=LARGEST_PACKET,
        )
        async with self._translated():
            channel, session = await ask_until_free(create)
        return channel, session  # type: ignore[return-value]  # the factory's own type, as asyncssh promises

    async def start_sftp(self) -> asyncssh.SFTPClient:
        """Start an SFTP session; the caller ends it. Raises as ``open_channel`` does."""
        async with self._translated():
            start = functools.partial(self._end.connection.start_sftp_client, env=None, send_env=None)
            return await ask_until_free(start)

    async def wait_closed(self) -> None:
        """Wait until the link has ended, for whatever reason."""
        await self._end.login.lost.wait()

    async def close(self) -> None:
        """End the link and everything under it. Idempotent."""
        await close_hops(self._passed)

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(CHANNEL_TIMEOUT):
                yield
        except (asyncssh.Error, OSError, ValueError) as error:
            raise translate_link_error(error, self.route.id, is_open=self.is_open) from error


async def ask_until_free(open_session: Callable[[], Awaitable[T]]) -> T:
    """Open a session, asking again for a moment where the server says that it has none to give."""
    for pause in PAUSES:
        try:
            return await open_session()
        except asyncssh.ChannelOpenError as error:
            if error.code not in _ALL_TAKEN:
                raise
        await asyncio.sleep(pause)
    return await open_session()


async def close_hops(passed: Sequence[Passed]) -> None:
    """Close connections, the innermost first; one that does not say goodbye in time is cut."""
    for hop in reversed(passed):
        hop.connection.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await hop.connection.wait_closed()
        except TimeoutError:
            hop.connection.abort()
        await close_proxy(hop.proxy)


async def close_proxy(proxy: ProxyProcess | None) -> None:
    if proxy is not None:
        await proxy.close()
