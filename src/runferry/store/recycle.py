"""What the user deleted here: runs in the recycle bin, hidden artifact versions, and what is never fetched again.

It writes to the index only: never to a file, never to a server. A deleted directory is remembered by its server and its
absolute place there, so that neither another sync nor another connection brings it back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, bindparam, delete, exists, or_, select, true, update

from runferry.store.db import Database, split, upsert
from runferry.store.tables import (
    artifacts,
    cached_files,
    files,
    hidden_artifacts,
    partials,
    recycled_runs,
    runs,
    syncs,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A directory (or file) on a server: what the user deletes is known by this."""

    server_id: int
    remote_dir: str


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """Where one sync keeps a place: ``local_dir`` is the sync's, relative to the data directory."""

    sync_id: int
    local_dir: str
    path: str


class RecycleStore:
    """The places the user deleted. Every call blocks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, place: Place, *, key: str, run_id: str, at: float) -> None:
        """Put a run into the bin."""
        row = {"server_id": place.server_id, "remote_dir": place.remote_dir, "key": key, "run_id": run_id}
        with self._db.writing() as connection:
            upsert(connection, recycled_runs, [row | {"deleted_at": at, "emptied_at": None}], keys=_KEYS)
            connection.execute(update(runs).where(_is_at(runs, place)).values(recycled_at=at))

    def take_back(self, place: Place) -> None:
        """Take a run out of the bin."""
        with self._db.writing() as connection:
            connection.execute(
                delete(recycled_runs).where(_is_at(recycled_runs, place), recycled_runs.c.emptied_at.is_(None))
            )
            connection.execute(update(runs).where(_is_at(runs, place)).values(recycled_at=None))

    def hide(self, places: Iterable[Place], *, at: float, is_emptied: bool) -> None:
        """Hide artifact versions; ``is_emptied``: nothing of them is to be kept or fetched either."""
        rows = [
            {"server_id": one.server_id, "remote_dir": one.remote_dir, "deleted_at": at}
            | ({"emptied_at": at} if is_emptied else {})
            for one in places
        ]
        with self._db.writing() as connection:
            upsert(connection, hidden_artifacts, rows, keys=_KEYS)

    def hidden(self) -> frozenset[Place]:
        """Return the artifact versions that are not to be shown."""
        with self._db.reading() as connection:
            rows = connection.execute(select(hidden_artifacts.c.server_id, hidden_artifacts.c.remote_dir))
            return frozenset(Place(row.server_id, row.remote_dir) for row in rows)

    def mark_emptied(self, places: Collection[Place], *, at: float) -> None:
        """Say that nothing of these runs is to be kept or fetched from now on."""
        with self._db.writing() as connection:
            for place in places:
                connection.execute(update(recycled_runs).where(_is_at(recycled_runs, place)).values(emptied_at=at))

    def refused(self, server_id: int) -> frozenset[str]:
        """Return the absolute places on one server of which nothing is fetched."""
        found: set[str] = set()
        with self._db.reading() as connection:
            for table in (recycled_runs, hidden_artifacts):
                query = select(table.c.remote_dir).where(
                    table.c.server_id == server_id, table.c.emptied_at.is_not(None)
                )
                found.update(connection.execute(query).scalars())
        return frozenset(found)

    def unfinished(self) -> list[Place]:
        """Return the emptied places of which something is still in the index: an abrupt end came between."""
        found: list[Place] = []
        with self._db.reading() as connection:
            for bin_, indexed in ((recycled_runs, runs), (hidden_artifacts, artifacts)):
                is_same = and_(indexed.c.server_id == bin_.c.server_id, indexed.c.remote_dir == bin_.c.remote_dir)
                query = select(bin_.c.server_id, bin_.c.remote_dir)
                query = query.where(bin_.c.emptied_at.is_not(None), exists().where(is_same))
                found += [Place(row.server_id, row.remote_dir) for row in connection.execute(query)]
        return found

    def locate(self, place: Place) -> list[LocalPlace]:
        """Return where syncs, active or not, may keep copies of a place."""
        with self._db.reading() as connection:
            rows = connection.execute(select(syncs).where(syncs.c.server_id == place.server_id)).all()
        found = []
        for row in rows:
            path = find_relative(place.remote_dir, row.remote_root)
            if path is not None:
                found.append(LocalPlace(row.id, row.local_dir, path))
        return found

    def forget(self, place: Place) -> None:
        """Drop all rows of a place and of what lies below it, directories excepted: those would be made again."""
        located = self.locate(place)
        with self._db.writing() as connection:
            for table in (runs, artifacts):
                connection.execute(delete(table).where(_is_at(table, place)))
            for one in located:
                for table in (files, partials, cached_files):
                    is_within = and_(table.c.sync_id == one.sync_id, _is_within(table, one.path))
                    if table is files:
                        is_within = and_(is_within, files.c.kind != "dir")
                    connection.execute(delete(table).where(is_within))


def find_recycled(connection: Connection, server_id: int, found: Mapping[str, str]) -> dict[str, float]:
    """Return when those of ``found`` (absolute directory -> run id) were deleted that are in the bin.

    A run that is new here, while a deleted one with its id has left its directory, is that one, moved: it stays
    deleted.
    """
    deleted: dict[str, float] = {}
    for part in split(found):
        asked = {"server_id": server_id, "directories": part, "ids": [found[path] for path in part]}
        rows = connection.execute(_IN_BIN, asked).all()
        deleted |= {row.remote_dir: row.deleted_at for row in rows if row.remote_dir in found}
        moved = [row for row in rows if row.remote_dir not in found and not _is_live(connection, server_id, row)]
        for row in moved:
            for path in part:
                if found[path] == row.run_id and path not in deleted and not _is_known(connection, server_id, path):
                    copied = {"server_id": server_id, "remote_dir": path, "run_id": row.run_id, "emptied_at": None}
                    values = copied | {"key": row.key, "deleted_at": row.deleted_at}
                    upsert(connection, recycled_runs, [values], keys=_KEYS)
                    deleted[path] = row.deleted_at
    return deleted


def is_restorable() -> ColumnElement[bool]:
    """Return the condition that a run in the bin was not emptied out of it."""
    is_same = and_(recycled_runs.c.server_id == runs.c.server_id, recycled_runs.c.remote_dir == runs.c.remote_dir)
    return exists().where(is_same, recycled_runs.c.emptied_at.is_(None))


def find_relative(place: str, root: str) -> str | None:
    """Return ``place`` relative to ``root`` (both absolute); ``""`` where they are one, None where it is outside."""
    base = root.rstrip("/")
    if place == (base or "/"):
        return ""
    return place[len(base) + 1 :] if place.startswith(f"{base}/") else None


def find_refused_paths(refused: Iterable[str], root: str) -> frozenset[str]:
    """Return the refused places relative to a sync's root; ``""`` where the root itself lies in one."""
    paths: set[str] = set()
    for place in refused:
        path = find_relative(place, root)
        if path is not None:
            paths.add(path)
        elif find_relative(root, place) is not None:
            paths.add("")
    return frozenset(paths)


_KEYS = ("server_id", "remote_dir")
_IN_BIN = select(recycled_runs).where(
    recycled_runs.c.server_id == bindparam("server_id"),
    or_(
        recycled_runs.c.remote_dir.in_(bindparam("directories", expanding=True)),
        recycled_runs.c.run_id.in_(bindparam("ids", expanding=True)),
    ),
)


def _is_at(table: Table, place: Place) -> ColumnElement[bool]:
    return and_(table.c.server_id == place.server_id, table.c.remote_dir == place.remote_dir)


def _is_within(table: Table, path: str) -> ColumnElement[bool]:
    if not path:
        return true()
    # "0" follows "/": a range the primary key can answer, unlike LIKE
    return or_(table.c.path == path, and_(table.c.path > f"{path}/", table.c.path < f"{path}0"))


def _is_live(connection: Connection, server_id: int, row: Row[Any]) -> bool:
    is_there = _is_at(runs, Place(server_id, row.remote_dir)) & runs.c.gone_at.is_(None)
    return connection.execute(select(runs.c.id).where(is_there)).first() is not None


def _is_known(connection: Connection, server_id: int, remote_dir: str) -> bool:
    return connection.execute(select(runs.c.id).where(_is_at(runs, Place(server_id, remote_dir)))).first() is not None
