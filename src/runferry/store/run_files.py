"""Which files belong to the recognised runs of other tools, and what they are for. Everything here blocks.

Derived from the listing, and kept so that runs can be shown without it, offline and after a restart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from runferry.store.db import Database, split
from runferry.store.series import HeldFile
from runferry.store.tables import files, run_files


class Role(StrEnum):
    """What a file is for."""

    POINTS = "points"
    DOCUMENT = "document"  # read whole for the run's card
    EXCERPT = "excerpt"  # both its ends are read for the card
    LOG = "log"


WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file of a run in one role. ``run_id`` is the run's row; ``name`` and ``sequence`` as in ``FoundSource``.

    ``version`` says of an excerpt which size and time of the file the run's card was read from; None: of none yet.
    Of a document it is ``WHOLE`` once the card was read with no document missing.
    """

    path: str
    role: Role
    run_id: int
    format: str
    name: str
    sequence: str = ""
    place: int = 0
    version: str | None = None


class RunFiles:
    """The files of all recognised runs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def replace(self, connection: Connection, sync_id: int, run_ids: Collection[int], found: Iterable[RunFile]) -> None:
        """Make these the files of some runs of a sync; points that another run had are taken from it."""
        for part in split(run_ids):
            connection.execute(delete(run_files).where(run_files.c.run_id.in_(part)))
        rows = [{"sync_id": sync_id, **{name: getattr(one, name) for name in _NAMES}} for one in found]
        is_point = (run_files.c.sync_id == sync_id) & (run_files.c.role == Role.POINTS.value)
        for some in split(rows):
            points = [row["path"] for row in some if row["role"] == Role.POINTS.value]
            connection.execute(delete(run_files).where(is_point, run_files.c.path.in_(points)))
            connection.execute(insert(run_files), some)

    def load(self, connection: Connection, sync_id: int, run_ids: Iterable[int]) -> dict[int, set[RunFile]]:
        """Return all files of some of a sync's runs, by the runs' rows."""
        found: dict[int, set[RunFile]] = {}
        for part in split(run_ids):
            is_meant = (run_files.c.sync_id == sync_id) & run_files.c.run_id.in_(part)
            for row in connection.execute(select(*_COLUMNS).where(is_meant)):
                found.setdefault(row.run_id, set()).add(_read(row))
        return found

    def set_versions(self, connection: Connection, sync_id: int, versions: Mapping[str, str]) -> None:
        """Record of which versions of these files excerpts have been read."""
        is_one = (run_files.c.sync_id == sync_id) & (run_files.c.role == Role.EXCERPT.value)
        statement = update(run_files).where(is_one, run_files.c.path == bindparam("b_path"))
        if versions:
            given = [{"b_path": path, "b_version": version} for path, version in versions.items()]
            connection.execute(statement.values(version=bindparam("b_version")), given)

    def note_whole(self, connection: Connection, run_ids: Iterable[int]) -> None:
        """Record that the cards of these runs have been read with no document missing."""
        for part in split(run_ids):
            is_one = run_files.c.run_id.in_(part) & (run_files.c.role == Role.DOCUMENT.value)
            connection.execute(update(run_files).where(is_one).values(version=WHOLE))

    def find(self, sync_id: int, paths: Iterable[str], role: Role) -> dict[str, RunFile]:
        """Return those of a sync's paths that have a role."""
        found: dict[str, RunFile] = {}
        with self._db.reading() as connection:
            for part in split(set(paths)):
                is_meant = (run_files.c.sync_id == sync_id) & (run_files.c.role == role.value)
                for row in connection.execute(select(*_COLUMNS).where(is_meant, run_files.c.path.in_(part))):
                    found[row.path] = _read(row)
        return found

    def list_of(self, run_ids: Sequence[int], role: Role) -> dict[int, list[RunFile]]:
        """Return the files of each run that have a role, in the order in which they are read."""
        found: dict[int, list[RunFile]] = {run_id: [] for run_id in run_ids}
        with self._db.reading() as connection:
            for part in split(run_ids):
                is_meant = run_files.c.run_id.in_(part) & (run_files.c.role == role.value)
                for row in connection.execute(select(*_COLUMNS).where(is_meant).order_by(run_files.c.place)):
                    found[row.run_id].append(_read(row))
        return found

    def list_held(
        self, sync_id: int, role: Role, run_ids: Collection[int] | None = None
    ) -> list[tuple[RunFile, HeldFile]]:
        """Return a sync's files that have a role, of all runs or of some, with what the index says of their bytes."""
        is_same = (files.c.sync_id == run_files.c.sync_id) & (files.c.path == run_files.c.path)
        held = (files.c.path, files.c.size, files.c.held_size, files.c.generation)
        query = select(*_COLUMNS, *(column.label(f"held_{place}") for place, column in enumerate(held)))
        is_meant = (run_files.c.sync_id == sync_id) & (run_files.c.role == role.value)
        query = query.join(files, is_same).order_by(run_files.c.place)
        with self._db.reading() as connection:
            if run_ids is None:
                rows = list(connection.execute(query.where(is_meant)))
            else:
                asked = (query.where(is_meant, run_files.c.run_id.in_(part)) for part in split(run_ids))
                rows = [row for one in asked for row in connection.execute(one)]
        return [(_read(row), HeldFile(row.held_0, row.held_1, row.held_2, row.held_3)) for row in rows]


_NAMES = tuple(RunFile.__dataclass_fields__)
_COLUMNS = [run_files.c[name] for name in _NAMES]


def _read(row: object) -> RunFile:
    values = {name: getattr(row, name) for name in _NAMES}
    return RunFile(**{**values, "role": Role(values["role"])})
