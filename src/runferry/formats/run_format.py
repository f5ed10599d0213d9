"""The contract of a ``RunFormat``: where one tool's runs lie, what tells of them, which files hold their points.

It sees names and bytes, never a disk or a network. Whatever it cannot make sense of is left out or counted, never an
exception. All names are relative to the run's directory, ``/``-separated; ``../`` reaches the directory above.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from runferry.formats.base import METADATA_LIMIT
from runferry.formats.listing import Listing
from runferry.formats.series import SeriesParser
from runferry.model import MediaItem, Run

HEAD, TAIL = 64 * 1024, 128 * 1024
"""Bytes of an excerpt's two ends."""

Names = Sequence[str]
Documents = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Both ends of a file of ``size`` bytes; ``tail`` is empty where ``head`` is all of it."""

    head: bytes
    tail: bytes = b""
    size: int = 0

    @property
    def is_whole(self) -> bool:
        return self.size <= len(self.head)

    @property
    def tail_at(self) -> int:
        """Return where in the file the tail begins."""
        return self.size - len(self.tail)


Excerpts = Mapping[str, Excerpt]


@dataclass(frozen=True, slots=True)
class Source:
    """A file with points. Those with the same ``sequence`` continue each other in the order they are given in.

    A key that two sequences of one run hold keeps its name in the first and is ``<sequence>/<key>`` in the others.
    ``asked`` is what ``make_parser`` is given; where it is empty, the name.
    """

    name: str
    sequence: str = ""
    asked: str = ""


class RunFormat:
    """One format. What a subclass leaves as it is means: there is none of that."""

    FORMAT: ClassVar[str] = ""
    """What ``Run.format`` says."""

    TITLE: ClassVar[str] = ""
    """What people call it."""

    READER: ClassVar[str] = ""
    """What tells this reader from others, in the index; change it when the same bytes are read differently."""

    NOTES: ClassVar[tuple[str, ...]] = ()
    """What of it is not as one might think: sentences for the page of a run."""

    LAST_WINS: ClassVar[bool] = False
    """Whether of two points at one step the later one counts: the tool goes on from a checkpoint after a restart."""

    HOLDS_OTHERS: ClassVar[bool] = False
    """Whether runs of other formats below a run's directory are parts of it, rather than files it saved."""

    GATHERS: ClassVar[frozenset[str]] = frozenset()
    """Formats of which all runs below are parts that continue each other: one for every start of this run."""

    READS_FIRST: ClassVar[bool] = False
    """Whether files that other formats read, too, are read by this one, though others tell more of the run."""

    def find_runs(self, listing: Listing) -> dict[str, str]:
        """Return the run directories, each with the evidence, a phrase such as "holds a run.json"."""
        raise NotImplementedError

    ENDS_TELL: ClassVar[bool] = True
    """Whether ``read_card`` looks at the ends of excerpts; where it does not, their beginnings are read once."""

    def at(self, run_dir: str) -> RunFormat:
        """Return the format as it reads one of the runs it has just found."""
        return self

    def identify(self, run_dir: str) -> tuple[str, ...] | None:
        """Return what the directories of one run that was resumed have in common; None where names do not tell."""
        return None

    def order(self, run_dir: str) -> str:
        """Return what such directories are to be sorted by, from when the run began."""
        return run_dir

    def is_metadata(self, path: str, size: int) -> bool:
        """Say, of a path relative to the sync's root, whether smart mode copies the file without being asked."""
        return False

    def documents(self, names: Names) -> list[str]:
        """Return which files ``read_card`` takes whole: of ``names``, all that lies below the run's directory."""
        return []

    def excerpts(self, names: Names) -> list[str]:
        """Return which files ``read_card`` takes the ends of (see ``HEAD`` and ``TAIL``)."""
        return []

    def sources(self, names: Names) -> list[Source]:
        """Return the files with points, in the order in which they are to be read."""
        return []

    def duplicates(self, names: Names) -> list[str]:
        """Return files, mostly of other formats, that hold the same points again: they are not read."""
        return []

    def log_files(self, names: Names) -> list[str]:
        """Return the logs, the main one first."""
        return []

    def media(self, names: Names) -> list[MediaItem]:
        """Return the images that lie as files of their own and that no record tells of."""
        return []

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        """Read what the table and the run's page show. Documents may be missing, or unusable."""
        raise NotImplementedError

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        """Return a parser for a source that goes on at ``position`` with the ``state`` another one had there."""
        raise NotImplementedError


def has_size(size: int) -> bool:
    """Say whether a document is small enough to be metadata."""
    return size <= METADATA_LIMIT


def split_path(path: str) -> tuple[str, str]:
    """Return the directory and the name of a path."""
    directory, _, name = path.rpartition("/")
    return directory, name


def only(names: Names, wanted: Collection[str]) -> list[str]:
    """Return which of the wanted names there are, in their own order."""
    there = set(names)
    return [name for name in wanted if name in there]


def logs_in(names: Names) -> list[str]:
    """Return what lies in the run's directory itself and looks like a log."""
    return [name for name in names if "/" not in name and name.lower().endswith((".log", ".out"))]
