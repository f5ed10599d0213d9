"""The files of a run as the index has them: pages of a listing, totals, single records. Reads only; blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select

from runferry.store.db import Database
from runferry.store.tables import files, partials


@dataclass(frozen=True, slots=True)
class FileRow:
    """One listed path. ``local`` is full (the version last listed is here), partial or none.

    Of a directory on a page that shows one level, the counts are of all that lies below; elsewhere they are None.
    """

    path: str
    kind: str
    size: int
    mtime: float
    local: str
    gone_at: float | None
    files: int | None = None
    bytes: int | None = None
    held_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    files: int
    bytes: int
    held_bytes: int


_UNDER_WAY = and_(partials.c.sync_id == files.c.sync_id, partials.c.path == files.c.path)


class FileList:
    """Lists files below a directory of one sync, sorted by path."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def totals(self, sync_id: int, directory: str) -> Totals:
        """Add up the files below ``directory``, those that are gone and held included."""
        query = select(
            func.count(),
            func.coalesce(func.sum(files.c.size), 0),
            func.coalesce(func.sum(files.c.held_size), 0),
        ).where(is_below(sync_id, directory), files.c.kind == "file")
        with self._db.reading() as connection:
            return Totals(*(int(number) for number in connection.execute(query).one()))

    def page(
        self, sync_id: int, directory: str, *, is_flat: bool, limit: int, offset: int
    ) -> tuple[Sequence[FileRow], int]:
        """Return what lies below ``directory``, or directly in it, and how much that is on all pages."""
        wanted = is_below(sync_id, directory)
        if is_flat:
            wanted = and_(wanted, files.c.kind != "dir")
        else:
            prefix = f"{directory}/" if directory else ""
            wanted = and_(wanted, files.c.path.not_like(f"{escape(prefix)}%/%", escape="\\"))
        query = select(files, partials.c.staged).outerjoin(partials, _UNDER_WAY).where(wanted)
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(files.c.path).limit(limit).offset(offset)).all()
            total = int(connection.execute(select(func.count()).select_from(files).where(wanted)).scalar_one())
        return [self._read(sync_id, row) for row in rows], total

    def sizes(self, sync_id: int, directory: str) -> dict[str, tuple[int, bool]]:
        """Return the size of every file at or below ``directory``, and whether it is here as it was last listed."""
        is_meant = is_below(sync_id, directory) | and_(files.c.sync_id == sync_id, files.c.path == directory)
        query = (
            select(files, partials.c.staged)
            .outerjoin(partials, _UNDER_WAY)
            .where(is_meant, files.c.kind == "file")
            .order_by(files.c.path)
        )
        with self._db.reading() as connection:
            return {row.path: (row.size, find_local(row) == "full") for row in connection.execute(query)}

    def _read(self, sync_id: int, row: Row[Any]) -> FileRow:
        below = self.totals(sync_id, row.path) if row.kind == "dir" else None
        return FileRow(
            path=row.path,
            kind=row.kind,
            size=0 if row.kind == "dir" else row.size,
            mtime=row.mtime_ns / 1e9,
            local=find_local(row) if below is None else find_local_below(below),
            gone_at=row.gone_at,
            files=below.files if below else None,
            bytes=below.bytes if below else None,
            held_bytes=below.held_bytes if below else None,
        )


def is_below(sync_id: int, directory: str) -> ColumnElement[bool]:
    if not directory:
        return and_(files.c.sync_id == sync_id, files.c.path != "")
    # "0" follows "/": a range the primary key can answer, unlike LIKE
    return and_(files.c.sync_id == sync_id, files.c.path > f"{directory}/", files.c.path < f"{directory}0")


def find_local(row: Row[Any]) -> str:
    if row.held_size is None:
        return "none" if row.staged is None else "partial"
    is_same = (row.held_size, row.held_mtime_ns) == (row.size, row.mtime_ns)
    return "full" if is_same or row.gone_at is not None else "partial"


def find_local_below(totals: Totals) -> str:
    if totals.held_bytes == 0 and totals.bytes:
        return "none"
    return "full" if totals.held_bytes == totals.bytes else "partial"


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
