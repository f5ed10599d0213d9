"""What is remembered of connections and syncs across restarts: rows in, frozen records out. Never a secret."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Row, func, insert, select, update

from runferry.model import Kind
from runferry.store.db import Database, split, upsert
from runferry.store.tables import connections, facts, files, syncs
from runferry.sync.spec import Mode

STATE = "service_state"
"""The fact that tells whether the last service on this data directory ended in order."""


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    """How to reach a server again. Not ``is_resumable``: it needs a secret that is not kept."""

    id: str
    server_id: int
    host: str
    port: int | None
    username: str | None
    private_key_path: str | None
    use_agent: bool
    is_resumable: bool
    connected_at: float


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """A configured sync. ``local_dir`` is relative to the data directory; ``options`` is JSON-safe."""

    id: int
    server_id: int
    connection_id: str
    mode: Mode
    remote_root: str
    local_dir: str
    options: Mapping[str, Any]
    is_active: bool
    created_at: float
    last_sync_at: float | None

    @property
    def interval(self) -> float:
        """Seconds that may pass, at most, before a change is noticed."""
        return float(self.options["interval"])

    @property
    def is_automatic(self) -> bool:
        return bool(self.options["is_automatic"])

    @property
    def is_paused(self) -> bool:
        return bool(self.options.get("is_paused"))


class Records:
    """Reads and writes the ``connections`` and ``syncs`` tables. Every call blocks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def save_connection(self, record: ConnectionRecord) -> None:
        """Remember a connection that is open as of now."""
        row = {
            "id": record.id,
            "server_id": record.server_id,
            "host": record.host,
            "port": record.port,
            "username": record.username,
            "private_key_path": record.private_key_path,
            "use_agent": record.use_agent,
            "resumable": record.is_resumable,
            "is_open": True,
            "connected_at": record.connected_at,
        }
        with self._db.writing() as conn:
            upsert(conn, connections, [row], keys=["id"])

    def close_connection(self, connection_id: str) -> None:
        """The user has disconnected: neither it nor its syncs come back by themselves."""
        with self._db.writing() as conn:
            conn.execute(update(connections).where(connections.c.id == connection_id).values(is_open=False))
            conn.execute(update(syncs).where(syncs.c.connection_id == connection_id).values(is_active=False))

    def list_open_connections(self) -> Sequence[ConnectionRecord]:
        """Return what was open when this was last written, oldest first."""
        query = select(connections).where(connections.c.is_open).order_by(connections.c.connected_at)
        with self._db.reading() as conn:
            return [make_connection_record(row) for row in conn.execute(query)]

    def save_sync(self, record: SyncRecord) -> SyncRecord:
        """Activate a sync, new or known by (server, root, mode), and return it with the id it has.

        A known one keeps its local directory.
        """
        row = {
            "server_id": record.server_id,
            "connection_id": record.connection_id,
            "mode": record.mode.value,
            "remote_root": record.remote_root,
            "options": orjson.dumps(record.options).decode(),
            "is_active": True,
        }
        key = (
            (syncs.c.server_id == record.server_id)
            & (syncs.c.remote_root == record.remote_root)
            & (syncs.c.mode == record.mode.value)
        )
        with self._db.writing() as conn:
            if conn.execute(update(syncs).where(key).values(row)).rowcount == 0:
                conn.execute(
                    insert(syncs).values(row | {"local_dir": record.local_dir, "created_at": record.created_at})
                )
            return make_sync_record(conn.execute(select(syncs).where(key)).one())

    def set_paused(self, record: SyncRecord, is_paused: bool) -> SyncRecord:
        """Remember that a sync rests until it is resumed, or that it does not; return its record as it is then."""
        options = {key: value for key, value in record.options.items() if key != "is_paused"}
        options |= {"is_paused": True} if is_paused else {}
        with self._db.writing() as conn:
            changed = update(syncs).where(syncs.c.id == record.id)
            conn.execute(changed.values(options=orjson.dumps(options).decode()))
        return replace(record, options=options)

    def deactivate_sync(self, sync_id: int) -> None:
        with self._db.writing() as conn:
            conn.execute(update(syncs).where(syncs.c.id == sync_id).values(is_active=False))

    def mark_unclean(self) -> bool:
        """Note that work goes on in this data directory; say whether the one before ended without ``mark_clean``."""
        with self._db.writing() as conn:
            before = conn.execute(select(facts.c.value).where(facts.c.name == STATE)).scalar()
            upsert(conn, facts, [{"name": STATE, "value": "working"}], keys=["name"])
        return before == "working"

    def mark_clean(self) -> None:
        with self._db.writing() as conn:
            upsert(conn, facts, [{"name": STATE, "value": "closed"}], keys=["name"])

    def count_files(
        self, sync_id: int, directory: str, names: Collection[str]
    ) -> tuple[Mapping[str, int], frozenset[str]]:
        """Count the files below a directory (listed, held, bytes, held_bytes), and say which of ``names`` it holds."""
        prefix = f"{directory}/" if directory else ""
        below = (files.c.sync_id == sync_id) & (files.c.kind == Kind.FILE.value) & files.c.gone_at.is_(None)
        if prefix:
            below &= (files.c.path >= prefix) & (files.c.path < f"{directory}0")  # "0" follows "/"
        totals = select(
            func.count(),
            func.count(files.c.held_size),
            func.coalesce(func.sum(files.c.size), 0),
            func.coalesce(func.sum(files.c.held_size), 0),
        ).where(below)
        present = select(files.c.path).where(below, files.c.path.in_([prefix + name for name in names]))
        with self._db.reading() as conn:
            listed, held, size, held_size = conn.execute(totals).one()
            found = frozenset(path.removeprefix(prefix) for path in conn.execute(present).scalars())
        return {"listed": listed, "held": held, "bytes": size, "held_bytes": held_size}, found

    def last_changes(self, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], float]:
        """Return when these files (sync and path) were last modified on their servers, as far as they are listed."""
        paths: dict[int, list[str]] = {}
        for sync_id, path in wanted:
            paths.setdefault(sync_id, []).append(path)
        found: dict[tuple[int, str], float] = {}
        with self._db.reading() as conn:
            for sync_id, names in paths.items():
                for part in split(names):
                    query = select(files.c.path, files.c.mtime_ns).where(
                        files.c.sync_id == sync_id, files.c.path.in_(part)
                    )
                    found |= {(sync_id, row.path): row.mtime_ns / 1e9 for row in conn.execute(query)}
        return found

    def list_active_syncs(self, connection_id: str) -> Sequence[SyncRecord]:
        query = select(syncs).where((syncs.c.connection_id == connection_id) & syncs.c.is_active)
        with self._db.reading() as conn:
            return [make_sync_record(row) for row in conn.execute(query.order_by(syncs.c.id))]

    def list_syncs(self) -> Sequence[SyncRecord]:
        """Return every sync ever configured in this data directory."""
        with self._db.reading() as conn:
            return [make_sync_record(row) for row in conn.execute(select(syncs).order_by(syncs.c.id))]


def make_connection_record(row: Row[Any]) -> ConnectionRecord:
    return ConnectionRecord(
        id=row.id,
        server_id=row.server_id,
        host=row.host,
        port=row.port,
        username=row.username,
        private_key_path=row.private_key_path,
        use_agent=row.use_agent,
        is_resumable=row.resumable,
        connected_at=row.connected_at,
    )


def make_sync_record(row: Row[Any]) -> SyncRecord:
    return SyncRecord(
        id=row.id,
        server_id=row.server_id,
        connection_id=row.connection_id,
        mode=Mode(row.mode),
        remote_root=row.remote_root,
        local_dir=row.local_dir,
        options=orjson.loads(row.options),
        is_active=row.is_active,
        created_at=row.created_at,
        last_sync_at=row.last_sync_at,
    )
