"""Which run a file with points belongs to, and what reads it: Runicorn's by its place, other tools' by the index.

It names readers and makes parsers; it opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from runferry.formats import READERS
from runferry.formats.recognition import FORMATS
from runferry.formats.run_format import RunFormat
from runferry.formats.series import SeriesParser, SeriesReader
from runferry.formats.whole_document import DocumentParser
from runferry.store.db import Database
from runferry.store.run_files import Role, RunFile, RunFiles
from runferry.store.series import HeldFile, SeriesStore


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file with points is: whose, and how it is read. ``reader`` tells one way of reading from another.

    ``is_whole``: the file is a document that is read from its beginning whenever it has changed.
    """

    run_id: int
    reader: str
    make_parser: Callable[[int, Mapping[str, object] | None], SeriesParser]
    is_whole: bool = False


_OWN = frozenset(reader.FORMAT for reader in READERS)
"""Whose files with points are known by their places; what lies in another tool's run may be called the same."""


class PointsFiles:
    """Says of paths what they are. Everything blocks."""

    def __init__(self, db: Database, readers: Sequence[SeriesReader], formats: Sequence[RunFormat] = FORMATS) -> None:
        self._store = SeriesStore(db)
        self._files = RunFiles(db)
        self._readers = readers
        self._formats = {one.FORMAT: one for one in formats}

    def find(self, sync_id: int, paths: Sequence[str]) -> dict[str, Origin]:
        """Return what those paths are that belong to a run in the index."""
        above = {parent for path in paths for parent in list_parents(path)}
        known = self._store.find_runs(sync_id, above, _OWN)
        found: dict[str, Origin] = {}
        for path in paths:
            for reader in self._readers:
                directory = reader.find_run_dir(path, known.__contains__)
                if directory is not None:
                    found.setdefault(path, Origin(known[directory], reader.READER, reader.make_parser))
        left = [path for path in paths if path not in found]
        others = self._files.find(sync_id, left, Role.POINTS) if left else {}
        found.update((path, origin) for path, one in others.items() if (origin := self._name(one)) is not None)
        return found

    def list_held(self, sync_id: int) -> Iterator[tuple[Origin, HeldFile]]:
        """Yield the files of other tools' runs, with what is here of them."""
        for one, file in self._files.list_held(sync_id, Role.POINTS):
            origin = self._name(one)
            if origin is not None:
                yield origin, file

    def _name(self, one: RunFile) -> Origin | None:
        chosen = self._formats.get(one.format)
        if chosen is None:
            return None

        def make_parser(position: int, state: Mapping[str, object] | None) -> SeriesParser:
            return chosen.make_parser(one.name, position, state)

        # The name decides what a file is read for: in another place in its run it is another file.
        reader = f"{chosen.READER} {one.name}"
        return Origin(one.run_id, reader, make_parser, isinstance(make_parser(0, None), DocumentParser))


def list_parents(path: str) -> Iterator[str]:
    """Yield the directories above a path, the root (``""``) last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
