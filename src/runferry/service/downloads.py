"""Downloads: files of runs and artifacts brought into the local copy on request, over cuts and restarts.

Nobody chooses where the files go: they go where the sync keeps its copy, and into the cache.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict

from pathspec import GitIgnoreSpec

from runferry.blocking import in_thread
from runferry.errors import InvalidRequest, NotFound, RunferryError
from runferry.model import ProblemCode
from runferry.service.artifacts import Artifacts, Which
from runferry.service.cache import Cache, join
from runferry.service.demand import Demand
from runferry.service.download import COUNTS, ENDED, Download, DownloadRequest, DownloadView, Item, State
from runferry.service.events import EventBus
from runferry.service.files import Files
from runferry.service.modes import is_pattern
from runferry.service.tasks import Tasks, end
from runferry.store.db import Database
from runferry.store.downloads import DownloadRecord, DownloadStore
from runferry.store.file_list import FileList
from runferry.store.runs import RunStore
from runferry.sync.attention import Attentions
from runferry.sync.spec import Mode

AT_ONCE = 3
"""Downloads that work at the same time; the others wait their turn."""

TELL_SECONDS = 0.5
MOST_FILES = 200_000

_LEFT_OUT = frozenset({ProblemCode.SKIPPED, ProblemCode.EXCLUDED, ProblemCode.TOO_LARGE, ProblemCode.LINK})
_GLOB = frozenset("*?[")


class Downloads:
    """All download tasks."""

    def __init__(
        self,
        db: Database,
        *,
        demand: Demand,
        files: Files,
        cache: Cache,
        artifacts: Artifacts,
        attentions: Attentions,
        events: EventBus,
        clock: Callable[[], float],
    ) -> None:
        self._store = DownloadStore(db)
        self._runs = RunStore(db)
        self._list = FileList(db)
        self._demand = demand
        self._files = files
        self._cache = cache
        self._artifacts = artifacts
        self._attentions = attentions
        self._events = events
        self._clock = clock
        self._known: dict[str, Download] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks = Tasks()

    async def open(self, *, is_resuming: bool = True) -> None:
        """Remember all, and go on with those that have not ended."""
        for record in await in_thread(self._store.load):
            download = make_download(record)
            self._known[download.id] = download
            if download.state not in ENDED:
                download.state = State.QUEUED
                if is_resuming:
                    self._start(download)

    async def close(self) -> None:
        """Stop working; what is under way goes on after the next start."""
        await self._tasks.close()
        self._running.clear()

    async def create(self, request: DownloadRequest) -> DownloadView:
        """Begin to bring files.

        Raises NotFound and Ambiguous (the run, the artifact, a path), InvalidRequest, DiskFull (it can never fit).
        """
        items = await self._resolve(request)
        download = Download(secrets.token_hex(8), request, self._clock(), items=items)
        download.summary = download.count(self._attentions)
        await in_thread(
            self._store.add,
            DownloadRecord(
                download.id, asdict(request), State.QUEUED, download.summary, None, download.created_at, None
            ),
        )
        self._known[download.id] = download
        self._start(download)
        return download.view(self._attentions)

    def get(self, id: str) -> DownloadView:
        """Raises NotFound."""
        if id not in self._known:
            raise NotFound(f"There is no download {id}.")
        return self._known[id].view(self._attentions)

    def list(self) -> Sequence[DownloadView]:
        """Return all downloads, the newest first."""
        return [download.view(self._attentions) for download in reversed(self._known.values())]

    async def cancel(self, id: str) -> DownloadView:
        """Stop a download; one that has ended is forgotten. What has come stays. Raises NotFound."""
        view = self.get(id)
        download = self._known[id]
        if download.state in ENDED:
            del self._known[id]
            await in_thread(self._store.remove, id)
            return view
        await end(self._running.get(id))
        if download.state not in ENDED:
            await self._finish(download, State.CANCELLED)
        return download.view(self._attentions)

    # Working

    def _start(self, download: Download) -> None:
        task = self._tasks.start(self._work(download), name=f"download {download.id}")
        self._running[download.id] = task
        task.add_done_callback(lambda _: self._running.pop(download.id, None))

    async def _work(self, download: Download) -> None:
        async with self._turns:
            try:
                if not download.items:  # it was remembered: find its files again
                    download.items = await self._resolve(download.request)
                await in_thread(
                    self._store.change, download.id, state=State.RUNNING, summary=download.count(self._attentions)
                )
                telling = self._tasks.start(self._tell_often(download), name=f"progress of download {download.id}")
                try:
                    await download.run(self._demand, self._files, self._cache)
                finally:
                    await end(telling)
            except RunferryError as error:
                download.error = str(error)
                await self._finish(download, State.FAILED)
            else:
                await self._finish(download, download.state)

    async def _finish(self, download: Download, state: State) -> None:
        download.state, download.ended_at = state, self._clock()
        download.summary = download.count(self._attentions)
        await in_thread(
            self._store.change,
            download.id,
            state=state,
            summary=download.summary,
            error=download.error,
            ended_at=download.ended_at,
        )
        self._tell(download)

    async def _tell_often(self, download: Download) -> None:
        told: object = None
        while True:
            download.measure(self._attentions)
            state = (download.count(self._attentions), download.waiting_for)
            if state != told:
                told = state
                self._tell(download)
            await asyncio.sleep(TELL_SECONDS)

    def _tell(self, download: Download) -> None:
        view = download.view(self._attentions)
        names = ("id", "state", *COUNTS, "bytes_per_second", "eta_seconds", "current_file", "waiting_for", "error")
        self._events.publish("download", {name: getattr(view, name) for name in names})

    # Finding the files

    async def _resolve(self, request: DownloadRequest) -> Sequence[Item]:
        if (request.run is None) == (request.artifact is None):
            raise InvalidRequest("run: give either a run (with paths) or an artifact (with its version).")
        if request.run is not None:
            items = await self._resolve_run(request.run, request.paths)
        else:
            items = await self._resolve_artifact(request)
        if not items:
            raise NotFound("There is no file to download.")
        if len(items) > MOST_FILES:
            raise InvalidRequest(f"paths: {len(items):,} files are more than one download takes ({MOST_FILES:,}).")
        return items

    async def _resolve_run(self, run: str, paths: Sequence[str]) -> Sequence[Item]:
        row = await in_thread(self._runs.find, run)
        sizes = await in_thread(self._list.sizes, row.sync_id, row.path)
        start = len(row.path) + 1 if row.path else 0
        names = {path[start:]: path for path in sizes}
        chosen: dict[str, None] = {}
        for path in paths or ("",):
            chosen.update(dict.fromkeys(self._choose(path, names, row.sync_id)))
        for name in chosen.keys() - names.keys():
            if not self._demand.can_reach(row.sync_id):
                raise NotFound(f"There is no file {name} in {row.key}.")
        if row.mode == Mode.SMART:
            needed = sum(size for path, (size, is_here) in sizes.items() if path[start:] in chosen and not is_here)
            self._cache.check_fits("The download", needed)
        return [
            Item(name, self._files.spot_of(row, name), sizes.get(names.get(name, ""), (0, False))[0]) for name in chosen
        ]

    def _choose(self, path: str, names: Mapping[str, str], sync_id: int) -> Iterable[str]:
        """Return the names that one path means: a file, all below a directory, or what a pattern matches."""
        if path in names:
            return [path]
        trimmed = path.rstrip("/")
        if trimmed:
            join("", trimmed)
        below = [name for name in names if not trimmed or name.startswith(f"{trimmed}/")]
        if not below and _GLOB.isdisjoint(path):
            return [trimmed]
        if not below:
            if not is_pattern(path):
                raise InvalidRequest(f"paths: {path!r} is not a pattern.")
            spec = GitIgnoreSpec.from_lines([path])
            below = [name for name in names if spec.match_file(name)]
            if not below:
                raise NotFound(f"No file matches {path}.")
        find_problem = self._demand.problem_finder(sync_id)
        problems = {name: find_problem(names[name]) for name in below}
        return [name for name, problem in problems.items() if problem is None or problem.code not in _LEFT_OUT]

    async def _resolve_artifact(self, request: DownloadRequest) -> Sequence[Item]:
        which = Which(request.type, request.server, request.root)
        artifact = await self._artifacts.find(request.artifact or "", which)
        number = request.version if request.version is not None else artifact.latest
        found = await self._artifacts.files(artifact.name, number, which)
        spots = [(file, self._artifacts.find_spot(found.version, file)) for file in found.files]
        return [Item(file.path, spot, file.size) for file, spot in spots if spot is not None]


def make_download(record: DownloadRecord) -> Download:
    request = dict(record.request)
    request["paths"] = tuple(request.get("paths") or ())
    return Download(
        id=record.id,
        request=DownloadRequest(**request),
        created_at=record.created_at,
        state=State(record.state),
        error=record.error,
        ended_at=record.ended_at,
        summary=record.summary,
    )
