"""Connections as the service keeps them: a link of the pool, the remote on it, the server it leads to, and the memory
of all that across restarts. It never keeps a secret and never retries a login the server has refused.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace

from runferry.blocking import in_thread
from runferry.errors import (
    ConnectionFailed,
    ConnectTimeout,
    NotConnected,
    NotFound,
    RemoteFailed,
    RunferryError,
)
from runferry.remote.agent import Following
from runferry.remote.base import Remote
from runferry.remote.channel import AgentOptions
from runferry.remote.open import open_remote
from runferry.remote.retry import RetryingRemote
from runferry.service.audit import Audit
from runferry.service.audited import AuditedLink, AuditedRemote
from runferry.service.records import ConnectionRecord, Records
from runferry.service.tasks import Tasks, end
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.pool import Connection, Pool
from runferry.ssh.target import Target
from runferry.store.db import Database
from runferry.store.servers import ServerRow, ensure_server

OPEN_TIMEOUT = 30.0
"""Seconds the remote side has, once logged in, to start its helper or SFTP."""

OPENED_AT_ONCE = 8
"""Helpers that start at a time. Fifty at once made each other wait until some were given up for the slower SFTP."""

LINK_TIMEOUT = 10.0
"""Seconds a person waits for a lost link to come back before being told that it is lost."""

BROWSE_TIMEOUT = 60.0

FIRST_DELAY, LAST_DELAY = 1.0, 60.0
"""Seconds between attempts to get back, after a restart, what was open before it."""


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Whom to connect to and with what. ``attempt`` and ``answers`` continue a login that asked questions.

    ``accept_fingerprint`` confirms a new host key where strict_host_keys asks first; no other new one is then taken.
    """

    target: Target
    credentials: Credentials
    attempt: str | None = None
    answers: tuple[Secret, ...] = ()
    accept_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """One open connection: ``remote`` survives broken links, ``server`` is whose host key answered."""

    connection: Connection
    remote: RetryingRemote
    server: ServerRow
    record: ConnectionRecord
    audit: Audit

    @property
    def id(self) -> str:
        return self.connection.id


@dataclass(slots=True)
class Waiting:
    """A connection that was open before the restart and is not yet open again."""

    record: ConnectionRecord
    last_error: str | None = None
    next_try_at: float | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Connections:
    """Opens, finds and ends connections.

    ``on_open`` is awaited with each one that is (again) ready for work, ``while_dialling`` entered with the id of one
    that is being got back after a restart. ``list_followed`` tells what will be followed on one that opens.
    """

    def __init__(
        self,
        pool: Pool,
        db: Database,
        *,
        clock: Callable[[], float],
        on_open: Callable[[Held], Awaitable[None]],
        while_dialling: Callable[[str], AbstractAsyncContextManager[None]],
        list_followed: Callable[[str], Awaitable[tuple[Following, ...]]],
    ) -> None:
        self._pool = pool
        self._db = db
        self._records = Records(db)
        self._clock = clock
        self._on_open = on_open
        self._while_dialling = while_dialling
        self._list_followed = list_followed
        self._held: dict[str, Held] = {}
        self._waiting: dict[str, Waiting] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._audits: defaultdict[str, Audit] = defaultdict(lambda: Audit(clock))
        self._opening = asyncio.Semaphore(OPENED_AT_ONCE)
        self._tasks = Tasks()

    @property
    def held(self) -> Sequence[Held]:
        """Return the open connections, the current one last."""
        current = self._pool.current
        return sorted(self._held.values(), key=lambda held: (held.connection is current, held.record.connected_at))

    @property
    def current_id(self) -> str | None:
        """Return the id of the connection that is meant when none is named; a waiting one where none is open."""
        if self._pool.current is not None:
            return self._pool.current.id
        return next(reversed(self._waiting), None)

    def is_known(self, connection_id: str) -> bool:
        return connection_id in self._held or connection_id in self._waiting

    @property
    def waiting(self) -> Sequence[Waiting]:
        return list(self._waiting.values())

    def find(self, connection_id: str | None) -> Held:
        """Return a connection, or the current one. Raises NotConnected, or NotFound for an unknown id."""
        if connection_id is None:
            current = self._pool.current
            held = self._held.get(current.id) if current is not None else None
            if held is None:
                raise NotConnected
            return held
        if connection_id not in self._held:
            raise NotFound(f"No connection {connection_id}; see GET /api/unified/status for those that are open.")
        return self._held[connection_id]

    async def connect(self, request: ConnectRequest) -> Held:
        """Log in (really, also where a link is open) and make the connection ready for work.

        Raises what ``Pool.connect`` raises, and RemoteFailed where neither agent nor SFTP works; then nothing new
        stays open.
        """
        if request.accept_fingerprint is not None:
            await self._pool.confirm_host_key(request.target, request.accept_fingerprint)
        connection = await self._pool.connect(
            request.target,
            request.credentials,
            attempt=request.attempt,
            answers=[answer.reveal() for answer in request.answers],
        )
        async with self._locks[connection.id]:
            known = self._held.get(connection.id)
            remote = known.remote if known and known.connection is connection else None
            try:
                held = await self._make_held(connection, request, remote)
            except BaseException:
                if remote is None:
                    await self._pool.disconnect(connection.id)
                raise
            if known is not None and known.remote is not held.remote:
                await known.remote.close()
            self._held[held.id] = held
        await self._stop_waiting(held.id)
        await self._on_open(held)
        return held

    async def disconnect(self, connection_id: str) -> bool:
        """Close a connection for good; say whether there was one. It does not come back after a restart."""
        await self._stop_waiting(connection_id)
        await in_thread(self._records.close_connection, connection_id)
        held = self._held.pop(connection_id, None)
        if held is not None:
            await held.remote.close()
            await self._pool.disconnect(connection_id)
        return held is not None

    async def resume(self, *, is_trying: bool = True) -> None:
        """List what was open before the restart; ``is_trying`` gets back, in the background, what needs no secret."""
        for record in await in_thread(self._records.list_open_connections):
            waiting = Waiting(record)
            self._waiting[record.id] = waiting
            if record.is_resumable and is_trying:
                waiting.task = self._tasks.start(self._get_back(waiting), name=f"resume {record.id}")
            elif is_trying:
                waiting.last_error = "It needs your password or key again: connect to it once more."

    async def stop_resuming(self) -> None:
        await self._tasks.close()

    async def close(self) -> None:
        """Close all of them at once, for some servers may not answer; they stay remembered as open."""
        await self.stop_resuming()
        await asyncio.gather(*(held.remote.close() for held in self._held.values()))
        self._held.clear()

    async def _make_held(self, connection: Connection, request: ConnectRequest, remote: RetryingRemote | None) -> Held:
        remote = remote or await self._open_remote(connection)
        record = ConnectionRecord(
            id=connection.id,
            server_id=0,
            host=request.target.host,
            port=request.target.port,
            username=request.target.username,
            private_key_path=request.credentials.private_key_path,
            use_agent=request.credentials.use_agent,
            is_resumable=is_resumable(request),
            connected_at=self._clock(),
        )
        server, record = await in_thread(self._remember, connection, record)
        return Held(connection, remote, server, record, self._audits[connection.id])

    async def _open_remote(self, connection: Connection) -> RetryingRemote:
        audit = self._audits[connection.id]

        async def open_on_link() -> Remote:
            options = AgentOptions(following=await self._list_followed(connection.id))
            link = await connection.link()
            audit.note("login", f"{connection.id}, host key {connection.fingerprint}")
            try:
                async with self._opening, asyncio.timeout(OPEN_TIMEOUT):
                    remote = await open_remote(AuditedLink(link, audit), options=options)
                    return AuditedRemote(remote, audit, is_counting=remote.info.transport != "agent")
            except TimeoutError:
                raise RemoteFailed(
                    f"{connection.id} let us in but answered nothing for {OPEN_TIMEOUT:.0f} s."
                ) from None

        remote = RetryingRemote(open_on_link)
        try:
            await remote.ensure_open()
        except BaseException:
            await remote.close()
            raise
        return remote

    def _remember(self, connection: Connection, record: ConnectionRecord) -> tuple[ServerRow, ConnectionRecord]:
        with self._db.writing() as conn:
            server = ensure_server(conn, connection.fingerprint, host=record.host, port=record.port, now=self._clock())
        record = replace(record, server_id=server.id)
        self._records.save_connection(record)
        return server, record

    async def _get_back(self, waiting: Waiting) -> None:
        record, delay = waiting.record, FIRST_DELAY
        request = ConnectRequest(
            Target(record.host, record.port, record.username),
            Credentials(private_key_path=record.private_key_path, use_agent=record.use_agent),
        )
        dialling = self._while_dialling(record.id)
        while True:
            try:
                async with dialling:
                    await self.connect(request)
            except (ConnectionFailed, ConnectTimeout) as error:
                waiting.last_error = str(error)
            except RunferryError as error:
                waiting.last_error, waiting.next_try_at = str(error), None
                return
            else:
                return
            dialling = nullcontext()  # who does not answer at once may be away for long: nothing is read in vain
            pause = delay * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing
            waiting.next_try_at = self._clock() + pause
            await asyncio.sleep(pause)
            delay = min(LAST_DELAY, delay * 2)

    async def _stop_waiting(self, connection_id: str) -> None:
        waiting = self._waiting.pop(connection_id, None)
        if waiting is not None and waiting.task is not asyncio.current_task():
            await end(waiting.task)


def is_resumable(request: ConnectRequest) -> bool:
    """Say whether the same login can be made again without a secret that is not kept."""
    given = request.credentials
    has_secret = bool(given.password or given.private_key or given.passphrase or request.answers)
    return not has_secret and bool(given.use_agent or given.private_key_path)


@asynccontextmanager
async def browsing(held: Held) -> AsyncIterator[None]:
    """Bound a call that a person waits for; raises ConnectTimeout, saying what is the matter."""
    try:
        async with asyncio.timeout(LINK_TIMEOUT):
            await held.connection.link()
        async with asyncio.timeout(BROWSE_TIMEOUT):
            yield
    except TimeoutError:
        reason = (held.connection.last_error or "it is slow").rstrip(".")
        raise ConnectTimeout(f"{held.id} did not answer in time ({reason}); it is being tried again.") from None
