"""What a sync's local copy holds, in the database: one ``FileRecord`` per listed path, and big files under way.

Everything here blocks; asyncio code reaches it through ``blocking.in_thread``. It never touches the copied files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, delete, select, update

from runferry.model import Entry, Kind, RootIdentity, Version
from runferry.store.db import Database, upsert, upsert_plainly
from runferry.store.tables import files, partials, syncs


class Held(NamedTuple):
    """The bytes the local copy holds of one file: the first ``version.size`` bytes of that version.

    ``content_hash`` is xxh3-128 of them, empty where the file has been appended to since it landed. ``generation``
    counts the times the content was replaced rather than continued.
    """

    version: Version
    content_hash: bytes
    generation: int
    is_racy: bool
    landed_at: float


class FileRecord(NamedTuple):
    """One path: how it was last listed, what is held of it, and since when it is gone from the server.

    ``generation`` is what the next bytes count as, at least, where nothing is held: those before them were let go.
    """

    entry: Entry
    held: Held | None = None
    gone_at: float | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Partial:
    """A big file under way: ``staged`` names the staging file whose bytes belong to exactly ``version``."""

    path: str
    staged: str
    version: Version


class SyncState:
    """The records of one sync."""

    def __init__(self, db: Database, sync_id: int) -> None:
        self._db = db
        self._sync_id = sync_id

    def load(self) -> dict[str, FileRecord]:
        statement = select(*_LOADED).where(files.c.sync_id == self._sync_id)
        with self._db.reading() as connection:
            return {row[0]: _record(*row) for row in connection.execute(statement).all()}

    def find(self, path: str) -> FileRecord | None:
        """Return the record of one path."""
        statement = select(*_LOADED).where(files.c.sync_id == self._sync_id, files.c.path == path)
        with self._db.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _record(*row)

    def commit(self, records: Sequence[FileRecord], forgotten: Sequence[str] = ()) -> None:
        """Write ``records`` and drop the ``forgotten`` paths, all in one transaction."""
        if not records and not forgotten:
            return
        kinds = _sort_rows(self._sync_id, records)
        with self._db.writing() as connection:
            if forgotten:
                statement = delete(files).where(
                    files.c.sync_id == self._sync_id, files.c.path == bindparam("forgotten")
                )
                connection.execute(statement, [{"forgotten": path} for path in forgotten])
            for (is_bare, is_there), rows in kinds.items():
                empty = _HELD * is_bare + _GONE * is_there
                columns = [name for name in _COLUMNS if name not in empty]
                upsert_plainly(connection, files, columns, rows, keys=_KEYS, empty=empty)

    def partials(self) -> dict[str, Partial]:
        with self._db.reading() as connection:
            rows = connection.execute(select(partials).where(partials.c.sync_id == self._sync_id))
            return {row.path: Partial(row.path, row.staged, _version(row)) for row in rows}

    def save_partial(self, partial: Partial) -> None:
        row = {"sync_id": self._sync_id, "path": partial.path, "staged": partial.staged}
        with self._db.writing() as connection:
            upsert(connection, partials, [row | _version_columns(partial.version)], keys=("sync_id", "path"))

    def drop_partials(self, paths: Iterable[str]) -> None:
        with self._db.writing() as connection:
            statement = delete(partials).where(partials.c.sync_id == self._sync_id, partials.c.path.in_(list(paths)))
            connection.execute(statement)

    def root(self) -> RootIdentity | None:
        """Return the identity the root had when it was last seen whole."""
        statement = select(syncs.c.root_device, syncs.c.root_inode).where(syncs.c.id == self._sync_id)
        with self._db.reading() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None or row.root_inode is None:
            return None
        return RootIdentity(device=_unsigned(row.root_device), inode=_unsigned(row.root_inode))

    def set_root(self, root: RootIdentity) -> None:
        self._update_sync({"root_device": _signed(root.device), "root_inode": _signed(root.inode)})

    def set_last_sync(self, at: float) -> None:
        self._update_sync({"last_sync_at": at})

    def _update_sync(self, values: Mapping[str, object]) -> None:
        with self._db.writing() as connection:
            connection.execute(update(syncs).where(syncs.c.id == self._sync_id).values(**values))


_KEYS = ("sync_id", "path")
_COLUMNS = tuple(column.name for column in files.columns)
_HELD = ("held_size", "held_mtime_ns", "held_ctime_ns", "held_inode", "held_device", "content_hash", "landed_at")
_GONE = ("gone_at",)

_LOADED = (
    *(files.c.path, files.c.kind, files.c.links, files.c.gone_at),
    *(files.c.size, files.c.mtime_ns, files.c.ctime_ns, files.c.inode, files.c.device),
    *(files.c.held_size, files.c.held_mtime_ns, files.c.held_ctime_ns, files.c.held_inode, files.c.held_device),
    *(files.c.content_hash, files.c.generation, files.c.is_racy, files.c.landed_at),
)
_KINDS = {kind.value: kind for kind in Kind}


def _record(path: str, kind: str, links: int, gone_at: float | None, *row: Any) -> FileRecord:
    """Build a record from a row of ``_LOADED``; plain tuples, because a hundred thousand are read at a start."""
    size, mtime_ns, ctime_ns, inode, device = row[:5]
    entry = Entry(path, _KINDS[kind], Version(size, mtime_ns, ctime_ns, _unsigned(inode), _unsigned(device)), links)
    if row[5] is None:
        return FileRecord(entry, None, gone_at, row[11])
    version = entry.version
    if row[5:10] != row[:5]:
        size, mtime_ns, ctime_ns, inode, device = row[5:10]
        version = Version(size, mtime_ns, ctime_ns, _unsigned(inode), _unsigned(device))
    content_hash, generation, is_racy, landed_at = row[10:]
    held = Held(version, content_hash or b"", generation, is_racy, landed_at or 0.0)
    return FileRecord(entry, held, gone_at)


def _sort_rows(sync_id: int, records: Iterable[FileRecord]) -> dict[tuple[bool, bool], list[tuple[object, ...]]]:
    """Return rows by whether nothing is held, and whether the server has the path: by which columns are empty.

    Those that are filled follow the table's order, as the driver takes them at once (see ``upsert_plainly``).
    """
    rows: dict[tuple[bool, bool], list[tuple[object, ...]]] = defaultdict(list)
    # It is run for every file that lands: names and whole tuples are quicker than parts put together.
    for (path, kind, version, links, _), held, gone_at, generation in records:
        size, mtime, ctime, inode, device = _numbers(version)
        row: tuple[object, ...]
        if held is None:
            row = (sync_id, path, str(kind), size, mtime, ctime, inode, device, links, generation, 0)
        else:
            kept, digest, generation, is_racy, landed_at = held
            listed = (sync_id, path, str(kind), size, mtime, ctime, inode, device, links)
            size, mtime, ctime, inode, device = _numbers(kept)
            row = (*listed, size, mtime, ctime, inode, device, bytearray(digest), generation, int(is_racy), landed_at)
        rows[held is None, gone_at is None].append(row if gone_at is None else (*row, gone_at))
    return rows


def _numbers(version: Version) -> tuple[int, ...]:
    """Return a version's fields with signed numbers."""
    if version.inode <= _LARGEST and version.device <= _LARGEST:
        return version
    return version.size, version.mtime_ns, version.ctime_ns, _signed(version.inode), _signed(version.device)


def _version(row: Row[Any]) -> Version:
    return Version(row.size, row.mtime_ns, row.ctime_ns, _unsigned(row.inode), _unsigned(row.device))


def _version_columns(version: Version) -> dict[str, int]:
    return {
        "size": version.size,
        "mtime_ns": version.mtime_ns,
        "ctime_ns": version.ctime_ns,
        "inode": _signed(version.inode),
        "device": _signed(version.device),
    }


# Inodes of some network filesystems use all 64 bits; a database's BIGINT has a sign.

_LARGEST = (1 << 63) - 1


def _signed(number: int) -> int:
    return number - (1 << 64) if number > _LARGEST else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number
