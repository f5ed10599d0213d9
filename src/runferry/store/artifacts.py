"""The index of artifact versions. Everything here blocks; it reads no artifact files.

An artifact is what has one type and one name on one server; each row is one version of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select, update

from runferry.model import ArtifactVersion
from runferry.store.db import Database, split, upsert
from runferry.store.runs import SyncScope
from runferry.store.tables import artifacts, servers


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One version as the index has it; ``remote_dir`` is absolute on the server."""

    sync_id: int
    server_id: int
    server: str
    remote_dir: str
    version: ArtifactVersion
    gone_at: float | None


class ArtifactStore:
    """The artifacts of all servers. Calls that take a connection are part of the caller's writing transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def list_versions(self, server_id: int | None = None) -> list[ArtifactRow]:
        """Return the versions that are still on their servers, by type, name and version.

        One that several syncs see appears once.
        """
        query = select(artifacts, servers.c.label).join(servers, servers.c.id == artifacts.c.server_id)
        query = query.where(artifacts.c.gone_at.is_(None))
        if server_id is not None:
            query = query.where(artifacts.c.server_id == server_id)
        order = (artifacts.c.type, artifacts.c.name, artifacts.c.version, artifacts.c.created_at, artifacts.c.sync_id)
        with self._db.reading() as connection:
            rows = [_read_row(row) for row in connection.execute(query.order_by(*order))]
        return list({(row.server_id, row.remote_dir): row for row in reversed(rows)}.values())[::-1]

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


def _read_row(row: Row[Any]) -> ArtifactRow:
    values: dict[str, Any] = {name: row._mapping[name] for name in _FIELDS}
    version = ArtifactVersion(aliases=tuple(orjson.loads(row.aliases)), **values)
    return ArtifactRow(row.sync_id, row.server_id, row.label, row.remote_dir, version, row.gone_at)
