"""Says which directories of a tree are runs, of which formats, and which files hold their points. Names only.

Every format is asked once about the whole listing; then what lies in one place, or below a run, is put together:

- Formats that find one directory share one run; the first of them in ``FORMATS`` gives its card, the others points.
- Up to ``DEPTH`` levels below a run of a format that ``HOLDS_OTHERS``, the only run of a format is a part of it.
  Where there are several of one format, each stays a run, and ``parent`` says where.
- Below a run of any other format there are no runs: what looks like one was saved by it.
- Directories beside each other that ``identify`` as one run are one: it was resumed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runferry.formats.dvclive import DvcLive
from runferry.formats.hf_trainer import HfTrainer
from runferry.formats.hydra import Hydra
from runferry.formats.lightning import Lightning
from runferry.formats.listing import Listing
from runferry.formats.llama_factory import LlamaFactory
from runferry.formats.mlflow import MlflowFiles
from runferry.formats.mmengine import MMEngine
from runferry.formats.own_tables import OwnTables
from runferry.formats.plain import Plain
from runferry.formats.ray_tune import RayTune
from runferry.formats.run_format import RunFormat
from runferry.formats.sacred import Sacred
from runferry.formats.swanlab import SwanLab
from runferry.formats.tensorboard import TensorBoard
from runferry.formats.third_parties import load_installed
from runferry.formats.ultralytics import Ultralytics
from runferry.formats.wandb import Wandb

BUILT_IN: tuple[RunFormat, ...] = (
    Hydra(),
    Sacred(),
    MlflowFiles(),
    Wandb(),
    SwanLab(),
    DvcLive(),
    RayTune(),
    MMEngine(),
    Ultralytics(),
    Lightning(),
    LlamaFactory(),
    HfTrainer(),
    TensorBoard(),
    OwnTables(),
    Plain(),
)
"""Every format of this kind that comes with Runferry, those that know most of a run first."""

INSTALLED = load_installed({one.FORMAT for one in BUILT_IN})
"""What other packages bring."""

FORMATS: tuple[RunFormat, ...] = (*INSTALLED.formats, *BUILT_IN)
"""Every format; those of other packages know their tool better than its files' usual names do."""

FORMATS_BY_NAME: Mapping[str, RunFormat] = {one.FORMAT: one for one in FORMATS}

DEPTH = 3
"""Levels below a run at which its tools keep what is a part of it: ``mlruns/0/<run id>``."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one format says of a run: where, and by what evidence."""

    format: RunFormat
    path: str
    evidence: str


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run directory. The first part gives the card; ``parent`` is the run it lies below, if it is one of several."""

    path: str
    parts: tuple[Part, ...]
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A file with points, ``path`` relative to the tree's root; ``sequence`` as in ``Source``, across all parts.

    ``name`` is what the format's ``make_parser`` is given.
    """

    path: str
    part: Part
    name: str
    sequence: str


def find_runs(listing: Listing, formats: Sequence[RunFormat] = FORMATS, known: Iterable[str] = ()) -> list[FoundRun]:
    """Return the runs of a tree, in order of their paths. ``known`` are directories of runs that others read."""
    found: dict[str, list[Part]] = defaultdict(list)
    for one in formats:
        for path, evidence in one.find_runs(listing).items():
            found[path].append(Part(one.at(path), path, evidence))
    closed = set(known)
    parts_of: dict[str, list[Part]] = {}
    below: _Below = defaultdict(lambda: defaultdict(list))
    owners: dict[str, str] = {}
    for path in sorted(found, key=lambda path: path.split("/") if path else []):
        owner = _find_above(path, parts_of, closed)
        if path in closed or owner in closed:
            continue
        if owner is not None:
            if not all(part.format.HOLDS_OTHERS or _is_open(part.format) for part in parts_of[owner]):
                continue
            owners[path] = owner
            below[owner][found[path][0].format.FORMAT].append(path)
        parts_of[path] = found[path]
    return [_prune(run, listing) for run in _join_resumed(_fold(parts_of, below, owners))]


def _join_resumed(runs: Iterable[FoundRun]) -> list[FoundRun]:
    """Make one run of those that say by their places that one resumed the other; it lies where it began."""
    groups: dict[tuple[str, tuple[str, ...]], list[FoundRun]] = defaultdict(list)
    for run in runs:
        first = run.parts[0].format
        groups[first.FORMAT, first.identify(run.path) or (run.path,)].append(run)
    joined: list[FoundRun] = []
    for some in groups.values():
        some.sort(key=lambda run: run.parts[0].format.order(run.path))
        parts = tuple(part for run in some for part in run.parts)
        joined.append(FoundRun(some[0].path, parts, some[0].parent))
    return sorted(joined, key=lambda run: run.path)


def _prune(run: FoundRun, listing: Listing) -> FoundRun:
    """Leave out the parts, but for the first, that have nothing to read: others read the same files."""
    if len(run.parts) == 1:
        return run
    read = {id(source.part) for source in sources_of(run, listing)}
    parts = tuple(part for place, part in enumerate(run.parts) if place == 0 or id(part) in read)
    return FoundRun(run.path, parts, run.parent)


def _is_open(one: RunFormat) -> bool:
    """Event files and tables beside others say nothing of what lies below them."""
    return one.FORMAT in (TensorBoard.FORMAT, OwnTables.FORMAT, Plain.FORMAT)


_Below = dict[str, dict[str, list[str]]]
"""Runs below runs: by the one above, then by their format."""


def _fold(parts_of: dict[str, list[Part]], below: _Below, owners: dict[str, str]) -> list[FoundRun]:
    """Make parts of what belongs to a run that holds others, from the innermost on."""
    for owner in sorted(below, key=len, reverse=True):
        formats = [part.format for part in parts_of[owner]]
        gathered = frozenset[str]().union(*(one.GATHERS for one in formats))
        for name, paths in below[owner].items():
            if not any(one.HOLDS_OTHERS for one in formats):
                for path in paths:
                    del owners[path]
            elif name in gathered or (len(paths) == 1 and paths[0][len(owner) :].strip("/").count("/") < DEPTH):
                for path in sorted(paths):
                    parts_of[owner] = parts_of[owner] + parts_of.pop(path)
                    _hand_over(path, owner, below, owners)
    return [FoundRun(path, tuple(parts), owners.get(path)) for path, parts in sorted(parts_of.items())]


def _hand_over(path: str, owner: str, below: _Below, owners: dict[str, str]) -> None:
    """Let what stayed a run below ``path``, which is none any more, be its owner's."""
    del owners[path]
    for children in below.get(path, {}).values():
        for child in children:
            if owners.get(child) == path:
                owners[child] = owner


def _find_above(path: str, parts_of: dict[str, list[Part]], closed: set[str]) -> str | None:
    """Return the nearest run that ``path`` lies below."""
    while path:
        path = path.rpartition("/")[0]
        if path in parts_of or path in closed:
            return path
    return None


def sources_of(run: FoundRun, listing: Listing) -> list[FoundSource]:
    """Return the files with a run's points, in the order in which they are to be read; no file twice."""
    taken: set[str] = set()
    found: list[FoundSource] = []
    gathered = frozenset[str]().union(*(part.format.GATHERS for part in run.parts))
    for part in sorted(run.parts, key=lambda part: not part.format.READS_FIRST):
        names = listing.below(part.path)
        start = f"{part.path}/" if part.path else ""
        is_inside = not run.path or part.path == run.path or part.path.startswith(f"{run.path}/")
        inner = part.path[len(run.path) :].strip("/") if is_inside else ""  # a directory beside continues the run's own
        for source in part.format.sources(names):
            path = start + source.name
            if path not in taken:
                taken.add(path)
                place = part.format.FORMAT if part.format.FORMAT in gathered else inner
                sequence = "/".join(word for word in (place, source.sequence) if word)
                found.append(FoundSource(path, part, source.asked or source.name, sequence))
        taken.update(start + name for name in part.format.duplicates(names))
    return found
