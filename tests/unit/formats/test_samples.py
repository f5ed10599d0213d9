"""Every root that a real tool wrote is read as what was logged into it, whatever the pieces it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.foreign_runs import (
    Feed,
    Reading,
    Sample,
    feed_bytes,
    feed_pieces,
    feed_whole,
    find,
    points_of,
    read_run,
    spell,
    unpack_root,
)

from runferry.formats.recognition import find_runs, sources_of
from runferry.model import SeriesKind

TOOLS = (
    "dvclive",
    "generic",
    "hf_trainer",
    "hydra",
    "keras_csv",
    "lightning",
    "mlflow",
    "sacred",
    "swanlab",
    "tensorboard",
    "wandb",
)


@pytest.fixture(scope="module", params=TOOLS)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return unpack_root(request.param, tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def tensorboard(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return unpack_root("tensorboard", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def wandb(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return unpack_root("wandb", tmp_path_factory.mktemp("root"))


def check_points(reading: Reading, expected: Mapping[str, Any]) -> None:
    """Check all points, bit for bit, in their order; what was killed may have lost its last ones."""
    child = (expected.get("extra") or {}).get("hparams_child", "").rpartition("/")[2]
    got = reading.metrics()
    logged = points_of(expected)
    if child:
        logged |= points_of({"metrics": expected["extra"]["hparams_child_metrics"]})
    assert set(got) == set(logged)
    if (expected.get("extra") or {}).get("may_be_prefix"):
        assert all(got.values())
        logged = {key: points[: len(got[key])] for key, points in logged.items()}
    assert spell(got) == spell(logged)
    assert reading.bad == 0


def test_exactly_the_runs_are_found(sample: Sample) -> None:
    found = find_runs(sample.listing)
    assert {run.path for run in found} == set(sample.expected)
    assert all(part.evidence for run in found for part in run.parts)


def test_every_point_is_read_bit_for_bit(sample: Sample) -> None:
    for path, expected in sample.expected.items():
        check_points(read_run(sample, find(sample, path), feed_whole), expected)


def test_every_point_is_read_when_the_bytes_come_one_by_one(sample: Sample) -> None:
    for path, expected in sample.expected.items():
        check_points(read_run(sample, find(sample, path), feed_bytes), expected)


@pytest.mark.parametrize("feed", [feed_pieces(1, 40), feed_pieces(2, 700), feed_pieces(3, 9000)], ids=["s", "m", "l"])
def test_every_point_is_read_when_reading_is_cut_and_resumed_anywhere(sample: Sample, feed: Feed) -> None:
    for path, expected in sample.expected.items():
        check_points(read_run(sample, find(sample, path), feed), expected)


def test_cards_say_what_was_logged(sample: Sample) -> None:
    for path, expected in sample.expected.items():
        reading = read_run(sample, find(sample, path))
        run = reading.card
        assert run.name == expected["name"]
        assert run.meta.get("params", {}) == expected["params"]
        assert run.meta.get("tags", {}) == expected["tags"]
        assert run.status == {"unknown": ""}.get(expected["status"], expected["status"])
        assert bool(run.status) == bool(run.meta.get("status_known_by"))
        assert len([item for item in reading.media if item.kind == "image"]) == expected["n_images"]
        assert run.deleted_at is None


def test_logs_are_where_the_sample_says(sample: Sample) -> None:
    for path, expected in sample.expected.items():
        run = find(sample, path)
        files = [
            sample.root / part.path / name
            for part in run.parts
            for name in part.format.log_files(sample.listing.below(part.path))
        ]
        written = any(file.stat().st_size for file in files)
        printed = any(found.output for found in read_run(sample, run).findings)
        assert (written or printed) == expected["has_logs"]


def test_a_file_cut_in_its_last_record_is_read_up_to_there_and_goes_on(sample: Sample) -> None:
    for path, expected in sample.expected.items():
        run = find(sample, path)
        for source in sources_of(run, sample.listing):
            data = (sample.root / source.path).read_bytes()
            if source.name.endswith(".json"):
                continue  # written whole
            parser = source.part.format.make_parser(source.name)
            first, early = parser.feed(data[:-3]), parser.flush()
            again = source.part.format.make_parser(source.name, parser.position, parser.state)
            rest, late = again.feed(data[parser.position :]), again.flush()
            whole = source.part.format.make_parser(source.name).feed(data)
            assert first.bad + rest.bad == whole.bad == 0
            assert first.points + early.points + rest.points + late.points >= whole.points
            assert first.points >= whole.points - 10, expected["dir"]


def test_a_resumed_run_of_torch_keeps_what_it_went_over_again(tensorboard: Sample) -> None:
    reading = read_run(tensorboard, find(tensorboard, "torch_resume"))
    extra = tensorboard.expected["torch_resume"]["extra"]
    ((_, kept),) = [(key, column) for key, column in reading.columns[""].items() if key[0] == "Loss/train"]
    left = [column for column in reading.superseded if len(column)]
    assert len(kept) + sum(map(len, left)) == extra["raw_points"]["Loss/train"]
    assert list(left[0].steps) == [12.0, 13.0]


def test_texts_and_images_of_event_files_are_read(tensorboard: Sample) -> None:
    for path, expected in tensorboard.expected.items():
        reading = read_run(tensorboard, find(tensorboard, path))
        texts = {
            key.removesuffix("/text_summary"): [
                [step, text] for step, text in zip(column.steps, column.values, strict=True)
            ]
            for (key, kind), column in reading.columns[""].items()
            if kind is SeriesKind.TEXT
        }
        assert texts == expected["extra"].get("texts", {})
        skipped = {kind for found in reading.findings for kind in found.skipped}
        assert skipped == ({"histogram"} if expected["extra"].get("histogram_tags") else set())
        data = b"".join(file.read_bytes() for file in sorted((tensorboard.root / path).glob("*tfevents*"))[:1])
        for item in reading.media:
            at, length = map(int, item.path.removeprefix("@").split("+"))
            assert data[at : at + length].startswith(b"\x89PNG")


def test_summaries_texts_and_exit_codes_of_wandb_are_read(wandb: Sample) -> None:
    for path, expected in wandb.expected.items():
        reading = read_run(wandb, find(wandb, path))
        extra = expected["extra"]
        assert reading.card.summary.items() >= extra.get("summary_set", {}).items()
        assert reading.card.meta.get("exit_code") == extra.get("exit_code")
        texts = {
            key: [[step, text] for step, text in zip(column.steps, column.values, strict=True)]
            for (key, kind), column in reading.columns[""].items()
            if kind is SeriesKind.TEXT
        }
        assert texts == extra.get("string_metric", {})
        assert reading.card.id == extra.get("id", path.rpartition("-")[2])
        printed = "".join(piece.text for found in reading.findings for piece in found.output)
        assert printed.startswith((wandb.root / path / "files/output.log").read_text()[:50])


def test_what_hydra_refers_to_is_followed(tmp_path: Path) -> None:
    sample = unpack_root("hydra", tmp_path)
    for path, expected in sample.expected.items():
        run = read_run(sample, find(sample, path)).card
        assert run.meta["params_resolved"] == expected["extra"]["params_resolved"]
        assert run.meta["overrides"] == expected["extra"]["overrides"]
        assert run.project == expected["extra"]["job_name"]


def test_mlflow_says_experiment_and_parent(tmp_path: Path) -> None:
    sample = unpack_root("mlflow", tmp_path)
    for path, expected in sample.expected.items():
        run = read_run(sample, find(sample, path)).card
        assert run.project == expected["extra"]["experiment"]
        assert run.id == expected["extra"]["run_id"]
        assert run.meta.get("parent") == expected["extra"].get("parent_run_id")


def test_sacred_says_why_a_run_failed(tmp_path: Path) -> None:
    sample = unpack_root("sacred", tmp_path)
    runs = {path: read_run(sample, find(sample, path)).card for path in sample.expected}
    assert runs["1"].summary.items() >= sample.expected["1"]["extra"]["info"].items()
    assert "RuntimeError: boom" in (runs["2"].exit_reason or "")
    assert runs["3"].ended_at is None
