"""All connections of this program, by ``user@host:port``, and the way to make one. Secrets stay in memory here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import AuthenticationFailed, InvalidCredentials, NotConnected
from runferry.ssh.connection import open_link
from runferry.ssh.credentials import Credentials
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.link import Link
from runferry.ssh.login import Ask
from runferry.ssh.questions import PATIENCE, Questions
from runferry.ssh.reconnection import Backoff, Connection, ConnectionState, Upkeep
from runferry.ssh.sshconfig import Route, resolve_route
from runferry.ssh.target import Target

__all__ = ["Backoff", "Connection", "ConnectionState", "Pool"]

Subscriber = Callable[[Connection], None]
"""Told of every change of a connection's state; it returns at once and never raises."""


class Pool:
    """Any number of connections; ``connect_timeout`` (seconds) bounds every login, a person's answers aside."""

    def __init__(
        self,
        host_keys: HostKeys,
        *,
        ssh_config: Path | None = None,
        connect_timeout: float = 15.0,
        backoff: Backoff | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._host_keys = host_keys
        self._ssh_config = ssh_config
        self._timeout = connect_timeout
        self._upkeep = Upkeep(self._log_in_alone, self._notify, backoff or Backoff())
        self._questions: Questions[Link] = Questions(patience=patience)
        self._connections: dict[str, Connection] = {}  # the current one last
        self._subscribers: list[Subscriber] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def connections(self) -> Sequence[Connection]:
        """Return all connections, also broken ones, the current one last."""
        return list(self._connections.values())

    @property
    def current(self) -> Connection | None:
        """Return the connection the user connected last, of those that are not disconnected."""
        return next(reversed(self._connections.values()), None)

    def get(self, connection_id: str) -> Connection | None:
        return self._connections.get(connection_id)

    async def connect(
        self,
        target: Target,
        credentials: Credentials,
        *,
        attempt: str | None = None,
        answers: Sequence[str] = (),
    ) -> Connection:
        """Log in and return the connection, which becomes the current one.

        Where it is connected already, a real login with what was given is made all the same, and the open
        link goes on with the new credentials in reserve. ``attempt`` and ``answers`` continue a login that
        has raised AnswersNeeded. Raises what ``open_link`` raises, InvalidRequest and InvalidCredentials;
        then nothing new is left open and what was connected stays so.
        """
        if self._is_closed:
            raise NotConnected("The program is shutting down.")
        if credentials.is_empty:
            raise InvalidCredentials("Give a password, a private_key or a private_key_path, or use_agent.")
        route = await in_thread(resolve_route, target, self._ssh_config)

        async def log_in(ask: Ask) -> Link:
            return await self._log_in(route, credentials, ask=ask)

        if attempt is None:
            link = await self._questions.begin(route.id, log_in)
        else:
            link = await self._questions.resume(attempt, route.id, answers)
        return await self._admit(route, credentials, link)

    async def disconnect(self, connection_id: str) -> bool:
        """Close a connection and forget it with its secrets; say whether there was one."""
        connection = self._connections.pop(connection_id, None)
        if connection is not None:
            await connection.close()
        return connection is not None

    async def close(self) -> None:
        """Close everything. Idempotent."""
        self._is_closed = True
        connections = [*self._connections.values()]
        self._connections.clear()
        closing = [connection.close() for connection in connections]
        await asyncio.gather(self._questions.close(), *closing, *self._endings)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Have ``callback`` told of changes; call what is returned to end that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            with suppress(ValueError):
                self._subscribers.remove(callback)

        return unsubscribe

    async def forget_host_key(self, target: Target) -> bool:
        """Remove what was learned of the target's host key, so that the next connect takes a new one."""
        end = (await in_thread(resolve_route, target, self._ssh_config)).end
        return await in_thread(self._host_keys.forget, end.host_key_name, end.port)

    async def confirm_host_key(self, target: Target, fingerprint: str) -> None:
        """Accept the new key with this fingerprint, and no other, at the next connect; on any hop of the way."""
        for hop in (await in_thread(resolve_route, target, self._ssh_config)).hops:
            self._host_keys.confirm(hop.host_key_name, hop.port, fingerprint)

    async def _log_in(self, route: Route, credentials: Credentials, *, ask: Ask | None) -> Link:
        return await open_link(route, credentials, self._host_keys, timeout=self._timeout, ask=ask)

    async def _log_in_alone(self, route: Route, credentials: Credentials) -> Link:
        return await self._log_in(route, credentials, ask=None)

    async def _admit(self, route: Route, credentials: Credentials, link: Link) -> Connection:
        """Put a fresh link to use, or end it. There is no await before it has an owner."""
        if self._is_closed:
            await self._end(link)
            raise NotConnected("The program is shutting down.")
        known = self._connections.get(route.id)
        if known is not None and credentials.has_any and not link.is_by_given:
            await self._end(link)
            raise AuthenticationFailed(f"Authentication failed: {route.id} rejected what was given.")
        connection = self._connections.pop(route.id, None) or Connection(route, upkeep=self._upkeep)
        self._connections[route.id] = connection
        if connection.is_connected and connection.fingerprint == link.fingerprint:
            connection.confirm(credentials, link)
            await self._end(link)
        else:
            connection.take(route, credentials, link)
        return connection

    async def _end(self, link: Link) -> None:
        """Close a link that is not needed, even if the caller does not wait."""
        ending = asyncio.create_task(link.close())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        await asyncio.shield(ending)

    def _notify(self, connection: Connection) -> None:
        for subscriber in tuple(self._subscribers):
            subscriber(connection)
