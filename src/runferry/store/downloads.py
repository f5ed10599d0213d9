"""The download tasks a user asked for, as remembered across restarts. Rows in, records out; everything blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, delete, insert, select, update

from runferry.store.db import Database
from runferry.store.tables import downloads

REMEMBERED = 200
"""How many tasks that have ended are kept."""


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """One task. ``request`` and ``summary`` are JSON-safe; ``state`` is queued, running, done, failed or cancelled."""

    id: str
    request: Mapping[str, Any]
    state: str
    summary: Mapping[str, Any]
    error: str | None
    created_at: float
    ended_at: float | None


class DownloadStore:
    """Reads and writes the ``downloads`` table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, record: DownloadRecord) -> None:
        row = {
            "id": record.id,
            "request": orjson.dumps(record.request).decode(),
            "state": record.state,
            "summary": orjson.dumps(record.summary).decode(),
            "error": record.error,
            "created_at": record.created_at,
            "ended_at": record.ended_at,
        }
        with self._db.writing() as connection:
            connection.execute(insert(downloads).values(row))

    def change(
        self,
        id: str,
        *,
        state: str,
        summary: Mapping[str, Any],
        error: str | None = None,
        ended_at: float | None = None,
    ) -> None:
        values = {
            "state": state,
            "summary": orjson.dumps(summary).decode(),
            "error": error,
            "ended_at": ended_at,
        }
        with self._db.writing() as connection:
            connection.execute(update(downloads).where(downloads.c.id == id).values(values))

    def remove(self, id: str) -> None:
        with self._db.writing() as connection:
            connection.execute(delete(downloads).where(downloads.c.id == id))

    def load(self) -> Sequence[DownloadRecord]:
        """Return all tasks, the oldest first, having dropped the oldest of those that ended long ago."""
        with self._db.writing() as connection:
            ended = select(downloads.c.id).where(downloads.c.ended_at.is_not(None))
            old = ended.order_by(downloads.c.ended_at.desc()).offset(REMEMBERED).limit(-1)
            connection.execute(delete(downloads).where(downloads.c.id.in_(old.scalar_subquery())))
            rows = connection.execute(select(downloads).order_by(downloads.c.created_at)).all()
        return [read_row(row) for row in rows]


def read_row(row: Row[Any]) -> DownloadRecord:
    return DownloadRecord(
        id=row.id,
        request=orjson.loads(row.request),
        state=row.state,
        summary=orjson.loads(row.summary),
        error=row.error,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
