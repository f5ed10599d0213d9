"""Servers, syncs and runs put straight into an index, and a listing of a local directory."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert

from runferry.ingest import SyncSource
from runferry.model import Entry, Kind, Run, Version
from runferry.store.db import Database
from runferry.store.runs import RunStore, SyncScope
from runferry.store.servers import ensure_server
from runferry.store.tables import syncs


def add_sync(index: Database, host: str, root: str, *, mode: str = "mirror", is_active: bool = True) -> SyncScope:
    """Put a server (known by ``host``) and a sync of ``root`` into the index."""
    with index.writing() as connection:
        server = ensure_server(connection, f"SHA256:{host}0123456789", host=host, port=None, now=1.0)
        new = insert(syncs).values(
            server_id=server.id,
            connection_id=f"user@{host}:22",
            mode=mode,
            remote_root=root,
            local_dir=f"{mode}/{server.directory}",
            options="{}",
            is_active=is_active,
            created_at=1.0,
        )
        sync_id = connection.execute(new.returning(syncs.c.id)).scalar_one()
    return SyncScope(sync_id, server.id, root)


def make_run(path: str, **fields: object) -> Run:
    """Make a finished run whose id is its directory's name, unless ``fields`` say otherwise."""
    values: dict[str, object] = {
        "id": path.rpartition("/")[2],
        "path": path,
        "format": "runicorn",
        "project": "cv",
        "name": "yolo",
        "created_at": 100.0,
        "status": "finished",
        **fields,
    }
    return Run(**values)  # type: ignore[arg-type]


def put_runs(index: Database, scope: SyncScope, *found: Run) -> list[str]:
    with index.writing() as connection:
        return RunStore(index).upsert(connection, scope, found)


def lose_runs(index: Database, scope: SyncScope, *paths: str, at: float = 9.0) -> list[str]:
    with index.writing() as connection:
        return RunStore(index).mark_gone(connection, scope, paths, at=at)


def list_local(root: Path) -> dict[str, Entry]:
    """Return the listing a remote would give of ``root``: every file and directory below it."""
    listing = {}
    for path in sorted(root.rglob("*")):
        name, status = path.relative_to(root).as_posix(), path.lstat()
        kind = Kind.DIR if path.is_dir() else Kind.FILE
        listing[name] = Entry(name, kind, Version(status.st_size, status.st_mtime_ns))
    return listing


def source_of(scope: SyncScope, root: Path) -> SyncSource:
    return SyncSource(scope.sync_id, scope.server_id, scope.remote_root, root)
