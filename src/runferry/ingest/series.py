"""From the bytes of a run's files to series in the index: reads on where it stopped, as far as the sync has committed.

Everything here blocks. It reads the local copy only and never more of it than the index says is there: what lies behind
that may be cut off again. What a step has read and how far is one transaction, so nothing is lost and nothing counted
twice wherever it ends.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xxhash import xxh3_128

from runferry.errors import InvalidRequest
from runferry.formats import SERIES_READERS
from runferry.formats.series import Batch, SeriesReader
from runferry.store.db import Database
from runferry.store.files import local_parts
from runferry.store.series import HeldFile, SeriesStore, SourceRow
from runferry.store.series_writer import Advance, SeriesWriter

log = logging.getLogger(__name__)

PIECE = 2 * 1024 * 1024
"""Bytes read and committed at once: memory stays flat however long a file is."""

EDGE = 4096
MOST_AT_ONCE = 200
"""Sources that share a transaction when there is little to read in each."""


@dataclass(slots=True)
class News:
    """What steps brought: ``points`` and the ``keys`` they belong to by run, and the paths that were looked at.

    Those ``behind`` have more to read, those ``waiting`` belong to no run that is known yet.
    """

    points: dict[int, int] = field(default_factory=dict)
    keys: dict[int, set[str]] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def add(self, step: Advance) -> None:
        self.points[step.run_id] = self.points.get(step.run_id, 0) + sum(map(len, step.columns.values()))
        self.keys.setdefault(step.run_id, set()).update(key for key, _ in step.columns)


class SeriesIngest:
    """Keeps series in step with the local copies. Calls for one sync are to be made one after the other."""

    def __init__(
        self,
        db: Database,
        *,
        readers: Sequence[SeriesReader] = SERIES_READERS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = SeriesStore(db)
        self._writer = SeriesWriter(db, clock=clock)
        self._readers = readers

    def is_source(self, path: str) -> bool:
        """Say by its name alone whether a file may hold series."""
        return any(reader.is_source(path) for reader in self._readers)

    def find_behind(self, sync_id: int) -> list[str]:
        """Return a sync's sources of which more is here than has been read, or that were rewritten or never read."""
        known = self._store.positions(sync_id)
        names = {name for reader in self._readers for name in reader.SOURCE_NAMES}
        return [
            file.path
            for file in self._store.list_files(sync_id, names)
            if file.held is not None
            and self.is_source(file.path)
            and known.get(file.path) != (file.generation, file.held)
        ]

    def read_on(self, sync_id: int, root: Path, paths: Sequence[str]) -> tuple[News, int]:
        """Read up to ``PIECE`` bytes on in the first of ``paths`` and, as there is room, in the next ones.

        Returns what that brought and how many paths were looked at. Raises DiskFull and RunferryError (of the index).
        """
        news, steps, size, looked = News(), [], 0, 0
        runs = self._find_runs(sync_id, paths[:MOST_AT_ONCE])
        for path in paths[:MOST_AT_ONCE]:
            if size >= PIECE:
                break
            looked += 1
            if path not in runs:
                news.waiting.append(path)
                continue
            piece = self._read_piece(sync_id, root, path, *runs[path])
            if piece is None:
                continue
            size += piece.length
            if piece.is_behind:
                news.behind.append(path)
            if piece.step is not None:
                steps.append(piece.step)
        for step, is_written in zip(steps, self._writer.advance(steps), strict=True):
            if is_written:
                news.add(step)
            elif step.path not in news.behind:
                news.behind.append(step.path)
        return news, looked

    def _find_runs(self, sync_id: int, paths: Sequence[str]) -> dict[str, tuple[SeriesReader, int]]:
        """Return the reader and the run of each path that belongs to a run in the index."""
        above = {parent for path in paths for parent in list_parents(path)}
        known = self._store.find_runs(sync_id, above)
        found: dict[str, tuple[SeriesReader, int]] = {}
        for path in paths:
            for reader in self._readers:
                directory = reader.find_run_dir(path, known.__contains__)
                if directory is not None:
                    found.setdefault(path, (reader, known[directory]))
        return found

    def _read_piece(self, sync_id: int, root: Path, path: str, reader: SeriesReader, run_id: int) -> Piece | None:
        """Read on in one file; None where nothing of it is here."""
        file, before = self._store.look_at(sync_id, path)
        if file is None or file.held is None:
            return None
        try:
            with open_local(root, path) as descriptor:
                if descriptor is None:
                    return None
                size = min(file.held, os.fstat(descriptor).st_size)
                if before is not None and not continues(before, file, reader, run_id, descriptor, size):
                    before = None
                return read_piece(descriptor, size, reader, Goal(sync_id, run_id, file, before))
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error.strerror)
            return None


@dataclass(frozen=True, slots=True)
class Goal:
    """What a piece is read for: a file of a run, from where ``before`` has stopped or from its beginning."""

    sync_id: int
    run_id: int
    file: HeldFile
    before: SourceRow | None


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of reading on: the step to commit, if any; bytes read; whether there are more."""

    step: Advance | None
    length: int
    is_behind: bool


def read_piece(descriptor: int, size: int, reader: SeriesReader, goal: Goal) -> Piece:
    """Read on in a file of which ``size`` bytes may be read: a piece, or as many as it takes to complete a record."""
    before = goal.before
    start = end = before.position if before else 0
    parser = reader.make_parser(start, before.state if before else None)
    batch = Batch()
    while end < size and parser.position == start:
        data = os.pread(descriptor, min(PIECE, size - end), end)
        if not data:
            break
        end += len(data)
        batch = parser.feed(data)
    if end >= size and parser.position < size:
        batch = add_batches(batch, parser.flush())
    if before is not None and parser.position == start:
        return Piece(None, end - start, False)
    step = Advance(
        run_id=goal.run_id,
        sync_id=goal.sync_id,
        path=goal.file.path,
        reader=reader.READER,
        generation=goal.file.generation,
        before=before,
        position=parser.position,
        edge_hash=hash_edges(descriptor, parser.position),
        state=parser.state,
        columns=batch.columns,
        media=batch.media,
        bad=batch.bad,
        first_bad=batch.first_bad,
        unknown=batch.unknown,
    )
    return Piece(step, end - start, end < size)


def continues(before: SourceRow, file: HeldFile, reader: SeriesReader, run_id: int, descriptor: int, size: int) -> bool:
    """Say whether what was read of a source is what its file begins with now."""
    is_same = (before.generation, before.reader, before.run_id) == (file.generation, reader.READER, run_id)
    return is_same and before.position <= size and before.edge_hash == hash_edges(descriptor, before.position)


def hash_edges(descriptor: int, position: int) -> bytes:
    """Return a hash of the first and the last bytes before ``position``."""
    length = min(EDGE, position)
    digest = xxh3_128(os.pread(descriptor, length, 0))
    digest.update(os.pread(descriptor, length, position - length))
    return digest.digest()


def add_batches(one: Batch, two: Batch) -> Batch:
    """Return what both held; ``two`` came after ``one``, and is small."""
    for name, column in two.columns.items():
        known = one.columns.setdefault(name, column)
        if known is not column:
            known.steps.extend(column.steps)
            known.times.extend(column.times)
            known.values.extend(column.values)  # type: ignore[arg-type]  # of one kind, by their name
    first_bad = one.first_bad if one.first_bad is not None else two.first_bad
    media, bad, unknown = one.media + two.media, one.bad + two.bad, one.unknown + two.unknown
    return Batch(one.columns, media, bad, first_bad, unknown)


def list_parents(path: str) -> Iterator[str]:
    """Yield the directories above a path, the root (``""``) last."""
    while path:
        path = path.rpartition("/")[0]
        yield path


@contextmanager
def open_local(root: Path, path: str) -> Iterator[int | None]:
    """Open a file of the local copy; gives None where it is not here or no plain file."""
    try:
        location = root.joinpath(*local_parts(root, path))
        descriptor = os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, InvalidRequest):
        yield None
        return
    try:
        yield descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)
