"""One sync at work: its session, kept running, told as events and fed to the index. It copies nothing itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.formats import METADATA_LIMIT, READERS, skip_reason
from runferry.ingest import Ingest, IngestResult, SyncSource
from runferry.ingest.databases import DatabaseIngest, DatabaseNews
from runferry.ingest.found_runs import FoundRuns
from runferry.ingest.rules import Rules
from runferry.ingest.series import Flaw
from runferry.model import Entry, Problem
from runferry.service.connections import Held
from runferry.service.damage import Damage
from runferry.service.database_feed import DatabaseFeed, FeedPlaces
from runferry.service.durability import Durability
from runferry.service.events import EventBus
from runferry.service.landings import Landings
from runferry.service.modes import choose_formats, make_spec
from runferry.service.records import SyncRecord
from runferry.service.run_finder import FinderPlaces, RunFinder
from runferry.service.series_feeds import SeriesFeeds
from runferry.service.views import SyncView
from runferry.store.db import Database
from runferry.store.files import LocalTree
from runferry.store.recycle import RecycleStore, find_refused_paths
from runferry.store.sync_state import SyncState
from runferry.sync.attendant import Attendant
from runferry.sync.attention import Attentions
from runferry.sync.diff import has_ancestor
from runferry.sync.recovery import Recovery, recover
from runferry.sync.session import SyncSession
from runferry.sync.spec import Commit, Hooks, Mode, Progress, SessionState

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 200
NEW_PROBLEMS = 20
"""How many of a sync's newest problems one event carries."""

MANY_FILES, FEW_FILES = 100, 3
"""With more files than many left to fetch, what landed is read without haste, until no more than a few are left."""

RETRY_SECONDS = 30.0
"""How long a session that failed unexpectedly rests before it is tried again."""

SETTLED = frozenset({SessionState.WATCHING, SessionState.IDLE, SessionState.HALTED})


@dataclass(frozen=True, slots=True)
class SyncPlaces:
    """What every sync works with: the data directory, the index, and where its news goes."""

    data_dir: Path
    db: Database
    ingest: Ingest
    events: EventBus
    on_runs_changed: Callable[[], None]
    needs_healing: Callable[[], bool]
    durability: Durability
    landings: Landings
    feeds: SeriesFeeds
    attentions: Attentions
    admit: Callable[[int, Mapping[str, int]], Awaitable[Mapping[str, RunferryError]]]
    second_look_after: float
    probe_volume: Callable[[Path], bool]
    disk_reserve: int


class ActiveSync:
    """One configured sync at work. Its session is started again should it end by anything but ``stop``."""

    def __init__(
        self, record: SyncRecord, held: Held, places: SyncPlaces, recovery: Awaitable[Recovery] | None = None
    ) -> None:
        """``recovery``: what ``begin_recovery`` found of this record, where there was time for it."""
        self._recovery = recovery
        self.record = record
        self.held = held
        self._places = places
        self.attention = places.attentions.of(record.id)
        self.attention.admit = self._admit if record.mode is Mode.SMART else None
        self.local_root = places.data_dir / record.local_dir
        self._session: SyncSession | None = None
        self._failure: str | None = None
        self._told_problems: frozenset[Problem] = frozenset()
        self._told_count = 0
        self._damage = places.feeds.damage_of(record.id)
        self._damage.on_change = self._publish_problems
        self._documents = Damage()
        self._documents.on_change = self._publish_problems
        self._is_bursting = False
        self._asked = asyncio.Event()
        self._source = SyncSource(record.id, record.server_id, record.remote_root, self.local_root)
        self.ingesting = asyncio.Lock()
        self._found = FoundRuns(places.db, self._source, formats=choose_formats(record), rules=Rules(places.data_dir))
        self._finder = self._make_finder()
        self._databases = self._make_database_feed()
        self._refused: frozenset[str] = frozenset()
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
        if self.record.is_paused:
            progress = replace(progress, state=SessionState.STOPPED, next_sync_at=None)
        if self._failure is not None:
            progress = replace(progress, state=SessionState.FAILED, last_error=self._failure)
        return progress

    @property
    def problems(self) -> list[Problem]:
        """Return what troubles the sync's files: first what is not understood, of what is not here there is more."""
        return [*self._own_problems, *(self._session.problems if self._session else ())]

    @property
    def _own_problems(self) -> list[Problem]:
        own = (self._databases, self._found, self._documents, self._damage)
        return [problem for one in own for problem in one.problems]

    def find_damage(self, path: str) -> Problem | None:
        """Return why a file that is here is not understood, as far as is known."""
        return self._found.find_problem(path) or self._documents.find(path) or self._damage.find(path)

    @property
    def view(self) -> SyncView:
        problems = self.problems
        return SyncView(
            record=self.record,
            local_root=str(self.local_root),
            progress=self.progress,
            problems=tuple(problems[:SHOWN_PROBLEMS]),
            problem_count=len(problems),
            is_alive=self.is_alive,
        )

    @property
    def attendant(self) -> Attendant | None:
        """Return who looks after attended files now; None while no session is at work."""
        return self._session.attendant if self._session is not None and self.is_alive else None

    def sync_now(self) -> None:
        self._asked.set()
        if self._session is not None:
            self._session.sync_now()

    async def run(self) -> None:
        """Work until cancelled. Whatever ends a session is shown, and tried again after a rest."""
        refused = await in_thread(RecycleStore(self._places.db).refused, self.record.server_id)
        self._refused = find_refused_paths(refused, self.record.remote_root)
        self._note_documents(await in_thread(self._places.ingest.list_damaged, self.record.id))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_running())
            group.create_task(self._finder.run())
            group.create_task(self._databases.run())
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

    def _make_finder(self) -> RunFinder:
        places = FinderPlaces(
            found=self._found,
            remote=self.held.remote,
            root=self.record.remote_root,
            is_smart=self.record.mode is Mode.SMART,
            ingesting=self.ingesting,
            tell=self._tell,
        )
        return RunFinder(places, lambda: self._session)

    def _make_database_feed(self) -> DatabaseFeed:
        places = FeedPlaces(
            ingest=DatabaseIngest(self._places.db, self._source),
            remote=self.held.remote,
            root=self.record.remote_root,
            folder=self._places.data_dir / "snapshots" / str(self.record.id),
            is_smart=self.record.mode is Mode.SMART,
            ingesting=self.ingesting,
            tell=self._tell,
            tell_points=self._tell_points,
            formats=frozenset(self.record.options.get("formats") or ()) or None,
        )
        return DatabaseFeed(places, lambda: self._session)

    def _tell_points(self, news: DatabaseNews) -> None:
        self._places.feeds.tell_points(news.points, news.keys)
        self._places.feeds.look_for_damage(self.record.id, self.record.local_dir)

    def _make_session(self) -> SyncSession:
        spec = make_spec(self.record)
        recovery, self._recovery = self._recovery, None
        return SyncSession(
            spec,
            remote=self.held.remote,
            tree=make_tree(self.record, self._places),
            state=SyncState(self._places.db, spec.sync_id),
            wants=self._wants if spec.mode is Mode.SMART else self._wants_all,
            skip_reason=skip_reason,
            hooks=Hooks(on_progress=self._publish, on_commit=self._absorb, attention=self.attention),
            suspect_since=self._places.durability.suspect_since,
            recovery=recovery,
            second_look_after=self._places.second_look_after,
        )

    def _wants(self, path: str, size: int) -> bool:
        if not self._wants_all(path, size):
            return False
        return self.attention.is_wanted(path) or self._is_metadata(path, size)

    def _is_metadata(self, path: str, size: int) -> bool:
        if self._found.is_document(path):
            return size <= METADATA_LIMIT
        return any(reader.is_metadata(path, size, self._is_run_dir) for reader in READERS)

    async def _admit(self, needs: Mapping[str, int]) -> Mapping[str, RunferryError]:
        """Ask the cache for room; metadata is no part of it."""
        listing: Mapping[str, Entry] = self._session.listing if self._session else {}
        sizes = {path: listing[path].size if path in listing else 0 for path in needs}
        cached = {path: need for path, need in needs.items() if not self._is_metadata(path, sizes[path])}
        return await self._places.admit(self.record.id, cached) if cached else {}

    def _wants_all(self, path: str, size: int) -> bool:
        """Say whether the user has not let go of this for good: such files are listed, and never fetched again."""
        return not self._refused or not (path in self._refused or has_ancestor(path, self._refused))

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
        data["problems"] = progress.problems + len(self._own_problems)
        self._places.events.publish("sync", data)
        if progress.state in SETTLED:
            self._settled.set()
        if progress.problems != self._told_count:
            self._told_count = progress.problems
            self._publish_problems()

    def _publish_problems(self) -> None:
        problems = self.problems
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
        if commit.changed:
            self._places.durability.note_landing()
        self._places.landings.note(self.record.id, commit.changed | commit.gone)
        async with self.ingesting:
            result = await self._places.ingest.on_commit(
                self._source,
                changed=commit.changed,
                gone=commit.gone,
                listed=commit.listed,
                listing=commit.listing,
            )
        self._tell(result)
        self._finder.note(commit)
        self._databases.note(commit)
        progress = self.progress
        left = progress.files_total - progress.files_done
        self._is_bursting = left > (FEW_FILES if self._is_bursting else MANY_FILES)
        self._places.feeds.note(
            self.record.id,
            self.record.local_dir,
            commit.changed,
            sources=self._found.sources_among(commit.changed),
            is_bursting=self._is_bursting,
        )

    async def _heal(self) -> None:
        """After an abrupt end the index may lack what had landed: read it all again, once the listing is whole."""
        await self._settled.wait()
        listing = self._session.listing if self._session else {}
        try:
            async with self.ingesting:
                self._tell(await self._places.ingest.rebuild(self._source, listing))
            if (since := self._places.durability.suspect_since) is not None:
                await self._places.feeds.reread(self.record.id, self.record.local_dir, landed_since=since)
        except RunferryError as error:
            log.warning("the index of the sync %s could not be rebuilt: %s", self.record.id, error)

    def _note_documents(self, damage: Mapping[str, str]) -> None:
        self._documents.replace({path: Flaw(1, why) for path, why in damage.items()})

    def _tell(self, result: IngestResult) -> None:
        if result.damage is not None:
            self._note_documents(result.damage)
        if result.changed or result.removed:
            data = {"changed": list(result.changed), "removed": list(result.removed)}
            self._places.events.publish("run", data)
            self._places.on_runs_changed()
            self._places.feeds.note_runs(self.record.id, self.record.local_dir)
        if result.sources:
            self._places.feeds.note(
                self.record.id, self.record.local_dir, (), sources=result.sources, is_bursting=self._is_bursting
            )


def make_tree(record: SyncRecord, places: SyncPlaces) -> LocalTree:
    staging = places.data_dir / "staging" / str(record.id)
    return LocalTree(places.data_dir / record.local_dir, staging, reserve=places.disk_reserve)


def begin_recovery(record: SyncRecord, places: SyncPlaces) -> asyncio.Task[Recovery]:
    """Begin to find out what a sync that is not at work has here."""
    state = SyncState(places.db, record.id)
    return asyncio.create_task(
        in_thread(recover, make_tree(record, places), state, places.durability.suspect_since),
        name=f"recovery of sync {record.id}",
    )
