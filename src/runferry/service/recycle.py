"""The recycle bin: runs the user deletes here, restores, or lets go for good. No server is ever asked or changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import Ambiguous, NotFound, RunferryError
from runferry.service.events import EventBus
from runferry.service.syncs import Syncs
from runferry.store.db import Database
from runferry.store.names import describe_place
from runferry.store.recycle import Place, RecycleStore
from runferry.store.removal import remove_local
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunRow, RunStore
from runferry.store.verdict import effective_status_of

log = logging.getLogger(__name__)

ON_SERVER = "It was deleted on {server}. Runferry changes nothing on servers, so it can only be restored there."


@dataclass(frozen=True, slots=True)
class BinItem:
    """A deleted run. ``origin`` is "local" (deleted here) or "server"; ``note`` says why it cannot be restored here."""

    row: RunRow
    run_dir: str
    status: str
    deleted_at: float
    origin: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each run that was named (id or key): None, or why nothing was done. ``count`` were changed."""

    errors: Mapping[str, str | None]

    @property
    def count(self) -> int:
        return sum(error is None for error in self.errors.values())


class RecycleBin:
    """Deletes and restores runs in the local index, and removes local bytes when the bin is emptied."""

    def __init__(
        self, db: Database, data_dir: Path, syncs: Syncs, events: EventBus, *, clock: Callable[[], float]
    ) -> None:
        self._runs = RunStore(db)
        self._store = RecycleStore(db)
        self._data_dir = data_dir
        self._syncs = syncs
        self._events = events
        self._clock = clock

    async def delete(self, run_ids: Sequence[str]) -> Outcome:
        """Put runs into the bin: they are in no list any more, and no sync brings them back."""
        removed: list[str] = []
        errors: dict[str, str | None] = {}
        for run_id in dict.fromkeys(run_ids):
            try:
                removed.append(await in_thread(self._delete, run_id))
                errors[run_id] = None
            except (NotFound, Ambiguous) as error:
                errors[run_id] = str(error)
        if removed:
            self._events.publish("run", {"changed": [], "removed": removed})
        return Outcome(errors)

    async def items(self) -> Sequence[BinItem]:
        """Return what was deleted, the latest first: here, and on servers."""
        return await in_thread(self._list)

    async def restore(self, run_ids: Sequence[str]) -> Outcome:
        """Take runs out of the bin, whole as they were."""
        changed: list[str] = []
        errors: dict[str, str | None] = {}
        for run_id in dict.fromkeys(run_ids):
            try:
                changed.append(await in_thread(self._restore, run_id))
                errors[run_id] = None
            except (NotFound, Ambiguous) as error:
                errors[run_id] = str(error)
        if changed:
            self._events.publish("run", {"changed": changed, "removed": []})
        return Outcome(errors)

    async def empty(self) -> tuple[int, int]:
        """Remove the local bytes and rows of what was deleted here; return how many runs and bytes that were.

        They are never fetched again. What was deleted on a server stays in the list: it is the server's.
        """
        rows = await in_thread(self._runs.find_recycled)
        places = {Place(row.server_id, row.remote_dir) for row in rows}
        return len(places), await self.let_go(places)

    async def let_go(self, places: Collection[Place]) -> int:
        """Forget these places for good; return the bytes that were freed. Raises LocalCopyDamaged."""
        if not places:
            return 0
        await in_thread(self._store.mark_emptied, places, at=self._clock())
        return await self.remove(places)

    async def remove(self, places: Collection[Place]) -> int:
        """Remove the bytes and rows of places that are marked as emptied already, while no sync works on them."""
        located = {place: await in_thread(self._store.locate, place) for place in places}
        async with self._syncs.pausing({one.sync_id for found in located.values() for one in found}):
            return await in_thread(self._remove, places)

    async def finish(self) -> None:
        """Bring to its end what an abrupt one interrupted. Call it before any sync is at work."""
        try:
            await in_thread(lambda: self._remove(self._store.unfinished()))
        except RunferryError as error:
            log.warning("what was emptied from the recycle bin could not be removed: %s", error)

    def _delete(self, run_id: str) -> str:
        row = self._runs.find(run_id)
        place = Place(row.server_id, row.remote_dir)
        self._store.put(place, key=row.key, run_id=row.run_id, at=self._clock())
        return row.key

    def _restore(self, run_id: str) -> str:
        found = self._runs.find_recycled(run_id)
        exact = [row for row in found if row.key == run_id] or found
        if not exact:
            raise self._explain_missing(run_id)
        if len(exact) > 1:
            keys = [row.key for row in exact]
            raise Ambiguous(
                f"Several deleted runs have the id {run_id}: use one of {', '.join(keys)}.", candidates=keys
            )
        self._store.take_back(Place(exact[0].server_id, exact[0].remote_dir))
        return exact[0].key

    def _explain_missing(self, run_id: str) -> NotFound:
        on_servers = self._list_deleted_on_servers()
        row = next((row for row in on_servers if run_id in (row.key, row.run_id)), None)
        return NotFound("Not in the recycle bin" if row is None else ON_SERVER.format(server=row.server))

    def _list(self) -> list[BinItem]:
        here = [self._make_item(row, row.recycled_at or 0.0) for row in self._runs.find_recycled()]
        there = [
            self._make_item(row, row.deleted_at or 0.0, ON_SERVER.format(server=row.server))
            for row in self._list_deleted_on_servers()
        ]
        return sorted([*here, *there], key=lambda item: -item.deleted_at)

    def _list_deleted_on_servers(self) -> Sequence[RunRow]:
        return self._runs.list_runs(RunFilter(deleted=True))[0]

    def _make_item(self, row: RunRow, at: float, note: str | None = None) -> BinItem:
        directory = describe_place(self._data_dir / row.local_dir, row.path)
        return BinItem(
            row, directory, effective_status_of(row.status, row.check), at, "server" if note else "local", note
        )

    def _remove(self, places: Collection[Place]) -> int:
        freed = 0
        for place in places:
            for one in self._store.locate(place):
                freed += remove_local(self._data_dir / one.local_dir, one.path)
            self._store.forget(place)
        return freed
