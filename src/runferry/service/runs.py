"""The runs as users see them: listed with status and freshness, and asked after while they run.

What a run's files say comes from the index; whether its process lives is asked on its server, never guessed here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.formats.about import describe_format
from runferry.formats.recognition import FORMATS_BY_NAME
from runferry.model import Liveness, RunStatus
from runferry.service.active import ActiveSync
from runferry.service.connections import Connections, Held
from runferry.service.events import EventBus
from runferry.service.records import Records
from runferry.service.syncs import Syncs
from runferry.service.tasks import Tasks
from runferry.service.views import Freshness, RunDetail, RunView
from runferry.store.db import Database
from runferry.store.names import describe_place
from runferry.store.run_facts import find_config, find_tags, flatten
from runferry.store.run_files import Role, RunFile, RunFiles
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunRow, RunStore
from runferry.store.verdict import Activity, Scene, judge
from runferry.sync.spec import SessionState

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""How often the processes of running runs are asked after; a dead one shows well within a minute."""

SETTLE_SECONDS = 1.0
"""How long to wait after runs have changed before asking, so that one question covers many."""

ASK_TIMEOUT = 20.0
ASKED_AT_ONCE = 500

LOGS, METRICS = "logs.txt", "events.jsonl"
ACTIVITIES = {LOGS: "log line", METRICS: "metric"}
"""What a run writes as long as it lives: when it last did is evidence."""

MOST_ACTIVITIES, MOST_FILES = 500, 20
"""Other tools' runs without a status, and files of each, whose last change is looked up for one list."""

TROUBLED = frozenset({SessionState.STARTING, SessionState.RECONNECTING, SessionState.FAILED, SessionState.STOPPED})


class Runs:
    """Reads the index of runs and keeps its liveness answers fresh while it is started."""

    def __init__(
        self,
        db: Database,
        data_dir: Path,
        connections: Connections,
        syncs: Syncs,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = RunStore(db)
        self._files = RunFiles(db)
        self._records = Records(db)
        self._data_dir = data_dir
        self._connections = connections
        self._syncs = syncs
        self._clock = clock
        self._tasks = Tasks()
        self._wake = asyncio.Event()

    def start(self, events: EventBus) -> None:
        self._tasks.start(self._keep_looking(events), name="liveness of runs")

    async def close(self) -> None:
        await self._tasks.close()

    def look_soon(self) -> None:
        """Ask after running runs shortly: some are new, or a server can be asked again."""
        self._wake.set()

    async def count(self, server_id: int | None = None) -> tuple[int, int]:
        """Return how many runs and artifacts are in the index, of one server or of all."""
        return await in_thread(self._store.counts, server_id)

    async def list(self, chosen: RunFilter) -> tuple[Sequence[RunView], int]:
        rows, total = await in_thread(self._store.list_runs, chosen)
        return await self.view(rows), total

    async def view(self, rows: Sequence[RunRow]) -> Sequence[RunView]:
        """Return the rows as users see them now."""
        see = self._make_viewer()
        return await in_thread(self._view_all, rows, see)

    async def get(self, run_id: str) -> RunDetail:
        row = await in_thread(self._store.find, run_id)
        documents = await in_thread(self._store.documents, row.id)
        counts, listed = await in_thread(self._records.count_files, row.sync_id, row.path, (LOGS, METRICS))
        run = (await self.view([row]))[0]
        config = find_config(documents.summary, documents.meta, documents.assets)
        logs, metrics = (f"{run.run_dir}/{name}" if name in listed else None for name in (LOGS, METRICS))
        if row.format in FORMATS_BY_NAME:
            local = self._data_dir / row.local_dir
            logs, metrics = (
                describe_place(local, files[0].path) if files else None
                for files in await in_thread(self._find_files, row.id)
            )
        about = describe_format(row.format)
        return RunDetail(
            run=run,
            format_title=about.title,
            format_notes=about.notes,
            summary=documents.summary,
            meta=documents.meta,
            environment=documents.environment,
            assets=documents.assets,
            config=config,
            params=flatten(config),
            tags=find_tags(documents.summary, documents.meta),
            files=counts,
            logs=logs,
            metrics=metrics,
            metrics_step=metrics,
        )

    def _find_files(self, row_id: int) -> Sequence[Sequence[RunFile]]:
        """Return the logs, and the files with points, of another tool's run."""
        return [self._files.list_of([row_id], role)[row_id] for role in (Role.LOG, Role.POINTS)]

    def _make_viewer(self) -> Viewer:
        """Return what turns rows into views as of now; it may be used in any thread."""
        now = self._clock()
        held = self._connections.held
        reachable = frozenset(one.server.id for one in held if one.connection.is_connected)
        lost = frozenset(one.server.id for one in held) - reachable
        freshness = {sync.record.id: judge_freshness(sync, None, now=now) for sync in self._syncs.active}
        return Viewer(self._data_dir, now, reachable, lost, freshness)

    def _view_all(self, rows: Sequence[RunRow], viewer: Viewer) -> Sequence[RunView]:
        """View rows, those whose process is gone with the last thing they wrote."""
        gone = [row for row in rows if row.check is not None and row.check.liveness is Liveness.GONE]
        names = {(row.sync_id, f"{row.path}/{name}".lstrip("/")): row.id for row in gone for name in ACTIVITIES}
        silent = {row.id: row for row in rows if row.format in FORMATS_BY_NAME and row.status in ("", "running")}
        if len(silent) <= MOST_ACTIVITIES:
            for row_id, files in self._files.list_of(list(silent), Role.POINTS).items():
                names |= {(silent[row_id].sync_id, file.path): row_id for file in files[-MOST_FILES:]}
        activities: dict[int, Activity] = {}
        for (sync_id, path), at in self._records.last_changes(names).items():
            row_id, what = names[sync_id, path], ACTIVITIES.get(path.rpartition("/")[2], "written to")
            if row_id not in activities or activities[row_id].at < at:
                activities[row_id] = Activity(what, at)
        return [viewer.view(row, activities.get(row.id)) for row in rows]

    async def _keep_looking(self, events: EventBus) -> None:
        while True:
            self._wake.clear()
            async with asyncio.TaskGroup() as group:
                for held in self._connections.held:
                    if held.connection.is_connected:
                        group.create_task(self._look(held, events))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
                await asyncio.sleep(SETTLE_SECONDS)

    async def _look(self, held: Held, events: EventBus) -> None:
        """Ask one server after its running runs. What goes wrong is left to the next time."""
        try:
            questions = await in_thread(self._store.running, held.server.id)
            for start in range(0, len(questions), ASKED_AT_ONCE):
                part = questions[start : start + ASKED_AT_ONCE]
                async with asyncio.timeout(ASK_TIMEOUT):
                    states = await held.remote.processes([one.question for one in part])
                answers = list(zip(part, states, strict=True))
                changed = await in_thread(self._store.set_liveness, answers, checked_at=self._clock())
                if changed:
                    events.publish("run", {"changed": sorted(changed), "removed": []})
        except (RunferryError, TimeoutError) as error:
            log.info("the processes of %s could not be asked after: %s", held.id, str(error) or "no answer in time")


def judge_freshness(sync: ActiveSync, last_sync_at: float | None, *, now: float) -> Freshness:
    """Say how fresh the copy of an active sync is."""
    progress = sync.progress
    at = progress.last_sync_at or last_sync_at
    if not sync.held.connection.is_connected:
        return Freshness("offline", at)
    if at is None or progress.state in TROUBLED:
        return Freshness("stale", at)
    # While following, whatever changed is either here or being fetched this moment.
    return Freshness("live", now) if sync.record.is_automatic else Freshness("synced", at)


@dataclass(frozen=True, slots=True)
class Viewer:
    """What is known at one moment of servers and syncs, by which rows are judged."""

    data_dir: Path
    now: float
    reachable: frozenset[int]
    lost: frozenset[int]
    freshness: Mapping[int, Freshness]

    def view(self, row: RunRow, activity: Activity | None = None) -> RunView:
        freshness = self.freshness.get(row.sync_id) or Freshness("offline", row.last_sync_at)
        scene = Scene(
            self.now,
            is_connected=row.server_id in self.reachable,
            is_gone=row.gone_at is not None,
            is_lost=row.server_id in self.lost,
            pid=row.pid,
            hostname=row.hostname,
            contact_at=freshness.as_of,
            activity=activity,
            tool=FORMATS_BY_NAME[row.format].TITLE if row.format in FORMATS_BY_NAME else "",
        )
        status, evidence = judge(row.status, row.check, scene)
        return make_view(row, self.data_dir, status, evidence, measure_duration(row, status, now=self.now), freshness)


def make_view(
    row: RunRow, data_dir: Path, status: str, evidence: str, duration: float | None, freshness: Freshness
) -> RunView:
    return RunView(
        id=row.run_id,
        key=row.key,
        run_dir=describe_place(data_dir / row.local_dir, row.path),
        remote_dir=row.remote_dir,
        path=row.path,
        server=row.server,
        mode=row.mode,
        format=row.format,
        project=row.project,
        name=row.name,
        status=status,
        status_evidence=evidence,
        created_time=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_seconds=duration,
        exit_reason=row.exit_reason,
        pid=row.pid,
        hostname=row.hostname,
        best_metric_value=row.best_metric_value,
        best_metric_name=row.best_metric_name,
        artifacts_created_count=row.artifacts_created,
        artifacts_used_count=row.artifacts_used,
        gone_at=row.gone_at,
        deleted_at=row.deleted_at,
        freshness=freshness,
    )


def measure_duration(row: RunRow, status: str, *, now: float) -> float | None:
    """Return how long the run took, or has taken; None where its end is unknown."""
    started = row.started_at if row.started_at is not None else row.created_at
    ended = now if row.ended_at is None and status == RunStatus.RUNNING else row.ended_at
    return None if started is None or ended is None else max(0.0, ended - started)
