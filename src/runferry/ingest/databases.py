"""Runs and points that lie in databases: from a snapshot to rows in the index. It reads snapshots only, never a server.

Each run has one source that is called as the run is, ``<database>#<run>``. Its position is the mark up to which the
database's rows had been read when the run last had something new, written with the points in one transaction; the
furthest of all is where reading goes on. A hash of the first row and of the one at the mark tells whether it is still
the same database. Everything here blocks; calls for one sync are to be made one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from runferry.formats import mlflow_db, trackio
from runferry.formats.databases import DatabaseContent, DatabaseRun, Unreadable, open_snapshot
from runferry.formats.listing import Listing
from runferry.ingest.documents import SyncSource
from runferry.model import MediaItem
from runferry.store.db import Database
from runferry.store.runs import RunStore
from runferry.store.series import SeriesStore, SourceRow
from runferry.store.series_writer import Advance, SeriesWriter

FORMATS = (trackio.FORMAT, mlflow_db.FORMAT)


class ReadDatabase(Protocol):
    def __call__(self, path: Path, *, name: str, after: int) -> DatabaseContent: ...


_READERS: Mapping[str, ReadDatabase] = {
    trackio.FORMAT: trackio.read_trackio,
    mlflow_db.FORMAT: mlflow_db.read_mlflow_db,
}


@dataclass(slots=True)
class DatabaseNews:
    """What a snapshot has brought: keys of runs, and new points by the runs' rows. ``problem``: why it is nothing."""

    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    points: dict[int, int] = field(default_factory=dict)
    keys: dict[int, set[str]] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """One run, the points that are new, and its source as it was: None where it is read from the beginning."""

    one: DatabaseRun
    before: SourceRow | None


def find_databases(listing: Listing) -> dict[str, str]:
    """Return the databases of a listing that hold runs, by their path, with their format."""
    found = dict.fromkeys(trackio.find_databases(listing), trackio.FORMAT)
    found |= dict.fromkeys(mlflow_db.find_databases(listing), mlflow_db.FORMAT)
    return {path: name for path, name in found.items() if path.rpartition("/")[2] != "runicorn.db"}


class DatabaseIngest:
    """Keeps the runs in one sync's databases in step with snapshots."""

    def __init__(self, db: Database, source: SyncSource, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._source = source
        self._runs = RunStore(db)
        self._store = SeriesStore(db)
        self._writer = SeriesWriter(db, clock=clock)
        self._clock = clock

    def keep(self, databases: Collection[str]) -> list[str]:
        """Mark runs of all other databases as gone; return their keys."""
        known = self._runs.known(self._source.sync_id, FORMATS)
        return self._mark_gone([path for path in known if path.rpartition("#")[0] not in databases])

    def absorb(self, path: str, snapshot: Path, name: str, listing: Listing) -> DatabaseNews:
        """Bring the index in step with a snapshot of the database at ``path``, of the format ``name``.

        A snapshot that cannot be read changes nothing. Raises DiskFull and RunferryError (of the index).
        """
        sources = self._load_sources(path)
        try:
            after = find_mark(sources, snapshot)
            content, found = read_runs(snapshot, path, _READERS[name], after, sources)
            edge = hash_rows(snapshot, content.mark) if content.problem is None else b""
        except Unreadable as error:
            return DatabaseNews(problem=f"The database cannot be read: {error}.")
        if content.problem is not None:
            return DatabaseNews(problem=content.problem)
        return self._store_runs(path, name, found, _Edge(content.mark, edge, listing))

    def _load_sources(self, path: str) -> dict[str, SourceRow]:
        """Return what has been read of a database, by run."""
        with self._db.reading() as connection:
            known = self._runs.list_paths(connection, self._source.sync_id, FORMATS)
            ids = self._runs.find_ids(connection, self._source.sync_id, [one for one in known if is_in(one, path)])
        rows = self._store.list_sources_of(list(ids.values()))
        return {row.path: row for some in rows.values() for row in some if is_in(row.path, path)}

    def _store_runs(self, path: str, name: str, found: Sequence[_Found], edge: _Edge) -> DatabaseNews:
        news = DatabaseNews()
        source = self._source
        with self._db.writing() as connection:
            news.changed = self._runs.upsert(connection, source.scope, [one.one.run for one in found])
            ids = self._runs.find_ids(connection, source.sync_id, [one.one.run.path for one in found])
        there = self._runs.known(source.sync_id, {name}) - ids.keys()
        news.removed = self._mark_gone([one for one in there if is_in(one, path)])
        steps = [self._make_step(one, ids[one.one.run.path], name, edge) for one in found if has_news(one)]
        for step, is_written in zip(steps, self._writer.advance(steps), strict=True):
            if is_written:
                points = sum(map(len, step.columns.values()))
                if points:
                    news.points[step.run_id] = points
                    news.keys[step.run_id] = {key for key, _ in step.columns}
        return news

    def _make_step(self, found: _Found, run_id: int, name: str, edge: _Edge) -> Advance:
        one = found.one
        return Advance(
            run_id=run_id,
            sync_id=self._source.sync_id,
            path=one.run.path,
            reader=name,
            generation=0,
            before=found.before,
            position=edge.mark,
            edge_hash=edge.hash,
            state={},
            columns=one.found.columns,
            media=find_media(one, name, edge.listing, is_first=found.before is None),
            bad=one.found.bad,
            first_bad=one.found.first_bad,
            unknown=one.found.unknown + sum(one.found.skipped.values()),
        )

    def _mark_gone(self, paths: Collection[str]) -> list[str]:
        if not paths:
            return []
        with self._db.writing() as connection:
            return self._runs.mark_gone(connection, self._source.scope, paths, at=self._clock())


@dataclass(frozen=True, slots=True)
class _Edge:
    """How far a snapshot has been read: its mark, the hash of its rows there, and what lies beside it."""

    mark: int
    hash: bytes
    listing: Listing


def is_in(run_path: str, database: str) -> bool:
    return run_path.startswith(f"{database}#")


def has_news(found: _Found) -> bool:
    one = found.one.found
    return found.before is None or bool(one.columns or one.media or one.bad)


def find_mark(sources: Mapping[str, SourceRow], snapshot: Path) -> int | None:
    """Return where to go on reading; None where all is to be read again. Raises Unreadable."""
    if not sources or any(row.generation < 0 for row in sources.values()):
        return None
    last = max(sources.values(), key=lambda row: row.position)
    return last.position if last.edge_hash == hash_rows(snapshot, last.position) else None


def hash_rows(snapshot: Path, mark: int) -> bytes:
    """Return a hash of the first row of metrics and of the one at the mark. Raises Unreadable."""
    with open_snapshot(snapshot) as connection:
        first = connection.execute("SELECT rowid, * FROM metrics ORDER BY rowid LIMIT 1").fetchone()
        last = connection.execute("SELECT rowid, * FROM metrics WHERE rowid = ?", (mark,)).fetchone()
    return blake2b(repr((first, last)).encode("utf-8", "replace"), digest_size=16).digest()


def read_runs(
    snapshot: Path, path: str, read: ReadDatabase, after: int | None, sources: Mapping[str, SourceRow]
) -> tuple[DatabaseContent, list[_Found]]:
    """Read what is new in a snapshot, and all there is of runs that have not been read yet."""
    content = read(snapshot, name=path, after=after or 0)
    runs = name_apart(content.runs)
    if after is None or content.is_restart or content.problem is not None:
        return content, [_Found(one, None) for one in runs]
    if after and any(one.run.path not in sources for one in runs):
        whole = read(snapshot, name=path, after=0)
        if whole.problem is not None:
            return whole, []
        everything = {one.run.path: one for one in name_apart(whole.runs)}
        runs = [one if one.run.path in sources else everything[one.run.path] for one in runs]
    return content, [_Found(one, sources.get(one.run.path)) for one in runs]


def name_apart(runs: Sequence[DatabaseRun]) -> list[DatabaseRun]:
    """Give runs that are called alike names of their own."""
    named: dict[str, DatabaseRun] = {}
    for one in runs:
        path, number = one.run.path, 2
        while path in named:
            path, number = f"{one.run.path}~{number}", number + 1
        named[path] = one if path == one.run.path else replace(one, run=replace(one.run, path=path))
    return list(named.values())


def find_media(one: DatabaseRun, name: str, listing: Listing, *, is_first: bool) -> list[MediaItem]:
    if name != mlflow_db.FORMAT:
        return list(one.found.media)
    return mlflow_db.find_media(one.run, listing) if is_first else []
