"""All active syncs: starting, changing, stopping and resuming them, one at a time. It runs none itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from runferry.blocking import in_thread, wait_out
from runferry.errors import NotConnected, NotFound
from runferry.remote.agent import Following
from runferry.service.active import ActiveSync, SyncPlaces, begin_recovery
from runferry.service.connections import Held
from runferry.service.modes import ModeRequest, make_spec, name_local_dir
from runferry.service.records import Records, SyncRecord
from runferry.service.tasks import Tasks, end
from runferry.sync.recovery import Recovery
from runferry.sync.spec import Mode


class Syncs:
    """All active syncs. Starting one that is active already with another request restarts it."""

    def __init__(self, places: SyncPlaces, *, clock: Callable[[], float]) -> None:
        self._places = places
        self._records = Records(places.db)
        self._clock = clock
        self._active: dict[int, ActiveSync] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._recoveries: dict[int, asyncio.Task[Recovery]] = {}
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
        """Start a sync of ``request.remote_root`` (resolved), or change the running one.

        Raises NotConnected where the connection has been ended meanwhile.
        """
        is_folding = await in_thread(self._places.probe_volume, self._places.data_dir / "staging")
        new = SyncRecord(
            id=0,
            server_id=held.server.id,
            connection_id=held.id,
            mode=request.mode,
            remote_root=request.remote_root,
            local_dir=name_local_dir(held.server.directory, request, is_folding=is_folding),
            options=request.options(),
            is_active=True,
            created_at=self._clock(),
            last_sync_at=None,
        )
        async with self._lock:
            if held.remote.is_closed:
                raise NotConnected
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

    async def inherit(self, held: Held) -> None:
        """Let what this connection kept of another machine go on with the one that is there now.

        For a server that was set up anew, once the user has forgotten its old key: same folders, copies of their own.
        """
        is_folding = await in_thread(self._places.probe_volume, self._places.data_dir / "staging")
        async with self._lock:
            for record in await in_thread(self._records.list_active_syncs, held.id):
                if record.server_id == held.server.id:
                    continue
                request = ModeRequest(record.mode, record.remote_root, record.interval)
                local_dir = name_local_dir(held.server.directory, request, is_folding=is_folding)
                new = replace(
                    record, server_id=held.server.id, local_dir=local_dir, created_at=self._clock(), last_sync_at=None
                )
                await in_thread(self._records.save_sync, new)
                await self._stop(record.id)
                await in_thread(self._records.deactivate_sync, record.id)

    @asynccontextmanager
    async def recovering(self, connection_id: str) -> AsyncIterator[None]:
        """While inside, find out what is here of what this connection keeps, for ``resume`` to begin with.

        It is forgotten at the end, and whenever a copy may be changed meanwhile.
        """
        async with self._lock:  # not while ``pausing``: the copies are being changed
            records = await in_thread(self._records.list_active_syncs, connection_id)
            idle = [record for record in records if record.id not in self._active and not record.is_paused]
            self._recoveries |= {record.id: begin_recovery(record, self._places) for record in idle}
        try:
            yield
        finally:
            await self._forget_recoveries([record.id for record in idle])

    async def list_followed(self, connection_id: str) -> tuple[Following, ...]:
        """Return what will be followed as soon as this connection is open (again)."""
        records = await in_thread(self._records.list_active_syncs, connection_id)
        specs = [make_spec(record) for record in records if not record.is_paused]
        return tuple((spec.remote_root, spec.interval) for spec in specs if spec.is_automatic)

    async def _forget_recoveries(self, sync_ids: Collection[int]) -> None:
        """Return when none of them is at work: it would cut a file that grows back to what it knows of it."""
        await wait_out([self._recoveries[sync_id] for sync_id in sync_ids if sync_id in self._recoveries])
        for sync_id in sync_ids:
            task = self._recoveries.pop(sync_id, None)
            if task is not None and not task.cancelled():
                task.exception()  # whoever needs it finds out anew

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

    async def pause(self, sync_id: int) -> ActiveSync:
        """Stop a sync's work until ``unpause``; it stays listed. Raises NotFound."""
        return await self._set_paused(sync_id, True)

    async def unpause(self, sync_id: int) -> ActiveSync:
        """Let a paused sync go on. Raises NotFound."""
        return await self._set_paused(sync_id, False)

    async def _set_paused(self, sync_id: int, is_paused: bool) -> ActiveSync:
        async with self._lock:
            sync = self._active.get(sync_id)
            if sync is None:
                raise NotFound(f"No sync {sync_id} is active; see GET /api/unified/status.")
            if sync.record.is_paused != is_paused:
                record = await in_thread(self._records.set_paused, sync.record, is_paused)
                await self._stop(sync_id)
                sync = self._start(record, sync.held)
            return sync

    async def stop_of(self, connection_id: str) -> None:
        """Stop a connection's syncs without forgetting them."""
        async with self._lock:
            for sync in self.list_of(connection_id):
                await self._stop(sync.record.id)

    async def deactivate_late(self, connection_id: str) -> None:
        """Stop for good what was configured on a connection while it ended."""
        for sync in self.list_of(connection_id):
            if sync.held.remote.is_closed:
                await self.deactivate(sync.record.id)

    @asynccontextmanager
    async def pausing(self, sync_ids: Collection[int]) -> AsyncIterator[None]:
        """Stop these syncs, those of them that are active, and start them again at the end: their copies lie still."""
        async with self._lock:
            await self._forget_recoveries(list(self._recoveries))
            paused = [sync for sync in self.active if sync.record.id in sync_ids]
            for sync in paused:
                await self._stop(sync.record.id)
            try:
                yield
            finally:
                for sync in paused:
                    self._start(sync.record, sync.held)

    async def close(self) -> None:
        await self._tasks.close()
        await self._forget_recoveries(list(self._recoveries))
        self._active.clear()
        self._running.clear()

    def _start(self, record: SyncRecord, held: Held) -> ActiveSync:
        sync = ActiveSync(record, held, self._places, self._recoveries.get(record.id))
        self._active[record.id] = sync
        if not record.is_paused:
            self._running[record.id] = self._tasks.start(sync.run(), name=f"sync {record.id}")
        return sync

    async def _stop(self, sync_id: int) -> None:
        if self._active.pop(sync_id, None) is not None:
            await end(self._running.pop(sync_id, None))
            await self._forget_recoveries([sync_id])
