"""The loop that keeps one local copy in step with one remote root: notice, plan, fetch, commit.

It never parses what it copies and never writes to the server. An epoch is the work over one link: when the link
breaks it ends, and the next one starts from a fresh listing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress

from runferry.blocking import in_thread, wait_out
from runferry.errors import (
    AccessDenied,
    ConnectionFailed,
    ConnectionLost,
    ConnectTimeout,
    DiskFailed,
    DiskFull,
    LocalCopyDamaged,
    NotADirectory,
    NotFound,
    RemoteFailed,
    RunferryError,
)
from runferry.model import NO_IDENTITY, Change, Entry, Kind, Problem, ProblemCode, Version
from runferry.remote.base import Remote
from runferry.store.files import LocalTree
from runferry.store.sync_state import SyncState
from runferry.sync.attendant import Attendant
from runferry.sync.backlog import Backlog
from runferry.sync.copy import Copy
from runferry.sync.diff import has_ancestor
from runferry.sync.displaced import let_go_displaced
from runferry.sync.fetch import Fetcher
from runferry.sync.gauges import Meter, RemoteClock
from runferry.sync.journal import Journal
from runferry.sync.plan import Step
from runferry.sync.recovery import Recovery, recover
from runferry.sync.removal import Removal
from runferry.sync.revisits import Revisits
from runferry.sync.running import run_until_one_fails
from runferry.sync.safety import SECOND_LOOK_AFTER, Look
from runferry.sync.selection import Selection
from runferry.sync.spec import Hooks, Mode, Progress, SessionState, SkipReason, SyncSpec, Wants

SMALL_LANES, GROW_LANES, BIG_LANES = 6, 8, 3
BATCH_FILES, BATCH_BYTES = 512, 2 * 1024 * 1024
MIRROR_RESCAN = 600.0
"""Seconds between the safety rescans of a mirror, whose changes are otherwise pushed (tune)."""

CONFIRM_MIRROR = 15.0
"""Seconds between pings of a mirror in step; each costs about 120 bytes, and a dead link is noticed as soon without."""

NOTE_SYNC_EVERY = 5.0
"""Seconds between writes of the last sync's time; it changes with every line of a live log."""

TICK = 0.25
RETRY_AFTER = 10.0
_WAITED_OUT = (
    *(ConnectionFailed, ConnectTimeout, RemoteFailed, NotFound, AccessDenied, NotADirectory),
    *(DiskFull, DiskFailed),
)


class SyncSession:
    """One running sync. Create it, run ``run()`` in a task you own, and cancel that task (or ``stop()``) to end it."""

    def __init__(
        self,
        spec: SyncSpec,
        *,
        remote: Remote,
        tree: LocalTree,
        state: SyncState,
        wants: Wants,
        skip_reason: SkipReason,
        hooks: Hooks,
        suspect_since: float | None = None,
        recovery: Awaitable[Recovery] | None = None,
        second_look_after: float = SECOND_LOOK_AFTER,
    ) -> None:
        """``suspect_since``: what landed after it may have been torn by a power failure and is verified first.

        ``recovery``: what ``recover`` finds of this tree, where that has been begun already.
        With ``delete``, ``second_look_after`` seconds pass between the two looks that must miss a file.
        """
        self.spec = spec
        self._suspect_since = suspect_since
        self._recovery = recovery
        self._remote = remote
        self._tree = tree
        self._state = state
        self._hooks = hooks
        self._listing: dict[str, Entry] = {}
        self._backlog = Backlog()
        self._journal = Journal(state, self._listing, hooks.on_commit)
        self._revisits = Revisits(time.monotonic)
        self._copy = Copy(
            self._listing,
            selection=Selection(spec, wants, skip_reason, hooks.attention.is_wanted),
            backlog=self._backlog,
            journal=self._journal,
            revisits=self._revisits,
        )
        self._removal = Removal(self._copy, self._journal, self._backlog, tree, after=second_look_after)
        self.attendant = Attendant(hooks.attention, remote, spec.remote_root, self._copy, self._journal)
        self._clock = RemoteClock()
        self._meter = Meter()
        self._doing = SessionState.STARTING
        self._last_error: str | None = None
        self._started_at = time.time()
        self._last_sync_at: float | None = None
        self._sync_noted_at = 0.0
        self._scans = 0
        self._has_listing = False
        self._is_prepared = False
        self._touched: set[str] | None = None
        self._asked = 1
        self._answering = 1
        self._answered = 0
        self._scan_wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def progress(self) -> Progress:
        backlog, counters = self._backlog, self._copy.counters
        is_automatic = self.spec.is_automatic and self._last_sync_at is not None
        return Progress(
            state=self._doing,
            files_done=backlog.files_done,
            files_total=backlog.files_total,
            bytes_done=backlog.bytes_done,
            bytes_total=backlog.bytes_total,
            bytes_per_second=self._meter.rate(),
            current_file=backlog.current,
            problems=self._copy.trouble_count + (self._halt is not None),
            copied_files=counters.copied_files,
            copied_bytes=counters.copied_bytes,
            appended_bytes=counters.appended_bytes,
            scans=self._scans,
            started_at=self._started_at,
            last_sync_at=self._last_sync_at,
            next_sync_at=(self._last_sync_at or 0) + self.spec.interval if is_automatic else None,
            last_error=self._last_error or self._halt,
        )

    @property
    def _halt(self) -> str | None:
        return self._removal.halt if self.spec.delete else None

    @property
    def listing(self) -> Mapping[str, Entry]:
        """Return the root as last listed, by path; it goes on changing."""
        return self._listing

    @property
    def is_listed(self) -> bool:
        """Say whether ``listing`` is the whole root, looked at over the present link."""
        return self._has_listing

    def held_versions(self, paths: Iterable[str]) -> dict[str, Version]:
        """Return the versions of those files that are in the local copy, and kept in step.

        A file that somebody looked at once and nobody wants any more is left as it was: it tells nothing of today.
        """
        found = ((path, self._copy.held(path)) for path in paths)
        return {path: held.version for path, held in found if held is not None and self._copy.is_in_step(path, held)}

    async def reconsider(self, paths: Iterable[str]) -> None:
        """Have files copied that ``wants`` says yes to from now on."""
        self._copy.reconsider(paths)
        await self._backlog.announce()

    @property
    def problems(self) -> Sequence[Problem]:
        """Return what needs attention first, then what was left out on purpose (skipped, excluded, links)."""
        halted = [Problem("", ProblemCode.HALTED, self._halt)] if self._halt else []
        return [*halted, *self._copy.problems]

    def sync_now(self) -> None:
        """Ask for a full look at the root as soon as possible."""
        self._asked += 1
        self._scan_wanted.set()

    async def stop(self) -> None:
        """End the session: what has landed is committed, and no task is left. Idempotent."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._journal.flush()
        self._show(SessionState.STOPPED)

    async def run(self) -> None:
        """Work until stopped, waiting out lost links, full disks and roots that are missing for a while.

        Raises what cannot be waited out, such as AuthenticationFailed or HostKeyChanged while reconnecting.
        """
        self._task = asyncio.current_task()
        try:
            while True:
                await self._wait_out(await self._run_epoch())
        finally:
            self._task = None

    async def _wait_out(self, error: RunferryError) -> None:
        self._last_error = str(error)
        if not isinstance(error, _WAITED_OUT):
            self._show(SessionState.FAILED)
            raise error
        is_link = isinstance(error, (ConnectionFailed, ConnectTimeout))
        self._show(SessionState.RECONNECTING if is_link else SessionState.FAILED)
        pause = 0.1 if isinstance(error, ConnectionLost) else 1.0 if is_link else RETRY_AFTER
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await (asyncio.sleep(pause) if is_link else self._scan_wanted.wait())  # whoever asks need not wait

    async def _prepare(self) -> None:
        """Bring together what the index says and what is on the disk; once per session."""
        if self._is_prepared:
            return
        recovery, self._recovery = self._recovery, None
        found = await (recovery or in_thread(recover, self._tree, self._state, self._suspect_since))
        self._journal.records = found.records
        for record in found.changed:
            if record.held is None and record.gone_at is not None:
                self._journal.forget(record.entry.path)
            else:
                self._journal.put(record)
        self._copy.unrecorded = found.unrecorded
        self._copy.start_over()
        self._is_prepared = True

    async def _run_epoch(self) -> RunferryError:
        """Work over one link until it breaks; returns what broke it."""
        self._has_listing = False
        if self._is_prepared:
            self._copy.start_over()
        self._answering = self._asked
        self._scan_wanted.clear()
        errors = await self._work()
        try:
            await self._journal.flush()
        except RunferryError as trouble:  # the index is on that disk, too: the records wait for the next epoch
            errors.append(trouble)
        error = next((error for error in errors if not isinstance(error, ConnectionLost)), errors[0])
        self._hooks.attention.fail(error)
        return error

    async def _work(self) -> list[RunferryError]:
        fetcher = Fetcher(
            self._remote,
            self.spec.remote_root,
            self._tree,
            self._state,
            remote_now_ns=self._clock.now_ns,
            on_bytes=self._count,
        )
        fetcher.attention, fetcher.is_wanted = self._hooks.attention, self._copy.is_wanted
        fetcher.partials = await in_thread(self._state.partials)
        self._show(SessionState.SCANNING)
        preparing = asyncio.create_task(self._prepare())
        measuring = asyncio.create_task(self._measure_round_trip(fetcher))
        works = [
            self._follow(preparing) if self.spec.is_automatic else self._scan_when_asked(preparing),
            self._journal.run(lambda: not self._backlog.is_empty, self._check_settled),
            self._tick(),
            self.attendant.run(lambda: self._has_listing, self._clock.now_ns, self._absorb),
            *(self._fetch_small(fetcher) for _ in range(SMALL_LANES)),
            *(self._fetch_one(fetcher, Step.LINK, Step.GROW) for _ in range(GROW_LANES)),
            *(self._fetch_one(fetcher, Step.VERIFY, Step.BIG) for _ in range(BIG_LANES)),
        ]
        try:
            return await run_until_one_fails(works)
        finally:
            for task in (preparing, measuring):
                task.cancel()
            await wait_out([preparing, measuring])

    async def _measure_round_trip(self, fetcher: Fetcher) -> None:
        with suppress(RunferryError):  # whatever it is, the works see it, too
            fetcher.note_round_trip(await self._remote.ping())

    # Noticing

    async def _follow(self, preparing: asyncio.Task[None]) -> None:
        changes = self._remote.follow(self.spec.remote_root, interval=self.spec.interval)
        async with aclosing(changes):
            async for change in changes:
                await asyncio.shield(preparing)  # it goes on while the server takes the first look
                await self._absorb(change)

    async def _scan_when_asked(self, preparing: asyncio.Task[None]) -> None:
        await asyncio.shield(preparing)
        while True:
            self._scan_wanted.clear()
            await self._rescan()
            await self._scan_wanted.wait()

    async def _absorb(self, change: Change) -> None:
        if self._touched is not None:
            self._touched |= {entry.path for entry in change.upserts} | set(change.removed)
        self._clock.set(change.clock_ns)
        await self._make_directories(self._copy.absorb(change))
        if change.is_part:
            await self._backlog.announce()
            return
        if change.complete:
            self._scans += 1
            self._has_listing = True
            self._last_error = None
            self._hooks.attention.poke()
            await self._judge(change)
        self._show(SessionState.FETCHING)
        await self._backlog.announce()
        await self._check_settled()

    async def _make_directories(self, paths: Sequence[str]) -> None:
        def make() -> dict[str, str]:
            failed = {}
            for path in paths:
                try:
                    self._tree.make_directory(path)
                except (LocalCopyDamaged, DiskFailed) as error:
                    failed[path] = str(error)
            return failed

        failed = await in_thread(make) if paths else {}
        for path in paths:
            self._copy.settle_directory(path, failed.get(path))

    async def _judge(self, change: Change) -> None:
        """Compare a whole look with the root as it was, and remove what may go."""
        known = await in_thread(self._state.root)
        if self.spec.delete:
            present = sum(entry.kind is Kind.FILE for entry in change.upserts)
            is_same_root = known is None or known == change.root or NO_IDENTITY in (known, change.root)
            await self._removal.judge(Look(self._copy.is_wholly_read, is_same_root, present))
        if known is None or (change.root not in (known, NO_IDENTITY) and self._halt is None):
            await in_thread(self._state.set_root, change.root)

    async def _rescan(self) -> None:
        """Look at the whole root once more; what was reported as changed meanwhile is newer than the look."""
        asked = self._asked
        self._touched = set()
        try:
            snapshot = await self._remote.scan(self.spec.remote_root)
            touched = frozenset(self._touched)
        finally:
            self._touched = None
        entries = {
            path: entry
            for path, entry in snapshot.entries.items()
            if path not in touched and not has_ancestor(path, touched)
        }
        for path, entry in self._listing.items() if touched else ():
            if path in touched or has_ancestor(path, touched):
                entries[path] = entry
        unsure = tuple(p.path for p in snapshot.problems if p.code in {ProblemCode.DENIED, ProblemCode.IO})
        change = Change(
            root=snapshot.root,
            upserts=tuple(entries.values()),
            problems=snapshot.problems,
            unsure=unsure,
            clock_ns=snapshot.clock_ns,
            complete=True,
        )
        self._answering = asked
        await self._absorb(change)

    # Fetching

    async def _fetch_small(self, fetcher: Fetcher) -> None:
        while True:
            batch = await self._backlog.take_small(files=BATCH_FILES, size=BATCH_BYTES)
            jobs = {path: self._copy.held(path) for path in batch.paths}
            async with aclosing(fetcher.small(jobs, size=batch.size, priority=batch.priority)) as answers:
                async for outcomes in answers:
                    for outcome in outcomes:
                        self._copy.settle(outcome)
                    let_go_displaced(self._tree, self._journal, self._copy)
            await self._backlog.announce()
            await self._check_settled()

    async def _fetch_one(self, fetcher: Fetcher, *steps: Step) -> None:
        while True:
            path, step = await self._backlog.take(*steps)
            try:
                await self._fetch(fetcher, path, step)
            except LocalCopyDamaged:
                self._copy.drop_held(path)
            except DiskFailed as error:
                self._copy.settle(Problem(path, ProblemCode.LOCAL, str(error)))
            let_go_displaced(self._tree, self._journal, self._copy)
            await self._backlog.announce()
            await self._check_settled()

    async def _fetch(self, fetcher: Fetcher, path: str, step: Step) -> None:
        entry, held = self._listing.get(path), self._copy.held(path)
        if entry is None:
            self._copy.settle(Problem(path, ProblemCode.VANISHED, "gone from the server"))
        elif step is Step.LINK:
            await self._link(fetcher, entry)
        elif step is Step.GROW and held is not None:
            self._copy.settle(await fetcher.grow(path, held))
        elif step is Step.VERIFY and held is not None:
            self._copy.settle(await fetcher.verify(entry, held))
        else:
            self._copy.settle(await fetcher.big(entry, held))

    async def _link(self, fetcher: Fetcher, entry: Entry) -> None:
        home = self._copy.home(entry)
        outcome = home and await fetcher.link(entry, *home, is_home=lambda: self._copy.home(entry) == home)
        if outcome is None:
            self._copy.settle_unlinked(entry)
        else:
            self._copy.settle(outcome)

    # Keeping time

    async def _tick(self) -> None:
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(self._revisits.wait(TICK))
            due = self._revisits.take_due()
            if due:
                await self._make_directories(self._copy.look_again(due))
                await self._backlog.announce()
                await self._check_settled()
            if self._has_listing and self.spec.is_automatic:
                looked_at = await self._keep_pace(looked_at)
            self._publish()

    async def _keep_pace(self, looked_at: float) -> float:
        """Confirm the copy at the promised interval; returns when a full look was last taken (monotonic)."""
        is_asked = self._scan_wanted.is_set()
        every = self.spec.interval if self.spec.mode is Mode.SMART else max(self.spec.interval, MIRROR_RESCAN)
        since_last = time.monotonic() - looked_at
        if is_asked or since_last >= every or (self.spec.delete and self._removal.needs_look(since_last)):
            self._scan_wanted.clear()
            await self._rescan()
            return time.monotonic()
        confirmed_every = (
            self.spec.interval if self.spec.mode is Mode.SMART else max(self.spec.interval, CONFIRM_MIRROR)
        )
        is_due = self._last_sync_at is not None and time.time() >= self._last_sync_at + confirmed_every
        if is_due and self._is_settled():
            await self._remote.ping()
            await self._check_settled(is_confirmed=True)
        return looked_at

    def _is_settled(self) -> bool:
        return (
            self._has_listing and self._backlog.is_empty and self._journal.is_clean and not self._revisits.has_awaited
        )

    async def _check_settled(self, *, is_confirmed: bool = False) -> None:
        if not self._is_settled():
            return
        calm = SessionState.WATCHING if self.spec.is_automatic else SessionState.IDLE
        calm = calm if self._halt is None else SessionState.HALTED
        if self._doing is calm and not is_confirmed and self._answered >= self._answering:
            return
        if not self.spec.is_automatic and self._last_sync_at is not None and self._answered >= self._answering:
            self._show(calm)  # a file on demand is no look at the root
            return
        self._last_sync_at = time.time()
        self._answered = self._answering
        if self._last_sync_at - self._sync_noted_at >= NOTE_SYNC_EVERY:
            self._sync_noted_at = self._last_sync_at
            await in_thread(self._state.set_last_sync, self._last_sync_at)
        self._show(calm)

    # Telling

    def _count(self, amount: int) -> None:
        self._backlog.note_bytes(amount)
        self._meter.add(amount)

    def _show(self, doing: SessionState) -> None:
        if doing is SessionState.FETCHING and self._is_settled():
            return
        if doing is not self._doing:
            self._doing = doing
            self._hooks.on_progress(self.progress)

    def _publish(self) -> None:
        if not self._backlog.is_empty:
            self._hooks.on_progress(self.progress)
