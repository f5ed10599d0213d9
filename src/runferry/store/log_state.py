"""What the index knows of a log's file: how large it is on the server and here, and whose log it is. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from runferry.model import Kind
from runferry.store.db import Database
from runferry.store.run_files import Role
from runferry.store.tables import files, run_files, runs


@dataclass(frozen=True, slots=True)
class FileState:
    """A listed file: ``size`` on the server, ``held_size`` here (None: nothing). ``generation`` counts rewrites."""

    size: int
    held_size: int | None
    generation: int
    is_gone: bool

    @property
    def local(self) -> str:
        """Return how much of it is here: full, partial or none."""
        if self.held_size is None:
            return "none"
        return "full" if self.held_size >= self.size else "partial"


@dataclass(frozen=True, slots=True)
class LogNews:
    """A run's log that has new bytes."""

    run: str
    path: str
    size: int


class LogState:
    """Reads the ``files`` table, one path at a time. Every call blocks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, sync_id: int, path: str) -> FileState | None:
        """Return a file's state; None where it is not listed."""
        columns = (files.c.size, files.c.held_size, files.c.generation, files.c.gone_at)
        is_meant = (files.c.sync_id == sync_id) & (files.c.path == path) & (files.c.kind == Kind.FILE.value)
        with self._db.reading() as connection:
            row = connection.execute(select(*columns).where(is_meant)).one_or_none()
        return None if row is None else FileState(row.size, row.held_size, row.generation, row.gone_at is not None)

    def describe(self, landed: Collection[tuple[int, str, str]]) -> Sequence[LogNews]:
        """Return the news of logs given as (sync, run directory, path); of those only that belong to a listed run."""
        found = []
        with self._db.reading() as connection:
            for sync_id, directory, path in landed:
                query = (
                    select(runs.c.key, files.c.held_size)
                    .join(files, files.c.sync_id == runs.c.sync_id)
                    .where(runs.c.sync_id == sync_id, runs.c.path == directory, files.c.path == path)
                )
                row = connection.execute(query).one_or_none()
                if row is not None:
                    found.append(LogNews(row.key, path.removeprefix(f"{directory}/"), row.held_size or 0))
        return found

    def describe_found(self, landed: Collection[tuple[int, str]]) -> Sequence[LogNews]:
        """Return the news of those files, given as (sync, path), that are logs of other tools' runs."""
        found = []
        is_same = (files.c.sync_id == run_files.c.sync_id) & (files.c.path == run_files.c.path)
        query = (
            select(runs.c.key, runs.c.path, files.c.held_size)
            .join(run_files, run_files.c.run_id == runs.c.id)
            .join(files, is_same)
            .where(run_files.c.role == Role.LOG.value)
        )
        with self._db.reading() as connection:
            for sync_id, path in landed:
                is_meant = (run_files.c.sync_id == sync_id) & (run_files.c.path == path)
                for row in connection.execute(query.where(is_meant)):
                    found.append(LogNews(row.key, path.removeprefix(f"{row.path}/"), row.held_size or 0))
        return found
