"""Which runs created and used an artifact, and what one run says of its artifacts. Reads the index only; blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, select

from runferry.store.db import Database
from runferry.store.run_list import select_visible
from runferry.store.tables import run_artifacts, runs, servers


@dataclass(frozen=True, slots=True)
class LinkedRun:
    """A run that lists an artifact; ``relation`` is created or used, as seen from the run (empty: not asked)."""

    key: str
    run_id: str
    server_id: int
    server: str
    remote_dir: str
    project: str
    name: str
    status: str
    created_at: float | None
    relation: str = ""


class RunLinks:
    """The links between runs and artifacts, without runs that the user deleted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def linked(self, server_id: int, root: str, place: str) -> Sequence[LinkedRun]:
        """Return the runs below ``root`` that list the artifact at ``place`` below it, the oldest first."""
        is_same = (run_artifacts.c.server_id == server_id) & (run_artifacts.c.place == place)
        query = select(*_COLUMNS, run_artifacts.c.relation).join(run_artifacts, run_artifacts.c.run_id == runs.c.id)
        with self._db.reading() as connection:
            rows = connection.execute(self._finish(connection, query.where(is_same))).all()
        start = root.rstrip("/") + "/"
        return [LinkedRun(*row) for row in rows if row.remote_dir.startswith(start)]

    def find(self, server_id: int, root: str, run_id: str) -> LinkedRun | None:
        """Return the run with this id below ``root``."""
        query = select(*_COLUMNS).where(runs.c.server_id == server_id, runs.c.run_id == run_id)
        with self._db.reading() as connection:
            rows = connection.execute(self._finish(connection, query)).all()
        start = root.rstrip("/") + "/"
        return next((LinkedRun(*row) for row in rows if row.remote_dir.startswith(start)), None)

    def assets(self, key: str) -> Mapping[str, object]:
        """Return what a run says of its artifacts, as its documents have it."""
        with self._db.reading() as connection:
            query = select(runs.c.assets).where(runs.c.key == key, select_visible(connection))
            text = connection.execute(query).scalar()
        found: Mapping[str, object] = orjson.loads(text) if text is not None else {}
        return found

    def mentions(self, server_id: int, digest: str) -> bool:
        """Say whether any run of the server names this content among its assets."""
        named: ColumnElement[bool] = runs.c.assets.contains(digest, autoescape=True)
        with self._db.reading() as connection:
            return connection.execute(select(runs.c.id).where(runs.c.server_id == server_id, named)).first() is not None

    def _finish(self, connection: Connection, query: Select[Any]) -> Select[Any]:
        query = query.join(servers, servers.c.id == runs.c.server_id)
        return query.where(select_visible(connection)).order_by(runs.c.created_at, runs.c.key)


_COLUMNS = (
    *(runs.c.key, runs.c.run_id, runs.c.server_id, servers.c.label, runs.c.remote_dir, runs.c.project, runs.c.name),
    *(runs.c.status, runs.c.created_at),
)
