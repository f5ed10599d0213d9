"""What smart syncs hold because somebody asked for it: when it was used last, what is pinned, how much it is.

Rows and queries only: it removes no file and decides nothing. Everything here blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select, update

from runferry.store.db import Database, split, upsert
from runferry.store.tables import cached_files, files, partials, servers, syncs
from runferry.store.vanished import is_within

Place = tuple[int, str]
"""A sync's id and a path relative to its root."""


@dataclass(frozen=True, slots=True)
class CachedFile:
    """One file of the cache. ``size`` is what is held of it, in bytes; ``staged`` names what is under way."""

    sync_id: int
    path: str
    size: int
    used_at: float
    is_pinned: bool
    is_gone: bool
    staged: str | None
    server: str
    remote_root: str

    @property
    def place(self) -> Place:
        return self.sync_id, self.path


class CacheStore:
    """The rows of ``cached_files`` beside those of the files they are about."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, places: Iterable[Place], *, at: float) -> None:
        """Note files as used now, new ones included."""
        rows = [{"sync_id": sync_id, "path": path, "used_at": at, "is_pinned": False} for sync_id, path in places]
        with self._db.writing() as connection:
            upsert(connection, cached_files, rows, keys=("sync_id", "path"), columns=("used_at",))

    def note_use(self, used_at: Mapping[Place, float]) -> None:
        """Note when files of the cache were used; what is not in it is left out."""
        is_meant = and_(cached_files.c.sync_id == bindparam("sync"), cached_files.c.path == bindparam("place"))
        statement = update(cached_files).where(is_meant).values(used_at=bindparam("at"))
        rows = [{"sync": sync_id, "place": path, "at": at} for (sync_id, path), at in used_at.items()]
        if rows:
            with self._db.writing() as connection:
                connection.execute(statement, rows)

    def pin(self, sync_id: int, paths: Iterable[str], *, is_pinned: bool, at: float) -> None:
        """Pin or unpin files, or directories with all that lies below."""
        with self._db.writing() as connection:
            if not is_pinned:
                for path in paths:
                    place = and_(cached_files.c.sync_id == sync_id, _is_at_or_below(path))
                    connection.execute(update(cached_files).where(place).values(is_pinned=False))
                return
            rows = [{"sync_id": sync_id, "path": path, "used_at": at, "is_pinned": True} for path in paths]
            upsert(connection, cached_files, rows, keys=("sync_id", "path"), columns=("is_pinned",))

    def held_bytes(self) -> int:
        """Return how many bytes the whole files of the cache have; those under way are not among them."""
        query = select(func.coalesce(func.sum(files.c.held_size), 0)).select_from(_JOINED)
        with self._db.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def staged(self) -> list[tuple[Place, str]]:
        """Return the files under way, each with the name of its staged bytes."""
        query = select(partials.c.sync_id, partials.c.path, partials.c.staged).join(
            cached_files, _same_place(partials, cached_files)
        )
        with self._db.reading() as connection:
            return [((row.sync_id, row.path), row.staged) for row in connection.execute(query)]

    def list_files(
        self,
        *,
        sync_id: int | None = None,
        below: Collection[str] = ("",),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[CachedFile]:
        """Return what the cache holds, the longest unused first: of all syncs, or of one at or below some paths."""
        query = _SELECTED.order_by(cached_files.c.used_at, cached_files.c.path).limit(limit).offset(offset or None)
        if sync_id is not None:
            query = query.where(cached_files.c.sync_id == sync_id, or_(*(_is_at_or_below(path) for path in below)))
        with self._db.reading() as connection:
            rows = connection.execute(query).all()
            pinned = self._pinned_directories([(row.sync_id, row.path) for row in connection.execute(_PINNED)])
        return [
            CachedFile(
                sync_id=row.sync_id,
                path=row.path,
                size=row.held_size or 0,
                used_at=row.used_at,
                is_pinned=row.is_pinned or is_within(row.path, pinned.get(row.sync_id, ())),
                is_gone=row.gone_at is not None,
                staged=row.staged,
                server=row.server,
                remote_root=row.remote_root,
            )
            for row in rows
        ]

    def count(self) -> int:
        with self._db.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(_JOINED).where(_HOLDS)).scalar_one())

    def find_leftovers(self) -> list[Place]:
        """Return the rows of files of which, says the index, nothing is held and nothing is under way."""
        query = (
            select(cached_files.c.sync_id, cached_files.c.path)
            .select_from(
                cached_files.outerjoin(files, _same_place(files, cached_files)).outerjoin(
                    partials, _same_place(partials, cached_files)
                )
            )
            .where(files.c.held_size.is_(None), partials.c.staged.is_(None), or_(files.c.kind.is_(None), _IS_FILE))
        )
        with self._db.reading() as connection:
            return [(row.sync_id, row.path) for row in connection.execute(query)]

    def let_go(self, sync_id: int, paths: Sequence[str]) -> None:
        """Record that nothing of these files is held any more. For syncs that are not at work."""
        with self._db.writing() as connection:
            nothing = dict.fromkeys(_HELD_COLUMNS)
            statement = (
                update(files)
                .where(files.c.sync_id == sync_id, files.c.path == bindparam("place"), files.c.held_size.is_not(None))
                .values(**nothing, is_racy=False, generation=files.c.generation + 1)
            )
            connection.execute(statement, [{"place": path} for path in paths])

    def forget(self, places: Collection[Place]) -> list[str]:
        """Drop rows, those of what is under way included; return the names of what was staged. Pins stay."""
        staged: list[str] = []
        with self._db.writing() as connection:
            for sync_id in {sync_id for sync_id, _ in places}:
                for paths in split(path for number, path in places if number == sync_id):
                    of_partials = and_(partials.c.sync_id == sync_id, partials.c.path.in_(paths))
                    staged += connection.execute(select(partials.c.staged).where(of_partials)).scalars()
                    connection.execute(delete(partials).where(of_partials))
                    of_cached = and_(cached_files.c.sync_id == sync_id, cached_files.c.path.in_(paths))
                    connection.execute(delete(cached_files).where(of_cached, cached_files.c.is_pinned.is_(False)))
        return staged

    def _pinned_directories(self, pinned: Collection[Place]) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for sync_id, path in pinned:
            found.setdefault(sync_id, set()).add(path)
        return found


def _same_place(one: object, other: object) -> ColumnElement[bool]:
    return and_(one.c.sync_id == other.c.sync_id, one.c.path == other.c.path)  # type: ignore[attr-defined]


def _is_at_or_below(path: str) -> ColumnElement[bool]:
    if not path:
        return cached_files.c.path.is_not(None)
    # "0" follows "/": a range the index can answer, unlike LIKE
    is_below = and_(cached_files.c.path > f"{path}/", cached_files.c.path < f"{path}0")
    return or_(cached_files.c.path == path, is_below)


_HELD_COLUMNS = (
    *("held_size", "held_mtime_ns", "held_ctime_ns", "held_inode", "held_device"),
    *("content_hash", "landed_at"),
)
_IS_FILE = files.c.kind == "file"
_JOINED = cached_files.join(files, _same_place(files, cached_files))
_HOLDS = files.c.held_size.is_not(None)
_PINNED: Select[tuple[int, str]] = select(cached_files.c.sync_id, cached_files.c.path).where(cached_files.c.is_pinned)
_SELECTED = (
    select(
        cached_files,
        files.c.held_size,
        files.c.gone_at,
        partials.c.staged,
        servers.c.label.label("server"),
        syncs.c.remote_root,
    )
    .select_from(
        _JOINED.outerjoin(partials, _same_place(partials, cached_files))
        .join(syncs, syncs.c.id == cached_files.c.sync_id)
        .join(servers, servers.c.id == syncs.c.server_id)
    )
    .where(or_(_HOLDS, partials.c.staged.is_not(None)))
)
