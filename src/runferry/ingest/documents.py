"""From files that changed to rows in the index: finds the run or artifact, has its reader read it, stores it.

It reads the local copy only, never a server, and decides nothing about what is copied.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection

from runferry.blocking import in_thread
from runferry.errors import InvalidRequest
from runferry.formats import READERS, Has, Reader
from runferry.formats.document import Document
from runferry.model import ArtifactVersion, Entry
from runferry.store.artifacts import ArtifactStore
from runferry.store.damaged import list_damaged, note_damaged
from runferry.store.db import Database, split
from runferry.store.files import local_parts
from runferry.store.runs import RunStore, SyncScope
from runferry.store.tables import artifacts, runs
from runferry.store.vanished import find_below

DOCUMENT_LIMIT = 8 * 1024 * 1024
"""No document is read beyond this many bytes: what is larger counts as unreadable."""

NO_OBJECT = "The document is not a JSON object, or not whole."

_BATCH = 1000
"""Runs per transaction: enough to be quick, few enough for other writers not to wait long."""


@dataclass(frozen=True, slots=True)
class SyncSource:
    """The sync whose local copy is read: ``remote_root`` absolute there, ``local_root`` here."""

    sync_id: int
    server_id: int
    remote_root: str
    local_root: Path

    @property
    def scope(self) -> SyncScope:
        return SyncScope(self.sync_id, self.server_id, self.remote_root)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The keys of the runs that are new or say something else now, and of those that left the server.

    ``sources`` are files with points of other tools' runs that are new here, or have only now been recognised as such.
    ``damage`` is what is wrong with any of the sync's documents, by their paths; None: what was wrong before.
    """

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    damage: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _News:
    """What a commit brought, and ``has``: whether a path is listed now."""

    changed: frozenset[str]
    gone: frozenset[str]
    listed: frozenset[str]
    has: Has


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the documents of one run directory say; ``unread`` names those that are listed and say nothing now.

    Those of them that are here are ``damaged``.
    """

    path: str
    documents: Mapping[str, Document]
    unread: frozenset[str]
    damaged: frozenset[str]


@dataclass(slots=True)
class _Damage:
    """Paths of documents that were looked at, or are gone, and of those that are here and say nothing."""

    looked: set[str]
    found: set[str] = field(default_factory=set)

    def note(self, reader: Reader, taken: Iterable[_Taken]) -> None:
        for one in taken:
            self.looked.update(_join(one.path, name) for name in reader.DOCUMENTS)
            self.found.update(_join(one.path, name) for name in one.damaged)


class Ingest:
    """Keeps the index in step with the local copies. Calls for one sync are to be made one after the other."""

    def __init__(
        self, db: Database, *, readers: tuple[Reader, ...] = READERS, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._runs = RunStore(db)
        self._artifacts = ArtifactStore(db)
        self._readers = readers
        self._formats = frozenset(reader.FORMAT for reader in readers)
        self._clock = clock

    async def on_commit(
        self,
        source: SyncSource,
        *,
        changed: Collection[str],
        gone: Collection[str],
        listing: Mapping[str, Entry],
        listed: Collection[str] = (),
    ) -> IngestResult:
        """Index what a commit of the sync has made true. Raises DiskFull and RunferryError (of the index).

        ``changed`` are paths with new local bytes, ``gone`` those no longer on the server, ``listed`` those newly
        listed; ``listing`` is only asked for single paths. A run is indexed once its meta.json is here.
        """
        news = _News(frozenset(changed), frozenset(gone), frozenset(listed), listing.__contains__)
        if not (news.changed or news.gone or news.listed):
            return IngestResult()
        return await in_thread(self._absorb, source, news)

    async def rebuild(self, source: SyncSource, listing: Mapping[str, Entry]) -> IngestResult:
        """Read everything again that ``listing``, the whole tree, holds; runs it does not hold are gone.

        For a sync's start: it heals an index that an abrupt end left behind its files.
        """
        return await in_thread(self._rebuild, source, frozenset(listing))

    def _absorb(self, source: SyncSource, news: _News) -> IngestResult:
        removed = self._mark_gone(source, news) if news.gone else []
        changed = news.changed | news.gone
        keys: list[str] = []
        damage = _Damage(set(news.gone))
        for reader in self._readers:

            def is_run_dir(path: str, reader: Reader = reader) -> bool:
                return reader.is_run_dir(path, news.has)

            touched = reader.runs_touched(changed, is_run_dir)
            if begun := reader.runs_begun(news.changed | news.listed, is_run_dir) - touched:
                touched |= begun - self._runs.known_among(source.sync_id, self._formats, begun)
            keys += self._index_runs(source, reader, touched, news.has, damage)
            self._index_artifacts(source, reader, changed, news.has)
        return replace(_summarise(keys, removed), damage=self._note_damage(source, damage))

    def _rebuild(self, source: SyncSource, paths: frozenset[str]) -> IngestResult:
        has = paths.__contains__
        with self._db.writing() as connection:
            gone = [path for path in self._runs.known(source.sync_id, self._formats) if not self._is_there(path, has)]
            removed = self._runs.mark_gone(connection, source.scope, gone, at=self._clock())
            lost = [path for path in self._artifacts.known(connection, source.sync_id) if not has(path)]
            self._artifacts.mark_gone(connection, source.scope, lost, at=self._clock())
        keys: list[str] = []
        damage = _Damage(set(self.list_damaged(source.sync_id)))
        for reader in self._readers:
            keys += self._index_runs(source, reader, reader.find_runs(paths), has, damage)
            self._index_artifacts(source, reader, paths, has)
        return replace(_summarise(keys, removed), damage=self._note_damage(source, damage))

    def list_damaged(self, sync_id: int) -> dict[str, str]:
        """Return what is wrong with documents of a sync's runs that are here and say nothing, by their paths."""
        with self._db.reading() as connection:
            return list_damaged(connection, sync_id)

    def _note_damage(self, source: SyncSource, damage: _Damage) -> Mapping[str, str] | None:
        """Record which documents are damaged; return all of them where these are not those of before."""
        if not (damage.looked or damage.found):
            return None
        before = self.list_damaged(source.sync_id)
        whole = before.keys() & damage.looked - damage.found
        found = dict.fromkeys(damage.found - before.keys(), NO_OBJECT)
        if not (whole or found):
            return None
        with self._db.writing() as connection:
            note_damaged(connection, source.sync_id, whole, found)
            return list_damaged(connection, source.sync_id)

    def _is_there(self, path: str, has: Has) -> bool:
        return any(has(_join(path, reader.REQUIRED)) for reader in self._readers)

    def _mark_gone(self, source: SyncSource, news: _News) -> list[str]:
        """Mark what lay at or below the gone paths, and runs that lost what makes them one."""
        required = {reader.REQUIRED for reader in self._readers}
        parted = (path.rpartition("/") for path in news.gone)
        bereft = {directory for directory, _, name in parted if name in required}
        with self._db.writing() as connection:
            found = find_below(connection, runs, source.sync_id, news.gone | bereft)
            own = self._runs.known_among(source.sync_id, self._formats, found)  # others look after theirs
            lost = [path for path in found if path in own and not self._is_there(path, news.has)]
            keys = self._runs.mark_gone(connection, source.scope, lost, at=self._clock())
            versions = find_below(connection, artifacts, source.sync_id, news.gone)
            left = [path for path in versions if not news.has(path)]
            self._artifacts.mark_gone(connection, source.scope, left, at=self._clock())
        return keys

    def _index_runs(
        self, source: SyncSource, reader: Reader, paths: Iterable[str], has: Has, damage: _Damage
    ) -> list[str]:
        keys: list[str] = []
        for batch in split(sorted(paths), _BATCH):
            all_taken = (_take_documents(source.local_root, reader, path, has) for path in batch)
            taken = [one for one in all_taken if reader.REQUIRED in one.documents or reader.REQUIRED in one.damaged]
            if not taken:
                continue
            damage.note(reader, taken)
            found = [reader.read_run(one.path, one.documents) for one in taken]
            archived = [version for one in taken for version in reader.read_archived(one.path, one.documents)]
            with self._db.writing() as connection:
                doubtful = {one.path: one.unread for one in taken if one.unread}
                before = self._runs.load(connection, source.sync_id, doubtful)
                kept = [
                    reader.keep_known(run, before[run.path], doubtful[run.path]) if run.path in before else run
                    for run in found
                ]
                keys += self._runs.upsert(connection, source.scope, kept, formats=self._formats)
                self._index_archived(connection, source, archived, has)
        return keys

    def _index_archived(
        self, connection: Connection, source: SyncSource, found: list[ArtifactVersion], has: Has
    ) -> None:
        """Index what runs say they archived: it may be listed a little later, but what was seen to go stays gone."""
        lost = self._artifacts.lost(connection, source.sync_id, (version.path for version in found))
        present = [version for version in found if version.path not in lost or has(version.path)]
        self._artifacts.upsert(connection, source.scope, present)

    def _index_artifacts(self, source: SyncSource, reader: Reader, changed: frozenset[str], has: Has) -> None:
        touched = reader.artifacts_touched(changed)
        if not touched:
            return
        found: list[ArtifactVersion] = []
        complete: set[str] = set()
        for directory, versions in touched.items():
            listed = _read_list(source.local_root, reader, directory, has)
            if listed is not None:
                complete.add(directory)
            found += _read_single(source.local_root, reader, versions, has) if listed is None else listed
        present = [version for version in found if _is_present(version.path, has)]
        paths = {version.path for version in present}
        with self._db.writing() as connection:
            known = self._artifacts.known_in(connection, source.sync_id, touched)
            lost = {path for path in known - paths if path.rpartition("/")[0] in complete or not _is_present(path, has)}
            self._artifacts.mark_gone(connection, source.scope, lost, at=self._clock())
            self._artifacts.upsert(connection, source.scope, present)


def _take_documents(root: Path, reader: Reader, path: str, has: Has) -> _Taken:
    listed = [name for name in reader.DOCUMENTS if has(_join(path, name))]
    read = {name: read_local(root, _join(path, name)) for name in listed}
    documents = reader.read_documents({name: data for name, data in read.items() if data is not None})
    unread = frozenset(name for name in listed if name not in documents)
    return _Taken(path, documents, unread, frozenset(name for name in unread if read[name] is not None))


def _read_list(root: Path, reader: Reader, directory: str, has: Has) -> list[ArtifactVersion] | None:
    path = _join(directory, reader.VERSION_LIST)
    data = read_local(root, path) if has(path) else None
    return None if data is None else reader.read_versions(path, data)


def _read_single(root: Path, reader: Reader, versions: Iterable[str], has: Has) -> list[ArtifactVersion]:
    paths = [path for path in (_join(version, reader.VERSION_DOCUMENT) for version in sorted(versions)) if has(path)]
    read = [(path, read_local(root, path)) for path in paths]
    found = [reader.read_version_metadata(path, data) for path, data in read if data is not None]
    return [version for version in found if version is not None]


def _is_present(version_dir: str, has: Has) -> bool:
    """Say whether an artifact version is on the server and not soft-deleted there."""
    return has(version_dir) and not has(f"{version_dir}/.deleted")


def read_local(root: Path, path: str) -> bytes | None:
    """Return a file of the local copy, or None where it is not here, not a plain file or too large."""
    try:
        location = "/".join((os.fspath(root), *local_parts(root, path)))
        descriptor = os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, InvalidRequest):
        return None
    try:
        return _read_small(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _read_small(descriptor: int) -> bytes | None:
    status = os.fstat(descriptor)
    size = status.st_size
    if not stat.S_ISREG(status.st_mode) or size > DOCUMENT_LIMIT:
        return None
    data = os.read(descriptor, size)  # no more: a buffer of the limit's size takes longer than the reading
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _summarise(changed: Iterable[str], removed: Iterable[str]) -> IngestResult:
    """Leave out of the removed what another directory is called by now: it was renamed."""
    news = tuple(dict.fromkeys(changed))
    return IngestResult(news, tuple(key for key in dict.fromkeys(removed) if key not in set(news)))
