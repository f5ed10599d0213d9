"""The roots of other tools in ``tests/data/formats``: what they hold, and readings of them in any pieces."""

from __future__ import annotations

import json
import math
import random
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.overlap import Key, join, keep_last
from runferry.formats.recognition import FoundRun, find_runs, sources_of
from runferry.formats.run_format import HEAD, TAIL, Excerpt, RunFormat
from runferry.formats.series import Batch, SeriesParser
from runferry.model import MediaItem, Run, SeriesColumn, SeriesKind
from tests.support.samples import DATA, list_tree

ROOTS = DATA / "formats"

Feed = Callable[[Callable[..., SeriesParser], bytes], list[Batch]]
"""Gives the batches that a file's bytes become, from a function that makes parsers."""


@dataclass(frozen=True)
class Sample:
    """One tool's root, unpacked, and the runs that were logged into it, by directory."""

    root: Path
    expected: Mapping[str, dict[str, Any]]
    listing: Listing


@dataclass
class Reading:
    """All of one run's sources, read: the points that count and those that do not, and what else there was."""

    run: FoundRun
    card: Run
    columns: dict[str, dict[Key, SeriesColumn]] = field(default_factory=dict)  # by sequence
    superseded: list[SeriesColumn] = field(default_factory=list)
    media: list[MediaItem] = field(default_factory=list)
    findings: list[Findings] = field(default_factory=list)
    bad: int = 0

    def metrics(self, sequence: str | None = None) -> dict[str, list[tuple[float, float]]]:
        """Return the points of all series of numbers; of one sequence, or of all."""
        found: dict[str, list[tuple[float, float]]] = {}
        for name, columns in self.columns.items():
            for (key, kind), column in columns.items():
                if kind is not SeriesKind.TEXT and sequence in (None, name):
                    assert key not in found, f"{key} lies in two sequences"
                    assert not isinstance(column.values, list)
                    found[key] = list(zip(column.steps, column.values, strict=True))
        return found


def unpack_root(tool: str, target: Path) -> Sample:
    """Unpack one tool's root below ``target``."""
    with tarfile.open(ROOTS / f"{tool}.tar.gz") as archive:
        archive.extractall(target, filter="data")
    root = target / tool
    told = json.loads((ROOTS / f"{tool}.sample.expected.json").read_text())
    files = [path for path in list_tree(root) if not (root / path).is_symlink()]
    return Sample(root, {run["dir"]: run for run in told["runs"]}, Listing(files))


def read_number(value: object) -> float:
    """Read a number as an expected.json has it."""
    words = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    if isinstance(value, str):
        return words[value]
    assert isinstance(value, (int, float))
    return float(value)


def points_of(run: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return the points a run logged."""
    return {
        key: [(float(step), read_number(value)) for step, value in points] for key, points in run["metrics"].items()
    }


def spell(points: Mapping[str, Iterable[tuple[float, float]]]) -> dict[str, list[str]]:
    """Write points so that equal ones are those whose bits are equal, NaN included."""
    return {
        key: [f"{step!r} {'nan' if math.isnan(value) else value.hex()}" for step, value in these]
        for key, these in points.items()
    }


def feed_whole(make: Callable[..., SeriesParser], data: bytes) -> list[Batch]:
    parser = make()
    return [parser.feed(data), parser.flush()]


def feed_bytes(make: Callable[..., SeriesParser], data: bytes) -> list[Batch]:
    parser = make()
    return [*(parser.feed(data[at : at + 1]) for at in range(len(data))), parser.flush()]


def feed_pieces(seed: int, longest: int) -> Feed:
    """Return a way to feed: pieces of random lengths, the parser now and then replaced by one that goes on there."""

    def feed(make: Callable[..., SeriesParser], data: bytes) -> list[Batch]:
        chance = random.Random(seed)
        parser, batches, at = make(), [], 0
        cuts = 20  # of a document nothing is kept: it would never be whole
        while at < len(data):
            if cuts and chance.random() < 0.3:
                cuts -= 1
                state = json.loads(json.dumps(parser.state))
                parser, at = make(parser.position, state), parser.position
            length = chance.randint(1, longest)
            batches.append(parser.feed(data[at : at + length]))
            at += length
        return [*batches, parser.flush()]

    return feed


def find(sample: Sample, path: str) -> FoundRun:
    return next(run for run in find_runs(sample.listing) if run.path == path)


def read_card(sample: Sample, run: FoundRun) -> Run:
    """Read a run's card from nothing but its documents and excerpts."""
    part = run.parts[0]
    directory = sample.root / part.path
    names = sample.listing.below(part.path)
    documents = {
        name: (directory / name).read_bytes() for name in part.format.documents(names) if (directory / name).is_file()
    }
    excerpts = {name: take_excerpt((directory / name).read_bytes()) for name in part.format.excerpts(names)}
    return part.format.read_card(run.path, documents, excerpts)


def take_excerpt(data: bytes, head: int = HEAD, tail: int = TAIL) -> Excerpt:
    if len(data) <= head:
        return Excerpt(data, b"", len(data))
    return Excerpt(data[:head], data[-tail:], len(data))


def read_run(sample: Sample, run: FoundRun, feed: Feed = feed_whole) -> Reading:
    """Read all of a run, its sources fed by ``feed``."""
    reading = Reading(run, read_card(sample, run))
    batches: dict[str, list[Batch]] = {}
    formats: dict[str, RunFormat] = {}
    for source in sources_of(run, sample.listing):
        one = source.part.format

        def make(
            position: int = 0, state: Mapping[str, object] | None = None, one: RunFormat = one, name: str = source.name
        ) -> SeriesParser:
            return one.make_parser(name, position, state)

        formats[source.sequence] = one
        batches.setdefault(source.sequence, []).extend(feed(make, (sample.root / source.path).read_bytes()))
    for sequence, these in batches.items():
        columns = join(batch.columns for batch in these)
        for key, column in columns.items() if formats[sequence].LAST_WINS else ():
            columns[key], superseded = keep_last(column, key[1])
            reading.superseded.append(superseded)
        reading.columns[sequence] = columns
        reading.bad += sum(batch.bad for batch in these)
        reading.media += [item for batch in these for item in batch.media]
        reading.findings += [batch for batch in these if isinstance(batch, Findings)]
    for part in run.parts:
        reading.media += part.format.media(sample.listing.below(part.path))
    return reading
