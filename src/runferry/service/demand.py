"""Files on demand: has a sync fetch what somebody asks for, and keep it up to date while somebody watches.

It moves no bytes itself and decides nothing about the cache; it attends to files, waits, and says what went wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from runferry.errors import (
    AccessDenied,
    Conflict,
    ConnectionFailed,
    ConnectTimeout,
    DiskFull,
    Gone,
    LocalCopyDamaged,
    NotConnected,
    NotFound,
    RemoteFailed,
    RunferryError,
)
from runferry.formats import skip_reason
from runferry.model import Chunk, Entry, Kind, Problem, ProblemCode
from runferry.remote.base import CHUNK, Priority
from runferry.service.active import ActiveSync
from runferry.service.syncs import Syncs
from runferry.store.files import check_path
from runferry.store.sync_state import FileRecord, Held
from runferry.sync.attendant import Attendant
from runferry.sync.attention import Attention, Attentions

T = TypeVar("T")

LEASE_SECONDS = 60.0
LOST_SECONDS = 10.0
"""How long somebody waits for a lost link to come back before being told that it is lost."""

STALL_SECONDS = 120.0
"""How long nothing at all may happen to a file that somebody waits for."""

READ_TIMEOUT = 60.0
FRESH_SECONDS = 1.0
_LOOK = 0.25
_TELL = 0.02

_SENTENCES = {
    ProblemCode.DENIED: (AccessDenied, "The server does not let this account read {path}."),
    ProblemCode.IO: (RemoteFailed, "The server cannot read {path}: {message}"),
    ProblemCode.LOCAL: (LocalCopyDamaged, "{path} {message}"),
    ProblemCode.LINK: (Conflict, "{path} is a symbolic link on the server: links are shown, never followed."),
    ProblemCode.DANGLING: (Conflict, "{path} is a symbolic link on the server: links are shown, never followed."),
    ProblemCode.SPECIAL: (Conflict, "{path} is no regular file on the server: it is never read."),
    ProblemCode.NAME: (Conflict, "{path} has a name that cannot be held here."),
    ProblemCode.SKIPPED: (Conflict, "{path} is never copied: {message}."),
    ProblemCode.EXCLUDED: (Conflict, "{path} is left out of this sync: {message}."),
    ProblemCode.TOO_LARGE: (Conflict, "{path} is left out of this sync: {message}."),
}


class Demand:
    """Attends to files of any sync. Use it from the event loop's thread."""

    def __init__(self, syncs: Syncs, attentions: Attentions) -> None:
        self._syncs = syncs
        self._attentions = attentions

    @contextmanager
    def follow(self, sync_id: int, paths: Sequence[str]) -> Iterator[None]:
        """While inside, keep these files (relative to the sync's root) here and up to date within about a second.

        It goes on by itself where a link or a sync comes back; it never says what goes wrong.
        """
        wanted = find_sound(paths)
        attention = self._attentions.of(sync_id)
        attention.hold(wanted)
        try:
            yield
        finally:
            attention.release(wanted)

    def touch(self, sync_id: int, paths: Sequence[str], *, seconds: float = LEASE_SECONDS) -> None:
        """Do as ``follow`` does for so many seconds from now."""
        self._attentions.of(sync_id).lease(find_sound(paths), seconds)

    def can_reach(self, sync_id: int) -> bool:
        """Say whether files of this sync can be fetched at this moment."""
        sync = self._syncs.find(sync_id)
        return sync is not None and sync.held.connection.is_connected and sync.is_alive

    async def fetch(self, sync_id: int, path: str) -> None:
        """Return when the file as it is on the server now is wholly here, and the index has taken it in.

        Raises NotConnected, NotFound (no such file), Gone (it was there), AccessDenied, Conflict (a file that is
        never copied), DiskFull, RemoteFailed, LocalCopyDamaged, ConnectTimeout (nothing moves).
        """
        check_path(path)
        attention = self._attentions.of(sync_id)
        attention.hold([path])
        try:
            await _Wait(self, attention, sync_id, path).until_here()
        finally:
            attention.release([path])

    async def look(self, sync_id: int, path: str) -> Entry:
        """Return how the file is on the server now. Raises as ``fetch`` does."""
        check_path(path)
        sync, attendant = self.need(sync_id, path)
        check_parents(attendant, path)
        answer = (await self._ask(sync, path, lambda: sync.held.remote.stat(sync.record.remote_root, [path])))[0]
        if isinstance(answer, Problem):
            raise make_error(answer, path, is_known=attendant.was_there(path))
        return answer

    async def read(self, sync_id: int, path: str, *, offset: int, length: int, check: bool = False) -> Chunk:
        """Read a piece (<= remote.base.CHUNK) from the server, keeping nothing. Raises as ``fetch`` does."""
        check_path(path)
        sync, attendant = self.need(sync_id, path)
        check_parents(attendant, path)
        remote, root = sync.held.remote, sync.record.remote_root
        size = min(length, CHUNK)
        answer = await self._ask(
            sync, path, lambda: remote.read(root, path, offset=offset, length=size, priority=Priority.TAIL, check=check)
        )
        if isinstance(answer, Problem):
            raise make_error(answer, path, is_known=attendant.was_there(path))
        return answer

    def problem_finder(self, sync_id: int) -> Callable[[str], Problem | None]:
        """Return a function that tells what is in the way of a file, as far as is known; by its name without a sync."""
        sync = self._syncs.find(sync_id)
        attendant = sync.attendant if sync is not None else None
        return attendant.trouble if attendant is not None else judge_name

    def damage_finder(self, sync_id: int) -> Callable[[str], Problem | None]:
        """Return a function that tells why a file that is here is not understood, or not all of it."""
        sync = self._syncs.find(sync_id)
        return sync.find_damage if sync is not None else lambda path: None

    def record(self, sync_id: int, path: str) -> FileRecord | None:
        """Return what a sync at work knows of a file at this moment."""
        sync = self._syncs.find(sync_id)
        attendant = sync.attendant if sync is not None else None
        return attendant.record(path) if attendant is not None else None

    def rest(self, sync_id: int, path: str) -> tuple[int, bool] | None:
        """Return what stays the same while the local file is not replaced (see ``Attendant.rest``)."""
        sync = self._syncs.find(sync_id)
        attendant = sync.attendant if sync is not None else None
        return attendant.rest(path) if attendant is not None else (-1, False)

    def need(self, sync_id: int, path: str) -> tuple[ActiveSync, Attendant]:
        """Return the sync at work, which can reach its server now. Raises NotConnected."""
        sync = self._syncs.find(sync_id)
        if sync is None:
            raise NotConnected(f"The server of {path} is not connected: connect to it to fetch this file.")
        attendant = sync.attendant
        if attendant is None or not sync.held.connection.is_connected:
            raise NotConnected(f"{sync.held.id} is not connected: connect to it to fetch this file.")
        return sync, attendant

    async def _ask(self, sync: ActiveSync, path: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                return await call()
        except TimeoutError:
            raise ConnectTimeout(f"{sync.held.id} did not answer in time about {path}.") from None
        except ConnectionFailed as error:
            raise NotConnected(
                f"{sync.held.id} is not connected ({error}): connect to it to fetch this file."
            ) from error


class _Wait:
    """One waiting for one file."""

    def __init__(self, demand: Demand, attention: Attention, sync_id: int, path: str) -> None:
        self._demand = demand
        self._attention = attention
        self._sync_id = sync_id
        self._path = path
        self._began = time.time()
        self._began_looking = time.monotonic() - FRESH_SECONDS
        self._failures = attention.failures
        self._has_reached = False
        self._lost_at: float | None = None
        self._asked_size: int | None = None
        self._moved: tuple[object, float] = (None, time.monotonic())

    async def until_here(self) -> None:
        while True:
            attendant = self._find_attendant()
            if attendant is not None:
                entry = attendant.entry(self._path)
                held = attendant.held(self._path)
                self._check_kind(entry)
                self._check_refusal()
                if self._is_fresh() and entry and held and self._is_whole(attendant, entry, held):
                    await self._until_told(attendant)
                    return
                self._check_trouble(attendant, entry)
                self._check_moving(entry, held)
            await self._attention.wait_for_news(_LOOK)

    def _find_attendant(self) -> Attendant | None:
        """Return who looks after the file, None while a lost link may still come back. Raises NotConnected."""
        try:
            found = self._demand.need(self._sync_id, self._path)[1]
        except NotConnected:
            now = time.monotonic()
            self._lost_at = self._lost_at or now
            if not self._has_reached or now - self._lost_at >= LOST_SECONDS:
                raise
            return None
        self._has_reached, self._lost_at = True, None
        return found

    def _is_fresh(self) -> bool:
        looked_at = self._attention.looked_at.get(self._path)
        return looked_at is not None and looked_at >= self._began_looking

    def _is_whole(self, attendant: Attendant, entry: Entry, held: Held) -> bool:
        """Say whether what is held is the version that was there when it was asked for, or a later one."""
        if held.version == entry.version:
            return True
        if self._asked_size is None:
            self._asked_size = entry.size
        is_newer = held.landed_at >= self._began and held.version.size >= min(self._asked_size, entry.size)
        is_agreed = held.version.size == entry.size and not attendant.is_busy(self._path)
        return is_newer or is_agreed

    async def _until_told(self, attendant: Attendant) -> None:
        ticket = attendant.ticket(self._path)
        while attendant.told < ticket:
            if self._find_attendant() is not attendant:
                return
            await asyncio.sleep(_TELL)

    def _check_kind(self, entry: Entry | None) -> None:
        if entry is not None and entry.kind is Kind.DIR:
            raise Conflict(f"{self._path} is a directory.")
        if entry is not None and entry.kind is Kind.LINK:
            raise make_error(Problem(self._path, ProblemCode.LINK, ""), self._path, is_known=True)

    def _check_refusal(self) -> None:
        attention = self._attention
        if refusal := attention.refusals.get(self._path):
            raise refusal
        if attention.failures != self._failures and isinstance(attention.failure, DiskFull):
            raise attention.failure

    def _check_trouble(self, attendant: Attendant, entry: Entry | None) -> None:
        trouble = attendant.trouble(self._path)
        if trouble is not None and trouble.code is not ProblemCode.CHANGING and self._is_fresh():
            raise make_error(trouble, self._path, is_known=attendant.was_there(self._path))
        if entry is not None and self._asked_size is None:
            self._asked_size = entry.size

    def _check_moving(self, entry: Entry | None, held: Held | None) -> None:
        arrival = self._attention.arrivals.get(self._path)
        state = (entry, held, arrival and arrival.length)
        if state != self._moved[0]:
            self._moved = (state, time.monotonic())
        elif time.monotonic() - self._moved[1] >= STALL_SECONDS:
            raise ConnectTimeout(f"Nothing of {self._path} came for {STALL_SECONDS:.0f} s; try again.")


def find_sound(paths: Sequence[str]) -> list[str]:
    """Return the paths a remote can be asked for."""

    def is_sound(path: str) -> bool:
        try:
            return bool(check_path(path))
        except RunferryError:
            return False

    return [path for path in paths if is_sound(path)]


def check_parents(attendant: Attendant, path: str) -> None:
    """Refuse to ask a server for what may lie behind a symbolic link. Raises NotFound."""
    parent = path.rpartition("/")[0]
    entry = attendant.entry(parent) if parent else None
    if parent and (entry is None or entry.kind is not Kind.DIR):
        raise NotFound(f"There is no file {path}.")


def make_error(problem: Problem, path: str, *, is_known: bool) -> RunferryError:
    """Turn what is wrong with one file into what its caller is told."""
    if problem.code is ProblemCode.VANISHED:
        return Gone(f"{path} is no longer on the server.") if is_known else NotFound(f"There is no file {path}.")
    kind, sentence = _SENTENCES.get(problem.code, (RemoteFailed, "{path}: {message}"))
    return kind(sentence.replace("{path}", path).replace("{message}", problem.message))


def judge_name(path: str) -> Problem | None:
    """Return why a file of this name is never copied, if it is not."""
    reason = skip_reason(path)
    return None if reason is None else Problem(path, ProblemCode.SKIPPED, reason)
