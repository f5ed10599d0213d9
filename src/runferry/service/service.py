"""The use cases of Runferry. Every door (REST, CLI, demo) goes through this class; it knows no HTTP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.errors import InvalidRequest, NotFound
from runferry.ingest import Ingest
from runferry.model import Kind
from runferry.remote.base import BrowseEntry
from runferry.service.active import SyncPlaces
from runferry.service.artifacts import Artifacts
from runferry.service.cache import Cache
from runferry.service.configuration import Configuration
from runferry.service.connections import Connections, ConnectRequest, Held, browsing
from runferry.service.demand import Demand
from runferry.service.demo import Demo, DemoTools, OpenStage
from runferry.service.doctor import Doctor, Report
from runferry.service.downloads import Downloads
from runferry.service.durability import Durability
from runferry.service.events import EventBus
from runferry.service.files import Files
from runferry.service.landings import Landings
from runferry.service.lineage import Lineage
from runferry.service.lock import DataLock
from runferry.service.logs import Logs
from runferry.service.modes import ModeRequest
from runferry.service.overview import Overview
from runferry.service.records import Records
from runferry.service.recycle import RecycleBin
from runferry.service.reindex import Reindex
from runferry.service.runs import Runs
from runferry.service.saved import SavedConnections
from runferry.service.series import SeriesService
from runferry.service.series_feeds import SeriesFeeds
from runferry.service.status import view_held, view_waiting
from runferry.service.syncs import Syncs
from runferry.service.table import Table
from runferry.service.trash import Trash
from runferry.service.vault import Vault
from runferry.service.views import ConnectionView, Listing, RunDetail, RunView, StatusView, SyncView
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.pool import Connection, Pool
from runferry.ssh.sshconfig import list_aliases
from runferry.ssh.target import Target
from runferry.store.checkpoint import Checkpoints
from runferry.store.db import Database
from runferry.store.files import probe_volume
from runferry.store.passing import PassingServer
from runferry.store.run_list import RunFilter
from runferry.sync.attention import Attentions
from runferry.sync.safety import SECOND_LOOK_AFTER
from runferry.sync.spec import Mode

Clock = Callable[[], float]


class Service:
    """Connections, syncs and runs of one data directory. Open it before use; an asynchronous context manager.

    ``events`` tells what happens meanwhile. Without ``is_resuming``, what was active before stays as remembered: for
    a short errand, which should not log in to every server there is.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = time.time,
        is_resuming: bool = True,
        second_look_after: float = SECOND_LOOK_AFTER,
        probe_volume: Callable[[Path], bool] = probe_volume,
        open_demo: OpenStage | None = None,
    ) -> None:
        """``second_look_after``: see ``sync.safety``; ``probe_volume``: see ``store.files``.

        ``open_demo`` opens what the demo shows; without it none is offered.
        """
        self.data_dir: Path = settings.data_dir
        self.events = EventBus(epoch=secrets.token_hex(4))
        self._settings = settings
        self._clock = clock
        self._is_resuming = is_resuming
        self._opened_at = time.monotonic()
        self._is_open = False
        self._was_unclean = False
        self._lock = DataLock(settings.data_dir)
        self._db = Database(settings.data_dir / "runferry.db")
        self._host_keys = HostKeys(
            settings.known_hosts, also=[settings.user_known_hosts], is_strict=settings.strict_host_keys
        )
        self._pool = Pool(self._host_keys, ssh_config=settings.ssh_config, connect_timeout=settings.connect_timeout)
        self._connections = Connections(
            self._pool,
            self._db,
            clock=clock,
            on_open=self._resume_syncs,
            while_dialling=lambda connection_id: self._syncs.recovering(connection_id),
            list_followed=lambda connection_id: self._syncs.list_followed(connection_id),
        )
        self._durability = Durability(Checkpoints(self._db))
        self._landings = Landings()
        self._feeds = SeriesFeeds(self._db, self.events, settings.data_dir)
        attentions = Attentions()
        self.cache = Cache(self._db, settings, attentions=attentions, syncs=lambda: self._syncs, clock=clock)
        self.trash = Trash(settings.data_dir)
        ingest = Ingest(self._db)
        places = SyncPlaces(
            settings.data_dir,
            self._db,
            ingest,
            self.events,
            on_runs_changed=self._note_runs_changed,
            needs_healing=lambda: self._was_unclean,
            durability=self._durability,
            landings=self._landings,
            feeds=self._feeds,
            attentions=attentions,
            admit=self.cache.admit,
            second_look_after=second_look_after,
            probe_volume=probe_volume,
            disk_reserve=settings.disk_reserve_bytes,
        )
        self._syncs = Syncs(places, clock=clock)
        self.demand = Demand(self._syncs, attentions)
        self.files = Files(self._db, settings, self.demand, self.cache, attentions, clock=clock)
        self.series = SeriesService(self._db, self._feeds, self.demand)
        self.reindex = Reindex(self._db, settings.data_dir, ingest, self._feeds, self._syncs.find)
        self.logs = Logs(self._db, settings.data_dir, self.demand, self._landings, self.events, clock=clock)
        self.saved_connections = SavedConnections(self._db, Vault(), clock=clock)
        self.configuration = Configuration(settings.data_dir)
        self.recycle_bin = RecycleBin(self._db, settings.data_dir, self._syncs, self.events, clock=clock)
        self.table = Table(self._db)
        self.overview = Overview(self._connections, settings)
        self.artifacts = Artifacts(self._db, settings.data_dir, self.demand, self.recycle_bin, clock=clock)
        self.downloads = Downloads(
            self._db,
            demand=self.demand,
            files=self.files,
            cache=self.cache,
            artifacts=self.artifacts,
            attentions=attentions,
            events=self.events,
            clock=clock,
        )
        self.lineage = Lineage(self._db, self.artifacts)
        self._runs = Runs(self._db, settings.data_dir, self._connections, self._syncs, clock=clock)
        self.demo = Demo(
            DemoTools(
                self._connections,
                self._syncs,
                self._pool,
                PassingServer(self._db, settings.data_dir),
                self.events,
                self._release_sync,
                clock,
            ),
            open_demo,
        )

    @property
    def uptime_seconds(self) -> float:
        return time.monotonic() - self._opened_at

    async def open(self) -> None:
        """Take the data directory and start what was active before.

        Raises Conflict when another process has it, InvalidRequest when nothing can be written there, RunferryError
        when its index cannot be used.
        """
        await in_thread(self._lock.acquire)
        try:
            await in_thread(self._db.open)
            self._was_unclean = await in_thread(Records(self._db).mark_unclean)
            await self.recycle_bin.finish()
            await self._durability.open()
            await self.demo.clear()
            await self._catch_up_series()
            self._opened_at = time.monotonic()
            self._is_open = True
            self._pool.subscribe(self._tell_connection)
            await self.cache.open(self._landings)
            self._runs.start(self.events)
            self.logs.start()
            await self._connections.resume(is_trying=self._is_resuming)
            await self.downloads.open(is_resuming=self._is_resuming)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop everything and let the data directory go. What was active comes back with ``open``. Idempotent."""
        self.events.close()
        if self._is_open:
            self._is_open = False
            await self.downloads.close()
            await self._runs.close()
            await self.logs.close()
            await self._connections.stop_resuming()
            await self.reindex.close()
            await self.demo.remove()
            await self._syncs.close()
            await self._feeds.close()
            await self.cache.close()
            await self._durability.close()
            await self._connections.close()
            await self._pool.close()
            await in_thread(Records(self._db).mark_clean)
            await in_thread(self._db.close)
        self._lock.release()

    async def __aenter__(self) -> Service:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Connections

    async def connect(self, request: ConnectRequest) -> ConnectionView:
        """Log in and make the connection the current one. See ``Connections.connect`` for what it raises."""
        await self._check_username(request.target)
        held = await self._connections.connect(request)
        return await self._view_held(held)

    async def forget_host_key(self, target: Target) -> bool:
        """Forget what was learned of a server's host key; say whether anything was. The next connect learns anew."""
        return await self._pool.forget_host_key(target)

    async def disconnect(self, connection_id: str | None = None) -> str | None:
        """End a connection, or the current one, and its syncs; return its id, or None when there was none.

        Raises NotFound for an id that is not known.
        """
        chosen = connection_id or self._connections.current_id
        if chosen is None:
            return None
        if not self._connections.is_known(chosen):
            if connection_id is None:  # it is being made, or ended by somebody else, at this moment
                return None
            raise NotFound(f"No connection {chosen}; see GET /api/unified/status.")
        await self._syncs.stop_of(chosen)
        await self._connections.disconnect(chosen)
        await self._syncs.deactivate_late(chosen)
        self.events.publish("connection", {"connection_id": chosen, "state": "closed", "connected": False})
        return chosen

    async def list_directory(
        self, path: str, connection_id: str | None = None, *, show_hidden: bool = False, depth: int = 1
    ) -> Listing:
        """Browse a directory of the server. Raises NotConnected, NotFound, AccessDenied, NotADirectory."""
        held = self._connections.find(connection_id)
        async with browsing(held):
            current = await held.remote.resolve(path)
            items = await held.remote.list_directory(current, depth=depth)
        return Listing(current, await in_thread(sort_items, items, show_hidden))

    async def examine(self, request: ConnectRequest, path: str | None = None) -> Report:
        """Try a server step by step and tell what it offers, and which runs a folder there holds."""
        if request.accept_fingerprint is not None:
            await self._pool.confirm_host_key(request.target, request.accept_fingerprint)
        return await Doctor(self._settings, self._host_keys).examine(request.target, request.credentials, path)

    # Syncs

    async def configure_mode(self, request: ModeRequest, connection_id: str | None = None) -> SyncView:
        """Start or change a sync once its root is known to be a readable directory; does not wait for it.

        Raises NotConnected, InvalidRequest, NotFound, AccessDenied, NotADirectory.
        """
        held = self._connections.find(connection_id)
        request.check()
        # Not where something is followed already: it may be this root, and an agent follows only so many.
        is_first = request.is_automatic and not self._syncs.list_of(held.id)
        async with browsing(held):
            root = await held.remote.resolve(request.remote_root, follow_every=request.interval if is_first else None)
        return (await self._syncs.configure(held, request.with_root(root))).view

    async def deactivate_mode(self, mode: Mode, connection_id: str | None = None) -> bool:
        """Stop the connection's syncs of this mode; say whether there were any. Local copies stay."""
        chosen = connection_id or self._connections.current_id
        if chosen is not None and not self._connections.is_known(chosen):
            raise NotFound(f"No connection {chosen}; see GET /api/unified/status.")
        found = self._syncs.list_of(chosen, mode) if chosen else ()
        for sync in found:
            await self._syncs.deactivate(sync.record.id)
        return bool(found)

    async def pause_sync(self, sync_id: int) -> SyncView:
        """Stop a sync's work until it is resumed, also over a restart. Raises NotFound."""
        return (await self._syncs.pause(sync_id)).view

    async def resume_sync(self, sync_id: int) -> SyncView:
        """Let a paused sync go on where it stopped. Raises NotFound."""
        return (await self._syncs.unpause(sync_id)).view

    async def stop_sync(self, sync_id: str) -> bool:
        """Stop one sync for good; say whether it was active."""
        found = next((sync for sync in self._syncs.active if str(sync.record.id) == sync_id), None)
        if found is not None:
            await self._syncs.deactivate(found.record.id)
        return found is not None

    async def sync_now(
        self, mode: Mode | None, connection_id: str | None = None, *, sync_id: int | None = None
    ) -> Sequence[SyncView]:
        """Make the connection's syncs, or one of them, look at their whole roots soon; a lost link is tried at once.

        Raises InvalidRequest where there are none, NotFound where there is not this one.
        """
        held = self._connections.find(connection_id)
        found = [one for one in self._syncs.list_of(held.id, mode) if sync_id in (None, one.record.id)]
        if not found and sync_id is not None:
            raise NotFound(f"No sync {sync_id} is active on {held.id}; see GET /api/unified/status.")
        if not found:
            raise InvalidRequest("No sync is active here. POST /api/unified/configure_mode first.")
        held.connection.retry_now()
        for sync in found:
            sync.sync_now()
        return [sync.view for sync in found]

    # Looking

    async def status(self, connection_id: str | None = None) -> StatusView:
        """Tell the state of everything, seen from one connection (or the current one). Never waits for a server."""
        views = [view_waiting(waiting, now=self._clock()) for waiting in self._connections.waiting]
        views += [await self._view_held(held) for held in self._connections.held]
        if connection_id is None:
            current = views[-1] if views else None
        else:
            current = next((view for view in views if view.id == connection_id), None)
            if current is None:
                raise NotFound(f"No connection {connection_id}; see GET /api/unified/status.")
        experiments, artifacts = await self._runs.count()
        return StatusView(current, tuple(views), experiments, artifacts)

    async def list_runs(self, query: RunFilter) -> tuple[Sequence[RunView], int]:
        """Return the runs that match, and how many there are before ``limit`` and ``offset``."""
        return await self._runs.list(query)

    async def get_run(self, run_id: str) -> RunDetail:
        """Return one run by its id or key. Raises NotFound, Ambiguous."""
        return await self._runs.get(run_id)

    async def _check_username(self, target: Target) -> None:
        """Only ``~/.ssh/config`` may stand in for a user name: a guess would show up in the server's logs."""
        aliases = await in_thread(list_aliases, self._settings.ssh_config) if target.username is None else ()
        if target.username is None and target.host not in aliases:
            raise InvalidRequest("username: this field is required.")

    async def _view_held(self, held: Held) -> ConnectionView:
        syncs = tuple(sync.view for sync in self._syncs.list_of(held.id))
        counts = await self._runs.count(held.server.id)
        return view_held(held, syncs, counts, now=self._clock())

    async def _catch_up_series(self) -> None:
        """Have read what landed before the last end and was not read yet, of every sync there ever was."""
        for record in await in_thread(Records(self._db).list_syncs):
            self._feeds.catch_up(record.id, record.local_dir)

    # Telling

    async def _resume_syncs(self, held: Held) -> None:
        self._tell_connection(held.connection)
        if held.connection.host_key == "added":
            await self._syncs.inherit(held)
        if self._is_resuming:
            await self._syncs.resume(held)

    def _tell_connection(self, connection: Connection) -> None:
        data = {
            "connection_id": connection.id,
            "state": connection.state.value,
            "connected": connection.is_connected,
            "last_error": connection.last_error,
        }
        self.events.publish("connection", data)
        self._runs.look_soon()

    async def _release_sync(self, sync_id: int) -> None:
        await self._feeds.drop(sync_id)
        self.cache.drop_root(sync_id)

    def _note_runs_changed(self) -> None:
        self._runs.look_soon()


def sort_items(items: Sequence[BrowseEntry], show_hidden: bool) -> Sequence[BrowseEntry]:
    """Return directories first, then by name, at every level; without dotfiles unless they are wanted."""
    shown = [item for item in items if show_hidden or not item.name.startswith(".")]
    shown.sort(key=lambda item: (item.kind is not Kind.DIR, item.name))
    return [
        item if not item.children else replace(item, children=tuple(sort_items(item.children, show_hidden)))
        for item in shown
    ]
