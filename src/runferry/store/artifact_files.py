"""Which files of artifact versions are here, and what their small documents hold. Reads only; blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import and_, select

from runferry.errors import InvalidRequest
from runferry.store.artifacts import LocalCopy
from runferry.store.contained import open_file
from runferry.store.db import Database, split
from runferry.store.tables import files

DOCUMENT_LIMIT = 64 * 1024 * 1024
"""No manifest is read beyond this many bytes."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as a sync last listed it; ``is_held``: these very bytes are in the local copy."""

    path: str
    size: int
    mtime: float
    is_held: bool


class ArtifactFiles:
    """The files of one data directory's copies."""

    def __init__(self, db: Database, data_dir: Path) -> None:
        self._db = db
        self._data_dir = data_dir

    def locate(self, copy: LocalCopy, path: str) -> str:
        """Return where a file of a sync is (or would be) on this machine."""
        return f"{self._data_dir}/{copy.local_dir}/{path}"

    def read(self, copy: LocalCopy, path: str) -> bytes | None:
        """Return a file of the local copy; None where it is not here, not a plain file or too large."""
        try:
            descriptor = open_file(self._data_dir / copy.local_dir, path)
        except (OSError, InvalidRequest):
            return None
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_size > DOCUMENT_LIMIT:
                return None
            try:
                return file.read(DOCUMENT_LIMIT)
            except OSError:
                return None

    def find(self, sync_id: int, paths: Iterable[str]) -> dict[str, ListedFile]:
        """Return those of ``paths`` that the sync has listed."""
        found: dict[str, ListedFile] = {}
        with self._db.reading() as connection:
            for part in split(paths):
                query = select(*_COLUMNS).where(files.c.sync_id == sync_id, files.c.path.in_(part))
                found |= {row[0]: _read(*row) for row in connection.execute(query)}
        return found

    def below(self, sync_id: int, directory: str) -> Sequence[ListedFile]:
        """Return the files below a directory."""
        is_below = and_(files.c.path > f"{directory}/", files.c.path < f"{directory}0")  # "0" follows "/"
        query = select(*_COLUMNS).where(files.c.sync_id == sync_id, files.c.kind == "file", is_below)
        with self._db.reading() as connection:
            return [_read(*row) for row in connection.execute(query.order_by(files.c.path))]


_COLUMNS = (files.c.path, files.c.size, files.c.mtime_ns, files.c.held_size, files.c.held_mtime_ns, files.c.gone_at)


def _read(
    path: str, size: int, mtime_ns: int, held_size: int | None, held_mtime_ns: int | None, gone_at: float | None
) -> ListedFile:
    is_held = held_size == size and held_mtime_ns == mtime_ns if gone_at is None else held_size is not None
    return ListedFile(path, size, mtime_ns / 1e9, is_held)
