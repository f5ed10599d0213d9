"""Every reader takes what a real tool wrote, changed at random and in any pieces: it counts what is bad."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from runferry.formats import runicorn, runicorn_events
from runferry.formats.databases import Unreadable
from runferry.formats.manifests import read_details, read_manifest
from runferry.formats.mlflow_db import read_mlflow_db
from runferry.formats.recognition import FoundRun, find_runs, sources_of
from runferry.formats.runicorn_artifacts import read_version_metadata, read_versions
from runferry.formats.series import SeriesParser
from tests.support.foreign_runs import Sample, find, take_excerpt, unpack_root
from tests.support.fuzzing import Mutator
from tests.support.samples import unpack_sample
from tests.unit.formats.test_samples import TOOLS

MOST = 200_000
"""Bytes of a file that are fed: what breaks a parser breaks it early."""


def check_parser(make: Callable[..., SeriesParser], data: bytes, mutator: Mutator) -> None:
    """Feed all of it, with another parser going on now and then; what it says of itself stays true."""
    parser, at, told = make(), 0, 0
    for piece in mutator.cut(data):
        parser.feed(piece)
        at += len(piece)
        assert told <= parser.position <= at
        told = parser.position
        if mutator.chance.random() < 0.05:
            parser = make(parser.position, json.loads(json.dumps(parser.state)))
            parser.feed(data[told:at])
    parser.flush()
    json.dumps(parser.state)


def check_run(sample: Sample, run: FoundRun, mutator: Mutator) -> None:
    for source in sources_of(run, sample.listing):
        data = (sample.root / source.path).read_bytes()[:MOST]
        one, name = source.part.format, source.name

        def make(position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
            return one.make_parser(name, position, state)  # noqa: B023 - called within this turn

        check_parser(make, mutator.mutate(data), mutator)
    for part in run.parts:
        names = sample.listing.below(part.path)
        directory = sample.root / part.path

        def change(name: str, directory: Path = directory) -> bytes:
            path = directory / name
            return mutator.mutate(path.read_bytes()[:MOST]) if path.is_file() else mutator.chance.randbytes(50)

        documents = {name: change(name) for name in part.format.documents(names)}
        excerpts = {name: take_excerpt(change(name)) for name in part.format.excerpts(names)}
        part.format.read_card(part.path, documents, excerpts)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_other_tools_wrote_and_something_changed_is_never_an_exception(
    tmp_path: Path, tool: str, seeds: Iterator[int]
) -> None:
    sample = unpack_root(tool, tmp_path)
    runs = [find(sample, run.path) for run in find_runs(sample.listing)]
    for seed in seeds:
        mutator = Mutator(seed)
        run = mutator.chance.choice(runs)
        try:
            check_run(sample, run, mutator)
        except Exception as error:
            error.add_note(f"seed {seed}, run {run.path}")
            raise


@pytest.mark.parametrize("version", ["0.4", "0.7"])
def test_what_runicorn_wrote_and_something_changed_is_never_an_exception(
    tmp_path: Path, version: str, seeds: Iterator[int]
) -> None:
    root = unpack_sample(version, tmp_path)
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix in (".json", ".jsonl")]
    held = {path: path.read_bytes()[:MOST] for path in files}
    for seed in seeds:
        mutator = Mutator(seed)
        path, other = mutator.chance.choice(files), mutator.chance.choice(files)
        data = mutator.mutate(held[path], held[other])
        place = path.parent.relative_to(root).as_posix()
        try:
            if path.suffix == ".jsonl":
                check_parser(runicorn_events.make_parser, data, mutator)
            else:
                documents = {path.name: data, other.name: held[other]}
                read = runicorn.read_documents(documents)
                runicorn.keep_known(run := runicorn.read_run(place, read), run, list(documents))
                runicorn.read_archived(place, read)
                read_versions(f"{place}/{path.name}", data)
                read_version_metadata(f"{place}/{path.name}", data)
                read_details(data)
                read_manifest(data)
        except Exception as error:
            error.add_note(f"seed {seed}, file {path.relative_to(root)}")
            raise


def test_a_database_of_mlflow_in_which_something_changed_is_read_or_called_unreadable(
    tmp_path: Path, seeds: Iterator[int]
) -> None:
    sample = unpack_root("mlflow_sqlite", tmp_path / "sample")
    (path,) = (path for path in sample.root.rglob("*.db") if path.is_file())
    original = path.read_bytes()
    changed = tmp_path / "changed.db"
    for seed in seeds:
        changed.write_bytes(Mutator(seed).mutate(original))
        try:
            with suppress(Unreadable):
                read_mlflow_db(changed, name="mlflow.db")
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
