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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from xxhash import xxh3_128

from runferry.errors import InvalidRequest
from runferry.formats import SERIES_READERS
from runferry.formats.findings import Findings
from runferry.formats.series import Batch, SeriesReader
from runferry.ingest.points_files import Origin, PointsFiles
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


@dataclass(frozen=True, slots=True)
class Flaw:
    """How many records of a file could not be understood, and the first of them, as a sentence."""

    count: int
    first: str | None


@dataclass(slots=True)
class News:
    """What steps brought: ``points`` and the ``keys`` they belong to by run, and the paths that were looked at.

    Those ``behind`` have more to read, those ``waiting`` belong to no run that is known yet, of those with ``flaws``
    not everything was understood.
    """

    points: dict[int, int] = field(default_factory=dict)
    keys: dict[int, set[str]] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    flaws: dict[str, Flaw] = field(default_factory=dict)

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
        self._files = PointsFiles(db, readers)

    def is_source(self, path: str) -> bool:
        """Say by its name alone whether a file may hold series."""
        return any(reader.is_source(path) for reader in self._readers)

    def sources_among(self, paths: Collection[str]) -> list[str]:
        """Return which of the files may hold series, by their names alone."""
        return [path for reader in self._readers for path in paths if reader.is_source(path)]

    def list_flaws(self, sync_id: int) -> dict[str, Flaw]:
        """Return what was not understood of a sync's files, by their paths."""
        return {path: Flaw(count, first) for path, count, first in self._store.list_bad(sync_id)}

    def find_behind(self, sync_id: int) -> list[str]:
        """Return a sync's sources of which more is here than has been read, or that were rewritten or never read."""
        known = self._store.positions(sync_id)
        names = {name for reader in self._readers for name in reader.SOURCE_NAMES}
        found = [
            file.path
            for file in self._store.list_files(sync_id, names)
            if file.held is not None
            and self.is_source(file.path)
            and known.get(file.path, _UNREAD)[:2] != (file.generation, file.held)
        ]
        found += [
            file.path
            for origin, file in self._files.list_held(sync_id)
            if file.held is not None
            and known.get(file.path) != (file.generation, file.held, origin.reader, origin.run_id)
        ]
        return list(dict.fromkeys(found))

    def read_on(self, sync_id: int, root: Path, paths: Sequence[str]) -> tuple[News, int]:
        """Read up to ``PIECE`` bytes on in the first of ``paths`` and, as there is room, in the next ones.

        Returns what that brought and how many paths were looked at. Raises DiskFull and RunferryError (of the index).
        """
        news, steps, size, looked = News(), [], 0, 0
        origins = self._files.find(sync_id, paths[:MOST_AT_ONCE])
        for path in paths[:MOST_AT_ONCE]:
            if size >= PIECE:
                break
            looked += 1
            if path not in origins:
                news.waiting.append(path)
                continue
            piece = self._read_piece(sync_id, root, path, origins[path])
            if piece is None:
                continue
            size += piece.length
            if piece.flaw.count:
                news.flaws[path] = piece.flaw
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

    def _read_piece(self, sync_id: int, root: Path, path: str, origin: Origin) -> Piece | None:
        """Read on in one file; None where nothing of it is here."""
        file, before = self._store.look_at(sync_id, path)
        if file is None or file.held is None:
            return None
        try:
            with open_local(root, path) as descriptor:
                if descriptor is None:
                    return None
                size, former = min(file.held, os.fstat(descriptor).st_size), before
                if before is not None and not continues(before, file, origin, descriptor, size):
                    before = None
                return read_piece(descriptor, size, Goal(sync_id, origin, file, before, former))
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error.strerror)
            return None


_UNREAD = (-1, -1, "", 0)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a piece is read for: a file of a run, from where ``before`` has stopped or from its beginning.

    ``former`` is what the index has of the file, of this generation or of an earlier one.
    """

    sync_id: int
    origin: Origin
    file: HeldFile
    before: SourceRow | None
    former: SourceRow | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of reading on: the step to commit, if any; bytes read; whether there are more; the file's flaws."""

    step: Advance | None
    length: int
    is_behind: bool
    flaw: Flaw


def read_piece(descriptor: int, size: int, goal: Goal) -> Piece:
    """Read on in a file of which ``size`` bytes may be read: a piece, or as many as it takes to complete a record."""
    before, origin = goal.before, goal.origin
    start = end = before.position if before else 0
    if before is not None and start == size:
        return Piece(None, 0, False, find_flaw(before, ()))  # a document's parser has no position to go on from
    parser = origin.make_parser(start, before.state if before else None)
    batch = Batch()
    while end < size and parser.position == start:
        data = os.pread(descriptor, min(PIECE, size - end), end)
        if not data:
            break
        end += len(data)
        batch = parser.feed(data)
    batches = [batch]
    if end >= size and parser.position < size:
        batches.append(parser.flush())
    flaw = find_flaw(before, batches)
    if parser.position == start and (before is not None or keeps_former(goal)):
        return Piece(None, end - start, False, flaw)
    step = make_step(goal, batches, parser.position, parser.state)
    return Piece(replace(step, edge_hash=hash_edges(descriptor, parser.position)), end - start, end < size, flaw)


def find_flaw(before: SourceRow | None, batches: Sequence[Batch]) -> Flaw:
    """Return what of a file was not understood so far."""
    told = [before.first_bad] if before is not None else []
    told += [batch.first_bad for batch in batches]
    count = (before.bad_records if before is not None else 0) + sum(batch.bad for batch in batches)
    return Flaw(count, next((one for one in told if one is not None), None))


def keeps_former(goal: Goal) -> bool:
    """Say whether what was read of a document stays where what is there now is none: it is being written."""
    former, origin = goal.former, goal.origin
    if former is None or not origin.is_whole or not former.points:
        return False
    return (former.run_id, former.reader) == (origin.run_id, origin.reader)


def make_step(goal: Goal, batches: Sequence[Batch], position: int, state: Mapping[str, object]) -> Advance:
    batch = batches[0]
    for later in batches[1:]:
        batch = add_batches(batch, later)
    findings = [one for one in batches if isinstance(one, Findings)]
    purges = [one.purge_from for one in findings if one.purge_from is not None]
    superseded = Batch()
    for one in findings:
        superseded = add_batches(superseded, Batch(one.superseded))
    return Advance(
        run_id=goal.origin.run_id,
        sync_id=goal.sync_id,
        path=goal.file.path,
        reader=goal.origin.reader,
        generation=goal.file.generation,
        before=goal.before,
        position=position,
        edge_hash=b"",
        state=state,
        columns=batch.columns,
        media=batch.media,
        bad=batch.bad,
        first_bad=batch.first_bad,
        unknown=batch.unknown + sum(sum(one.skipped.values()) for one in findings),
        superseded=superseded.columns,
        purge_from=min(purges, default=None),
    )


def continues(before: SourceRow, file: HeldFile, origin: Origin, descriptor: int, size: int) -> bool:
    """Say whether what was read of a source is what its file begins with now; a document is, if it is just that."""
    known = (before.generation, before.reader, before.run_id)
    if known != (file.generation, origin.reader, origin.run_id) or before.position > size:
        return False
    if origin.is_whole and before.position != size:
        return False
    return before.edge_hash == hash_edges(descriptor, before.position)


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
