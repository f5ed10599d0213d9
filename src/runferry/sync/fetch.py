"""Bringing one file's bytes home: whole small files, growing files by their tail, big files by ranges.

A ``Fetcher`` reads from a ``Remote`` and lands in a ``LocalTree``; it decides nothing about other files and keeps no
records. What it promises of each landed file is DESIGN 4: appended bytes follow a prefix that was compared, and
everything else is one version, read between equal fstats and swapped in whole.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from runferry.agent.wire import PIECE
from runferry.blocking import cancel_later, finish, in_thread, let_come_in
from runferry.errors import DiskFull
from runferry.model import Chunk, Content, Entry, Problem, ProblemCode
from runferry.remote.base import CHUNK, SMALL_FILE, Priority, Remote
from runferry.store.files import FilledUp, Landing, LocalTree, StagedFile, content_hash
from runferry.store.sync_state import Held, Partial, SyncState
from runferry.sync.arrivals import Arrivals
from runferry.sync.attention import Arrival, Attention
from runferry.sync.plan import RACY_NS, is_racy, may_grow
from runferry.sync.ranges import Ranges
from runferry.sync.settle import looks_torn
from runferry.sync.window import Window

MOST_PENDING = 4 * 1024 * 1024
"""Bytes of a growing file held in memory before they are written."""

MOST_PER_VISIT = 16 * 1024 * 1024
"""Bytes appended before a growing file gives way to others and its progress is committed."""


class Landed(NamedTuple):
    """The local copy of ``path`` is now ``held``. ``copied`` and ``appended`` count the bytes written."""

    path: str
    held: Held
    is_changed: bool
    copied: int = 0
    appended: int = 0
    clock_ns: int = 0


class Again(NamedTuple):
    """Not now: look at ``path`` again in ``after`` seconds. ``is_rewritten``: what is held is of another generation."""

    path: str
    after: float
    is_rewritten: bool = False


Outcome = Landed | Again | Problem


class Fetcher:
    """Fetches for one sync over one link. ``remote_now_ns`` estimates the remote clock (0: unknown)."""

    def __init__(
        self,
        remote: Remote,
        root: str,
        tree: LocalTree,
        state: SyncState,
        *,
        remote_now_ns: Callable[[], int],
        on_bytes: Callable[[int], None],
    ) -> None:
        self._remote = remote
        self._root = root
        self._tree = tree
        self._state = state
        self._remote_now_ns = remote_now_ns
        self._on_bytes = on_bytes
        self._window = Window(time.monotonic)
        self._landing = asyncio.Lock()  # several threads at once would only fight for the interpreter
        self._doubted: dict[str, float] = {}
        self._proven: dict[str, int] = {}  # the inodes of which all that is held was compared
        self.attention = Attention()
        self.is_wanted: Callable[[str], bool] = lambda path: True
        self.partials: dict[str, Partial] = {}

    def note_round_trip(self, seconds: float) -> None:
        """Take in how long an answer takes while little else is going on."""
        self._window.note_round_trip(seconds)

    # Small files

    async def small(
        self, jobs: Mapping[str, Held | None], *, size: int, priority: Priority
    ) -> AsyncGenerator[list[Outcome], None]:
        """Read whole files and land those that differ from what is held; yields outcomes as they come."""
        answers = self._remote.read_many(self._root, list(jobs), priority=priority)
        async with Arrivals(answers, self._window, size=size) as arrivals:
            try:
                while await arrivals.wait():
                    outcomes, full = await finish(self._land_batch(arrivals.take(), jobs))
                    yield outcomes
                    if full is not None:
                        raise full
            except asyncio.CancelledError:  # as a broken link does: what has come need not come again
                await let_come_in()
                cancel_later()
                yield (await finish(self._land_batch(arrivals.take(), jobs)))[0]
                raise

    async def _land_batch(
        self, batch: Sequence[Content | Problem], jobs: Mapping[str, Held | None]
    ) -> tuple[list[Outcome], DiskFull | None]:
        """Return what became of the files, and what a full disk said; those that it left out are not among them."""
        outcomes: list[Outcome] = []
        landings: list[Landing] = []
        self._on_bytes(sum(len(item.data) for item in batch if isinstance(item, Content)))
        for item in batch:
            if isinstance(item, Problem):
                outcomes.append(Again(item.path, 0.05) if item.code is ProblemCode.CHANGING else item)
                continue
            outcome = self._judge(item, jobs.get(item.path))
            outcomes.append(outcome)
            if isinstance(outcome, Landed) and outcome.is_changed:
                data = item.data[: outcome.held.version.size]
                landings.append(Landing(item.path, data, item.version.mtime_ns))
        full: DiskFull | None = None
        problems: Sequence[Problem] = ()
        async with self._landing:
            try:
                problems = await in_thread(self._tree.land_many, landings) if landings else ()
            except FilledUp as error:  # what has landed lies over what was there: it must not go unrecorded
                full, problems = error, error.problems
                left_out = {landing.path for landing in landings[error.count :]}
                outcomes = [outcome for outcome in outcomes if outcome.path not in left_out]
        failed = {problem.path: problem for problem in problems}
        return [failed.get(outcome.path, outcome) for outcome in outcomes] if failed else outcomes, full

    def _judge(self, item: Content, held: Held | None) -> Outcome:
        now = time.monotonic()
        waited = now - self._doubted.get(item.path, now)
        if not item.stable and waited > 0.3 and may_grow(item.path):
            # It never stands still: begin with the empty prefix, which is always true, and grow from there.
            item = item._replace(data=b"", version=item.version._replace(size=0))
        elif not item.stable or looks_torn(item, waited=waited):
            return self._doubt(item, now, waited)
        path, data, version, _, clock_ns = item
        self._doubted.pop(path, None)
        found, racy = content_hash(data), is_racy(version, clock_ns)
        if held is None:
            return Landed(path, Held(version, found, 0, racy, time.time()), True, len(data), 0, clock_ns)
        if held.version.size == len(data) and held.content_hash == found:
            return Landed(path, Held(version, found, held.generation, racy, held.landed_at), False, clock_ns=clock_ns)
        new = Held(version, found, held.generation + 1, racy, time.time())
        return Landed(path, new, True, copied=len(data), clock_ns=clock_ns)

    def _doubt(self, item: Content, now: float, waited: float) -> Outcome:
        self._doubted.setdefault(item.path, now)
        if waited > 10.0 and not item.stable:
            return Problem(item.path, ProblemCode.CHANGING, "keeps changing while it is read; trying again")
        return Again(item.path, 0.01 if waited < 0.2 else 0.06)

    # Growing files

    async def grow(self, path: str, held: Held) -> Outcome:
        """Append what is new behind a prefix that is still the same, or say that the file was rewritten."""
        is_same = await self._is_same_prefix(path, held)
        if isinstance(is_same, Problem):
            return is_same
        if not is_same:
            return Again(path, 0.0, is_rewritten=True)
        start = offset = held.version.size
        pending = b""
        last: Landed | None = None
        for _ in range(64):
            at = offset + len(pending)
            try:
                chunk = await self._read_on(path, at, pending)
            except asyncio.CancelledError:
                if last is None:
                    raise
                cancel_later()
                return last  # what was appended need not come again
            if isinstance(chunk, Problem):
                return last or chunk
            if chunk is None:
                return last or Again(path, 0.0, is_rewritten=True)
            if not self._is_proven(path, at, chunk):
                return last or Again(path, 0.0)
            is_dry = not chunk.data  # less is given than is listed
            if pending and not chunk.stable and len(pending) >= MOST_PENDING:
                chunk = replace(chunk, data=b"", stable=True)
            pending += chunk.data
            if not chunk.stable:
                continue
            end = offset + len(pending)
            if pending:
                mtime = chunk.version.mtime_ns
                await finish(in_thread(self._tree.append, path, pending, offset=offset, mtime_ns=mtime))
                self._on_bytes(len(pending))
            last = self._grown(path, held, chunk, end, start)
            offset, pending = end, b""
            if end >= chunk.version.size or end - start >= MOST_PER_VISIT or is_dry:
                return last
        return last or Again(path, 0.1)

    async def _is_same_prefix(self, path: str, held: Held) -> bool | Problem:
        """Compare the whole prefix once per link and inode; up to SMALL_FILE every read compares it anyway."""
        size = held.version.size
        if size <= SMALL_FILE or self._proven.get(path) == held.version.inode:
            return True
        found = await self._remote.digest(self._root, path, length=size)
        if isinstance(found, Problem):
            return found
        if found.length != size or found.digest != await in_thread(self._tree.prefix_digest, path, size):
            return False
        self._proven[path] = found.version.inode
        return True

    def _is_proven(self, path: str, at: int, chunk: Chunk) -> bool:
        """Say whether all before ``at`` was compared with the very file the chunk is of, not with an older one."""
        inode = chunk.version.inode
        if at <= SMALL_FILE:
            self._proven[path] = inode
        elif self._proven.get(path) != inode:
            self._proven.pop(path, None)
            return False
        return True

    async def _read_on(self, path: str, at: int, pending: bytes) -> Chunk | Problem | None:
        """Read at ``at`` and compare what lies before it; None when that differs from ours."""
        chunk = await self._remote.read(self._root, path, offset=at, length=CHUNK, priority=Priority.TAIL, check=at > 0)
        if isinstance(chunk, Problem) or at == 0:
            return chunk
        ours = await in_thread(self._tree.window_digests, path, at, pending)
        return chunk if chunk.version.size >= at and (chunk.head, chunk.tail) == ours else None

    def _grown(self, path: str, held: Held, chunk: Chunk, end: int, start: int) -> Landed:
        new = Held(
            chunk.version._replace(size=end),
            held.content_hash if end == held.version.size else b"",
            held.generation,
            is_racy(chunk.version, chunk.clock_ns),
            time.time() if end > held.version.size else held.landed_at,
        )
        appended = end - start
        return Landed(path, new, appended > 0, appended=appended, clock_ns=chunk.clock_ns)

    async def link(self, entry: Entry, home: str, held: Held, *, is_home: Callable[[], bool]) -> Outcome | None:
        """Take the bytes from ``home``, which holds exactly this version: a hard link's twin, or an old name.

        ``is_home``, asked from a thread once they are taken, says whether it held that version all the while; None
        where it did not, and nothing landed.
        """
        is_shared = entry.links > 1 and not may_grow(entry.path) and not may_grow(home)  # these are written in place
        if not await in_thread(self._tree.link, home, entry.path, is_copy=not is_shared, is_meant=is_home):
            return None
        return Landed(entry.path, held._replace(landed_at=time.time()), True)

    # Big files

    async def verify(self, entry: Entry, held: Held) -> Outcome:
        """Compare digests; fetch the file again only where they differ."""
        size = held.version.size
        found = await self._remote.digest(self._root, entry.path, length=size)
        if isinstance(found, Problem):
            return found
        ours = await in_thread(self._tree.prefix_digest, entry.path, size)
        if found.version.size == found.length == size and found.digest == ours:
            racy = is_racy(found.version, self._remote_now_ns())
            return Landed(entry.path, held._replace(version=found.version, is_racy=racy), False)
        return await self.big(entry, held)

    async def big(self, entry: Entry, held: Held | None) -> Outcome:
        """Fetch by ranges into staging, continuing what an earlier link began, then swap it in."""
        growing = may_grow(entry.path) and entry.links == 1
        age_ns = self._remote_now_ns() - entry.version.mtime_ns
        if not growing and 0 <= age_ns < RACY_NS:
            return Again(entry.path, (RACY_NS - age_ns) / 1e9)
        staged, name = await self._open_staged(entry, growing)
        self.attention.begin(entry.path, Arrival(name, entry.version, staged.length))
        try:
            last = await self._fill(entry, staged, growing)
            if not isinstance(last, Chunk):
                return last
            is_grown = last.version != entry.version
            if is_grown and not await self._is_same_as_staged(entry, staged):
                self.attention.spoil(entry.path)
                await in_thread(staged.reset)
                return Again(entry.path, 0.5)
            return await finish(self._land(entry, held, staged, last, name=name))
        finally:
            self.attention.spoil(entry.path)
            staged.close()

    async def _land(self, entry: Entry, held: Held | None, staged: StagedFile, last: Chunk, *, name: str) -> Landed:
        """Swap a staged file in."""
        version = last.version._replace(size=entry.size)
        await in_thread(self._tree.land_staged, name, entry.path, mtime_ns=version.mtime_ns)
        self.attention.land(entry.path)
        await self._forget_partial(entry.path)
        generation = held.generation + 1 if held else 0
        racy = is_racy(last.version, last.clock_ns)
        new = Held(version, staged.content_hash, generation, racy, time.time())
        return Landed(entry.path, new, True, copied=entry.size, clock_ns=last.clock_ns)

    async def _open_staged(self, entry: Entry, growing: bool) -> tuple[StagedFile, str]:
        partial = self.partials.get(entry.path)
        name = partial.staged if partial else f"b-{secrets.token_hex(8)}"
        staged = await in_thread(self._tree.stage, name)
        if partial is not None and partial.version != entry.version:
            may_continue = growing and partial.version.inode == entry.version.inode
            if not may_continue or not await self._is_same_as_staged(entry, staged):
                await in_thread(staged.reset)
        if staged.length > entry.size:
            await in_thread(staged.reset)
        partial = Partial(entry.path, name, entry.version)
        self.partials[entry.path] = partial
        await in_thread(self._state.save_partial, partial)
        return staged, name

    async def _fill(self, entry: Entry, staged: StagedFile, growing: bool) -> Chunk | Outcome:
        """Read up to ``entry.size``; returns the last chunk, or why it cannot be this version."""
        last: Chunk | Outcome | None = None

        async def read(offset: int, length: int) -> Chunk | Problem:
            where = (self._root, entry.path)
            return await self._remote.read(*where, offset=offset, length=length, priority=Priority.BULK)

        # A link that breaks costs the ranges that have not come whole. SFTP opens the file anew for each.
        most = PIECE if self._remote.info.transport == "agent" else CHUNK
        async with Ranges(read, self._window, start=staged.length, end=entry.size, most=most) as ranges:
            try:
                while await ranges.wait():
                    last = await self._stage(entry, staged, ranges, growing=growing)
                    if not isinstance(last, Chunk):
                        return last
            except asyncio.CancelledError:  # as a broken link does: what has come need not come again
                await let_come_in()
                await self._stage(entry, staged, ranges, growing=growing)
                raise
        if last is None:
            found = await read(max(0, entry.size - 1), 1)
            if isinstance(found, Problem):
                return found
            return found if _continues(found, entry, growing) else Again(entry.path, 0.5)
        return last

    async def _stage(self, entry: Entry, staged: StagedFile, ranges: Ranges, *, growing: bool) -> Chunk | Outcome:
        """Write down what has come; returns its last chunk, or why it cannot be this version."""
        last: Chunk | Outcome = Again(entry.path, 0.5)
        pieces: list[bytes] = []
        end = staged.length
        for offset, chunk in ranges.take():
            if isinstance(chunk, Problem):
                last = chunk
                break
            is_lost = offset != end  # what comes before it could not be written
            if not chunk.data or is_lost or not _continues(chunk, entry, growing) or not self.is_wanted(entry.path):
                last = Again(entry.path, 0.5)
                break
            pieces.append(chunk.data)
            end += len(chunk.data)
            last = chunk
        await in_thread(staged.add, pieces)
        self.attention.grow(entry.path, end)
        self._on_bytes(sum(map(len, pieces)))
        return last

    async def _is_same_as_staged(self, entry: Entry, staged: StagedFile) -> bool:
        found = await self._remote.digest(self._root, entry.path, length=staged.length)
        if isinstance(found, Problem) or found.length != staged.length:
            return False
        return found.digest == await in_thread(staged.prefix_digest, staged.length)

    async def _forget_partial(self, path: str) -> None:
        if self.partials.pop(path, None):
            await in_thread(self._state.drop_partials, [path])


def _continues(chunk: Chunk, entry: Entry, growing: bool) -> bool:
    """Say whether the chunk still belongs to the listed version (or, of a growing file, to what continues it)."""
    if growing:
        return chunk.version.inode == entry.version.inode and chunk.version.size >= entry.size
    return chunk.stable and chunk.version == entry.version
