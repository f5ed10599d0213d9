"""The active syncs: one session each, kept running, told as events, fed to the index. It copies nothing itself."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from runferry.blocking import in_thread
from runferry.errors import InvalidRequest, RunferryError
from runferry.formats import READERS, skip_reason
from runferry.ingest import Ingest, IngestResult, SyncSource
from runferry.model import Entry, Problem
from runferry.service.connections import Held
from runferry.service.events import EventBus
from runferry.service.records import Records, SyncRecord
from runferry.service.tasks import Tasks, end
from runferry.service.views import SyncView
from runferry.store.db import Database
from runferry.store.files import LocalTree
from runferry.store.sync_state import SyncState
from runferry.sync.session import SyncSession
from runferry.sync.spec import Commit, Hooks, Mode, Progress, SessionState, SyncSpec

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 200
NEW_PROBLEMS = 20
"""How many of a sync's newest problems one event carries."""

RETRY_SECONDS = 30.0
"""How long a session that failed unexpectedly rests before it is tried again."""

SETTLED = frozenset({SessionState.WATCHING, SessionState.IDLE})

FOLDERS = {Mode.SMART: "cache", Mode.MIRROR: "mirror"}


@dataclass(frozen=True, slots=True)
class ModeRequest:
    """How to keep a root. ``interval`` is in seconds; ``is_additional`` leaves other syncs of the mode running."""

    mode: Mode
    remote_root: str
    interval: float
    is_automatic: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_file_size: int | None = None
    delete: bool = False
    is_additional: bool = False

    def check(self) -> None:
        """Raise InvalidRequest, naming the field, for patterns that are none."""
        for field, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                if not is_pattern(pattern):
                    raise InvalidRequest(f"{field}: {pattern!r} is not a gitignore pattern.")

    def with_root(self, root: str) -> ModeRequest:
        return replace(self, remote_root=root)

    def options(self) -> Mapping[str, Any]:
        """Return what is stored of it, JSON-safe."""
        left_out = ("mode", "remote_root", "is_additional")
        options = {key: value for key, value in asdict(self).items() if key not in left_out}
        return options | {"include": list(self.include), "exclude": list(self.exclude)}


@dataclass(frozen=True, slots=True)
class SyncPlaces:
    """What every sync works with: the data directory, the index, and where its news goes."""

    data_dir: Path
    db: Database
    ingest: Ingest
    events: EventBus
    on_runs_changed: Callable[[], None]
    needs_healing: Callable[[], bool]


class ActiveSync:
    """One configured sync at work. Its session is started again should it end by anything but ``stop``."""

    def __init__(self, record: SyncRecord, held: Held, places: SyncPlaces) -> None:
        self.record = record
        self.held = held
        self._places = places
        self.local_root = places.data_dir / record.local_dir
        self._session: SyncSession | None = None
        self._failure: str | None = None
        self._told_problems: frozenset[Problem] = frozenset()
        self._told_count = 0
        self._asked = asyncio.Event()
        self._source = SyncSource(record.id, record.server_id, record.remote_root, self.local_root)
        self._ingesting = asyncio.Lock()
        self._settled = asyncio.Event()

    @property
    def is_alive(self) -> bool:
        return self._failure is None and self.progress.state is not SessionState.STOPPED

    @property
    def progress(self) -> Progress:
        progress = self._session.progress if self._session else Progress()
        if progress.last_sync_at is None:
            progress = replace(progress, last_sync_at=self.record.last_sync_at)
        if progress.next_sync_at is None and self.record.is_automatic:
            # The first round is under way: the next one is due an interval after it began.
            began = progress.started_at or self.record.created_at
            progress = replace(progress, next_sync_at=began + self.record.interval)
        if self._failure is not None:
            progress = replace(progress, state=SessionState.FAILED, last_error=self._failure)
        return progress

    @property
    def view(self) -> SyncView:
        problems = self._session.problems if self._session else ()
        return SyncView(
            record=self.record,
            local_root=str(self.local_root),
            progress=self.progress,
            problems=tuple(problems[:SHOWN_PROBLEMS]),
            problem_count=len(problems),
            is_alive=self.is_alive,
        )

    def sync_now(self) -> None:
        self._asked.set()
        if self._session is not None:
            self._session.sync_now()

    async def run(self) -> None:
        """Work until cancelled. Whatever ends a session is shown, and tried again after a rest."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_running())
            if self._places.needs_healing():
                group.create_task(self._heal())

    async def _keep_running(self) -> None:
        while True:
            self._session = self._make_session()
            self._failure = None
            try:
                await self._session.run()
            except RunferryError as error:
                self._fail(str(error))
            except Exception:  # the session loop: a bug must stop one sync for a while, not the service
                log.exception("the sync %s of %s failed", self.record.id, self.record.remote_root)
                self._fail("Internal error; see the log.")
            finally:
                await self._session.stop()
            self._asked.clear()
            try:
                await asyncio.wait_for(self._asked.wait(), RETRY_SECONDS)
            except TimeoutError:
                continue

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._publish(self.progress)

    def _make_session(self) -> SyncSession:
        spec = make_spec(self.record)
        staging = self._places.data_dir / "staging" / str(spec.sync_id)
        return SyncSession(
            spec,
            remote=self.held.remote,
            tree=LocalTree(self.local_root, staging),
            state=SyncState(self._places.db, spec.sync_id),
            wants=self._wants if spec.mode is Mode.SMART else want_everything,
            skip_reason=find_skip_reason,
            hooks=Hooks(on_progress=self._publish, on_commit=self._absorb),
        )

    def _wants(self, path: str, size: int) -> bool:
        return any(reader.is_metadata(path, size, self._is_run_dir) for reader in READERS)

    def _is_run_dir(self, path: str) -> bool:
        listing: Mapping[str, Entry] = self._session.listing if self._session else {}
        return any(reader.is_run_dir(path, listing.__contains__) for reader in READERS)

    def _publish(self, progress: Progress) -> None:
        data = {
            "sync_id": self.record.id,
            "connection_id": self.held.id,
            "mode": self.record.mode.value,
            "remote_root": self.record.remote_root,
            **asdict(progress),
        }
        self._places.events.publish("sync", data)
        if progress.state in SETTLED:
            self._settled.set()
        if progress.problems != self._told_count:
            self._told_count = progress.problems
            self._publish_problems()

    def _publish_problems(self) -> None:
        problems = self._session.problems if self._session else ()
        new = [problem for problem in problems if problem not in self._told_problems]
        self._told_problems = frozenset(problems)
        data = {
            "sync_id": self.record.id,
            "connection_id": self.held.id,
            "count": len(problems),
            "new": [asdict(problem) for problem in new[:NEW_PROBLEMS]],
        }
        self._places.events.publish("problem", data)

    async def _absorb(self, commit: Commit) -> None:
        async with self._ingesting:
            result = await self._places.ingest.on_commit(
                self._source,
                changed=commit.changed,
                gone=commit.gone,
                listed=commit.listed,
                listing=commit.listing,
            )
        self._tell(result)

    async def _heal(self) -> None:
        """After an abrupt end the index may lack what had landed: read it all again, once the listing is whole."""
        await self._settled.wait()
        listing = self._session.listing if self._session else {}
        try:
            async with self._ingesting:
                self._tell(await self._places.ingest.rebuild(self._source, listing))
        except RunferryError as error:
            log.warning("the index of the sync %s could not be rebuilt: %s", self.record.id, error)

    def _tell(self, result: IngestResult) -> None:
        if result.changed or result.removed:
            data = {"changed": list(result.changed), "removed": list(result.removed)}
            self._places.events.publish("run", data)
            self._places.on_runs_changed()


class Syncs:
    """All active syncs. Starting one that is active already with another request restarts it."""

    def __init__(self, places: SyncPlaces, *, clock: Callable[[], float]) -> None:
        self._places = places
        self._records = Records(places.db)
        self._clock = clock
        self._active: dict[int, ActiveSync] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._tasks = Tasks()
        self._lock = asyncio.Lock()

    @property
    def active(self) -> Sequence[ActiveSync]:
        return list(self._active.values())

    def find(self, sync_id: int) -> ActiveSync | None:
        return self._active.get(sync_id)

    def list_of(self, connection_id: str, mode: Mode | None = None) -> Sequence[ActiveSync]:
        """Return a connection's active syncs, the one configured last at the end."""
        return [
            sync for sync in self._active.values() if sync.held.id == connection_id and mode in (None, sync.record.mode)
        ]

    async def configure(self, held: Held, request: ModeRequest) -> ActiveSync:
        """Start a sync of ``request.remote_root`` (resolved), or change the running one."""
        new = SyncRecord(
            id=0,
            server_id=held.server.id,
            connection_id=held.id,
            mode=request.mode,
            remote_root=request.remote_root,
            local_dir=name_local_dir(held.server.directory, request),
            options=request.options(),
            is_active=True,
            created_at=self._clock(),
            last_sync_at=None,
        )
        async with self._lock:
            record = await in_thread(self._records.save_sync, new)
            for other in () if request.is_additional else self.list_of(held.id, request.mode):
                if other.record.id != record.id:
                    await self._stop(other.record.id)
                    await in_thread(self._records.deactivate_sync, other.record.id)
            running = self._active.get(record.id)
            is_same = (
                running is not None and running.held.remote is held.remote and running.record.options == record.options
            )
            if running is None or not is_same:
                await self._stop(record.id)
                running = self._start(record, held)
            running.sync_now()
            return running

    async def deactivate(self, sync_id: int) -> None:
        """Stop a sync for good; its local copy stays."""
        async with self._lock:
            await self._stop(sync_id)
            await in_thread(self._records.deactivate_sync, sync_id)

    async def resume(self, held: Held) -> None:
        """Start what this connection keeps, on the link it has now. What runs on this link already goes on."""
        async with self._lock:
            for sync in self.list_of(held.id):
                if sync.record.server_id != held.server.id:  # the same name leads to another machine now
                    await self._stop(sync.record.id)
            for record in await in_thread(self._records.list_active_syncs, held.id):
                running = self._active.get(record.id)
                is_running = running is not None and running.held.remote is held.remote
                if record.server_id == held.server.id and not is_running:
                    await self._stop(record.id)
                    self._start(record, held)
                elif running is not None and not running.is_alive:
                    running.sync_now()

    async def stop_of(self, connection_id: str) -> None:
        """Stop a connection's syncs without forgetting them."""
        async with self._lock:
            for sync in self.list_of(connection_id):
                await self._stop(sync.record.id)

    async def close(self) -> None:
        await self._tasks.close()
        self._active.clear()
        self._running.clear()

    def _start(self, record: SyncRecord, held: Held) -> ActiveSync:
        sync = ActiveSync(record, held, self._places)
        self._active[record.id] = sync
        self._running[record.id] = self._tasks.start(sync.run(), name=f"sync {record.id}")
        return sync

    async def _stop(self, sync_id: int) -> None:
        self._active.pop(sync_id, None)
        await end(self._running.pop(sync_id, None))


def make_spec(record: SyncRecord) -> SyncSpec:
    options = record.options
    return SyncSpec(
        sync_id=record.id,
        mode=record.mode,
        remote_root=record.remote_root,
        interval=record.interval,
        is_automatic=record.is_automatic,
        include=tuple(options.get("include", ())),
        exclude=tuple(options.get("exclude", ())),
        max_file_size=options.get("max_file_size"),
        delete=bool(options.get("delete")),
    )


def is_pattern(text: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([text])
    except (ValueError, re.error):
        return False
    return True


def want_everything(path: str, size: int) -> bool:
    return True


def find_skip_reason(path: str, has: Callable[[str], bool]) -> str | None:
    parent = path[: path.rfind("/") + 1]
    return skip_reason(path, lambda name: has(parent + name))


def name_local_dir(directory: str, request: ModeRequest) -> str:
    """Return where a root's copy goes, relative to the data directory: readable, and unique by the hash."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", request.remote_root).strip("-.")[-60:].strip("-.") or "root"
    mark = blake2b(request.remote_root.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{FOLDERS[request.mode]}/{directory}/{slug}-{mark}"
