"""Formats that other packages bring, as entry points of the group ``runferry.formats``. It runs their code; no other.

An entry point is a ``RunFormat``'s subclass, or an instance of one. One that cannot be used is left out and told; one
that fails at its work is taken to have found nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from runferry.formats.cards import make_run
from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source
from runferry.formats.series import Batch, SeriesParser
from runferry.model import MediaItem, Run

log = logging.getLogger(__name__)

GROUP = "runferry.formats"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The formats that others bring, and a sentence for each that cannot be used."""

    formats: tuple[RunFormat, ...] = ()
    problems: tuple[str, ...] = ()


def load_installed(taken: Collection[str]) -> Loaded:
    """Return what the packages of this environment bring; problems are logged too."""
    loaded = load(entry_points(group=GROUP), taken)
    for problem in loaded.problems:
        log.warning("%s", problem)
    return loaded


def load(points: Iterable[EntryPoint], taken: Collection[str]) -> Loaded:
    """Return what entry points bring. ``taken`` are names that formats have already."""
    formats: list[RunFormat] = []
    problems: list[str] = []
    names = set(taken)
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        try:
            found = point.load()
            one = found() if isinstance(found, type) else found
        except Exception as error:  # noqa: BLE001  # whatever a stranger's package does, ours goes on without it
            problems.append(f"The format {point.name} ({point.value}) cannot be loaded: {error!r}")
            continue
        if not isinstance(one, RunFormat) or not (one.FORMAT and one.TITLE and one.READER):
            problems.append(f"The format {point.name} ({point.value}) is no RunFormat with FORMAT, TITLE and READER.")
        elif one.FORMAT in names:
            problems.append(f"The format {point.name} ({point.value}): there is one called {one.FORMAT} already.")
        else:
            names.add(one.FORMAT)
            formats.append(guard(one))
    return Loaded(tuple(formats), tuple(problems))


def guard(inner: RunFormat) -> RunFormat:
    """Return the same format, but for its exceptions."""
    names = ("FORMAT", "TITLE", "READER", "NOTES", "LAST_WINS", "HOLDS_OTHERS", "GATHERS", "READS_FIRST", "ENDS_TELL")
    made: type[_Guarded] = type("Guarded", (_Guarded,), {name: getattr(inner, name) for name in names})
    return made(inner)


class _Guarded(RunFormat):
    def __init__(self, inner: RunFormat) -> None:
        self._inner = inner

    def _try(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except Exception:
            log.exception("the format %s failed", self.FORMAT)
            return otherwise

    def find_runs(self, listing: Listing) -> dict[str, str]:
        return self._try(lambda: dict(self._inner.find_runs(listing)), {})

    def is_metadata(self, path: str, size: int) -> bool:
        return self._try(lambda: bool(self._inner.is_metadata(path, size)), False)

    def documents(self, names: Names) -> list[str]:
        return self._try(lambda: list(self._inner.documents(names)), [])

    def excerpts(self, names: Names) -> list[str]:
        return self._try(lambda: list(self._inner.excerpts(names)), [])

    def sources(self, names: Names) -> list[Source]:
        return self._try(lambda: list(self._inner.sources(names)), [])

    def duplicates(self, names: Names) -> list[str]:
        return self._try(lambda: list(self._inner.duplicates(names)), [])

    def log_files(self, names: Names) -> list[str]:
        return self._try(lambda: list(self._inner.log_files(names)), [])

    def media(self, names: Names) -> list[MediaItem]:
        return self._try(lambda: list(self._inner.media(names)), [])

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        plain = make_run(run_dir, self.FORMAT, {}, {})
        return self._try(lambda: self._inner.read_card(run_dir, documents, excerpts), plain)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        made = self._try(lambda: self._inner.make_parser(source, position, state), None)
        return _GuardedParser(made, position)


class _GuardedParser:
    """Gives up on a file where the parser inside fails: what follows is one bad record."""

    def __init__(self, inner: SeriesParser | None, position: int) -> None:
        self._inner = inner
        self._fed = position

    @property
    def position(self) -> int:
        return self._inner.position if self._inner is not None else self._fed

    @property
    def state(self) -> Mapping[str, object]:
        return self._inner.state if self._inner is not None else {}

    def feed(self, data: bytes) -> Batch:
        self._fed += len(data)
        inner = self._inner
        return self._try((lambda: inner.feed(data)) if inner is not None else None)

    def flush(self) -> Batch:
        return self._try(self._inner.flush) if self._inner is not None else Findings()

    def _try(self, work: Callable[[], Batch] | None) -> Batch:
        try:
            if work is not None:
                return work()
        except Exception:
            log.exception("a parser of another package failed")
        self._inner = None
        found = Findings()
        found.note_bad("The reader of this file failed.")
        return found
