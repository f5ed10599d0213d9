"""The index of artifact versions. Everything here blocks; it reads no artifact files.

Each row is one version as one sync sees it; ``store.catalogue`` makes artifacts of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, select, update

from runferry.model import ArtifactVersion
from runferry.store.db import Database, split, upsert
from runferry.store.runs import SyncScope
from runferry.store.tables import artifacts, files, hidden_artifacts, servers, syncs


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """Where a sync keeps its copy of a version: ``local_dir`` is relative to the data directory, ``path`` to it."""

    sync_id: int
    local_dir: str
    path: str
    last_sync_at: float | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One version as the index has it; ``remote_dir`` is absolute on the server.

    ``copies`` has one entry per sync that sees it. ``is_hidden``: the user deleted it here.
    """

    sync_id: int
    server_id: int
    server: str
    remote_dir: str
    version: ArtifactVersion
    gone_at: float | None
    copies: tuple[LocalCopy, ...] = ()
    is_hidden: bool = False

    @property
    def is_shown(self) -> bool:
        return self.gone_at is None and not self.is_hidden


class ArtifactStore:
    """The artifacts of all servers. Calls that take a connection are part of the caller's writing transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def list_versions(self, server_id: int | None = None) -> list[ArtifactRow]:
        """Return the versions that are still on their servers and not deleted here, by type, name and version.

        One that several syncs see appears once.
        """
        found = [row for row in self.list_all() if row.is_shown]
        return [row for row in found if server_id in (None, row.server_id)]

    def list_all(self, name: str | None = None) -> list[ArtifactRow]:
        """Return all versions ever seen, or those of artifacts with this name; those that are gone or hidden too."""
        archived = and_(
            files.c.sync_id == artifacts.c.sync_id, files.c.path == artifacts.c.path, files.c.kind == "file"
        )
        query = select(artifacts, servers.c.label, syncs.c.local_dir, syncs.c.last_sync_at, files.c.size)
        query = query.outerjoin(files, archived).join(servers, servers.c.id == artifacts.c.server_id)
        query = query.join(syncs, syncs.c.id == artifacts.c.sync_id)
        if name is not None:
            query = query.where(artifacts.c.name == name)
        order = (artifacts.c.type, artifacts.c.name, artifacts.c.version, artifacts.c.created_at, artifacts.c.sync_id)
        hidden = select(hidden_artifacts.c.server_id, hidden_artifacts.c.remote_dir)
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(*order)).all()
            is_hidden = {(row.server_id, row.remote_dir) for row in connection.execute(hidden)}
        seen: dict[tuple[int, str], list[Row[Any]]] = {}
        for row in rows:
            seen.setdefault((row.server_id, row.remote_dir), []).append(row)
        return [_read_row(copies, is_hidden=place in is_hidden) for place, copies in seen.items()]

    def upsert(self, connection: Connection, scope: SyncScope, found: Sequence[ArtifactVersion]) -> None:
        """Bring the rows of ``found`` in step; those that were gone are back."""
        rows: dict[str, dict[str, object]] = {}
        for version in found:
            values: dict[str, object] = {name: getattr(version, name) for name in _FIELDS}
            values["aliases"] = orjson.dumps(version.aliases).decode()
            place = {"sync_id": scope.sync_id, "server_id": scope.server_id, "gone_at": None}
            rows[version.path] = {**values, **place, "remote_dir": scope.remote_dir(version.path)}
        upsert(connection, artifacts, list(rows.values()), keys=["sync_id", "path"])

    def mark_gone(self, connection: Connection, scope: SyncScope, paths: Iterable[str], *, at: float) -> None:
        """Mark these versions as gone from the server, for every sync that has them."""
        for part in split(scope.remote_dir(path) for path in paths):
            is_meant = (
                (artifacts.c.server_id == scope.server_id)
                & artifacts.c.remote_dir.in_(part)
                & artifacts.c.gone_at.is_(None)
            )
            connection.execute(update(artifacts).where(is_meant).values(gone_at=at))

    def known(self, connection: Connection, sync_id: int) -> set[str]:
        """Return the paths of one sync's versions that are not gone."""
        query = select(artifacts.c.path).where(artifacts.c.sync_id == sync_id, artifacts.c.gone_at.is_(None))
        return set(connection.execute(query).scalars())

    def lost(self, connection: Connection, sync_id: int, paths: Iterable[str]) -> set[str]:
        """Return those of ``paths`` that were known once and are gone."""
        found: set[str] = set()
        for part in split(paths):
            is_meant = (artifacts.c.sync_id == sync_id) & artifacts.c.path.in_(part) & artifacts.c.gone_at.is_not(None)
            found.update(connection.execute(select(artifacts.c.path).where(is_meant)).scalars())
        return found

    def known_in(self, connection: Connection, sync_id: int, directories: Collection[str]) -> set[str]:
        """Return the known version directories directly in these artifact directories."""
        return {path for path in self.known(connection, sync_id) if path.rpartition("/")[0] in directories}


_FIELDS = [name for name in ArtifactVersion.__dataclass_fields__ if name != "aliases"]


def _read_row(copies: Sequence[Row[Any]], *, is_hidden: bool) -> ArtifactRow:
    """Join what syncs say of one version: whoever still sees it, first the one that was first."""
    row = min(copies, key=lambda copy: (copy.gone_at is not None, copy.sync_id))
    values: dict[str, Any] = {name: row._mapping[name] for name in _FIELDS}
    values["size_bytes"] = row.size_bytes or row.size or 0  # an archived file says its size by being listed
    version = ArtifactVersion(aliases=tuple(orjson.loads(row.aliases)), **values)
    places = tuple(LocalCopy(copy.sync_id, copy.local_dir, copy.path, copy.last_sync_at) for copy in copies)
    return ArtifactRow(
        row.sync_id, row.server_id, row.label, row.remote_dir, version, row.gone_at, places, is_hidden=is_hidden
    )
