"""Rebuilds everything that is derived from local copies: the index of runs and artifacts, and their series.

Nothing is asked of a server, and nothing is lost meanwhile: what was known stays until it is replaced.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import RunferryError
from runferry.ingest import Ingest, SyncSource
from runferry.ingest.found_runs import FoundRuns
from runferry.ingest.rules import Rules
from runferry.model import Entry, Version
from runferry.service.active import ActiveSync
from runferry.service.modes import choose_formats
from runferry.service.records import Records, SyncRecord
from runferry.service.series_feeds import SeriesFeeds
from runferry.service.tasks import Tasks
from runferry.store.db import Database
from runferry.store.sync_state import SyncState


@dataclass(frozen=True, slots=True)
class ReindexView:
    """How far it is: ``state`` is idle (never asked for), running, done or failed; ``sources`` were read anew."""

    state: str = "idle"
    syncs_done: int = 0
    syncs_total: int = 0
    runs_changed: int = 0
    sources: int = 0
    seconds: float = 0.0
    error: str | None = None


class Reindex:
    """Does it in the background, one sync after the other, and once at a time."""

    def __init__(
        self,
        db: Database,
        data_dir: Path,
        ingest: Ingest,
        feeds: SeriesFeeds,
        find_active: Callable[[int], ActiveSync | None],
    ) -> None:
        self._db = db
        self._data_dir = data_dir
        self._ingest = ingest
        self._feeds = feeds
        self._find_active = find_active
        self._tasks = Tasks()
        self._running: asyncio.Task[None] | None = None
        self.view = ReindexView()

    def start(self) -> ReindexView:
        """Begin, unless it is under way already."""
        if self._running is None or self._running.done():
            self.view = ReindexView("running")
            self._running = self._tasks.start(self._run(), name="reindex")
        return self.view

    async def finished(self) -> ReindexView:
        """Return when what is under way has ended."""
        if self._running is not None:
            await asyncio.wait([self._running])
        return self.view

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        began = time.monotonic()
        try:
            records = await in_thread(Records(self._db).list_syncs)
            self._note(syncs_total=len(records))
            for record in records:
                runs, sources = await self._rebuild(record)
                done = self.view
                self._note(syncs_done=done.syncs_done + 1, sources=done.sources + sources)
                self._note(runs_changed=self.view.runs_changed + runs)
            self._note(state="done", seconds=round(time.monotonic() - began, 3))
        except RunferryError as error:
            self._note(state="failed", error=str(error))
        finally:
            if self.view.state == "running":
                self._note(state="failed", error="It was interrupted; see the log.")

    async def _rebuild(self, record: SyncRecord) -> tuple[int, int]:
        """Rebuild what is derived from one sync; return how many runs changed, and how many sources were read."""
        active = self._find_active(record.id)
        if active is not None:
            async with active.ingesting:
                runs = await self._rebuild_runs(record)
        else:
            runs = await self._rebuild_runs(record)
        sources = await self._feeds.reread(record.id, record.local_dir)
        self._feeds.note_runs(record.id, record.local_dir)
        await self._feeds.caught_up(record.id)
        return runs, sources

    async def _rebuild_runs(self, record: SyncRecord) -> int:
        known = await in_thread(SyncState(self._db, record.id).load)
        listing = {path: one.entry for path, one in known.items() if one.gone_at is None}
        root = self._data_dir / record.local_dir
        source = SyncSource(record.id, record.server_id, record.remote_root, root)
        changed = len((await self._ingest.rebuild(source, listing)).changed)
        held = {path: one.held.version for path, one in known.items() if one.held is not None}
        return changed + await in_thread(self._rebuild_found, record, source, listing, held)

    def _rebuild_found(
        self, record: SyncRecord, source: SyncSource, listing: Mapping[str, Entry], held: Mapping[str, Version]
    ) -> int:
        """Recognise other tools' runs anew, and read their cards; return how many changed."""
        found = FoundRuns(self._db, source, formats=choose_formats(record), rules=Rules(self._data_dir))
        survey = found.survey(listing)
        return len({*survey.changed, *survey.removed, *found.read_cards(list(found.plans), {}, held)})

    def _note(self, **values: object) -> None:
        self.view = replace(self.view, **values)  # type: ignore[arg-type]  # names and types are those above
