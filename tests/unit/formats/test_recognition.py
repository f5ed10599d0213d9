"""Which directories of a tree are runs, of which formats, and which files are read for them: from names alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.foreign_runs import ROOTS, unpack_root

from runferry.formats import runicorn
from runferry.formats.about import About, describe_format
from runferry.formats.listing import Listing
from runferry.formats.recognition import FORMATS, FoundRun, find_runs, sources_of

RAY = tuple(f"exp/trial_1/{name}" for name in ("result.json", "params.json", "progress.csv", "events.out.tfevents.1.h"))
YOLO = ("runs/train/exp2/results.csv", "runs/train/exp2/args.yaml", "runs/train/exp2/events.out.tfevents.1.h")
MMENGINE = (
    "work/20260101_000000/vis_data/scalars.json",
    "work/20260101_000000/vis_data/20260101_000000.json",
    "work/20260101_000000/vis_data/config.py",
    "work/20260101_000000/20260101_000000.log",
)
LLAMA = (
    "out/trainer_log.jsonl",
    "out/training_args.yaml",
    "out/checkpoint-10/trainer_state.json",
    "out/checkpoint-9/trainer_state.json",
    "out/runs/Nov22_a/events.out.tfevents.1.h",
    "out/runs/Nov23_b/events.out.tfevents.2.h",
)


def describe(paths: Iterable[str]) -> dict[str, tuple[list[str], list[tuple[str, str]]]]:
    """Return for each run of a listing its formats, and its sources with their sequences."""
    listing = Listing(paths)
    return {
        run.path: (
            [part.format.FORMAT for part in run.parts],
            [(source.path, source.sequence) for source in sources_of(run, listing)],
        )
        for run in find_runs(listing)
    }


def test_a_trial_of_ray_is_read_once() -> None:
    assert describe(RAY) == {"exp/trial_1": (["ray_tune"], [("exp/trial_1/result.json", "")])}
    assert describe(RAY[1:3]) == {"exp/trial_1": (["ray_tune"], [("exp/trial_1/progress.csv", "")])}


def test_a_run_of_yolo_is_read_once() -> None:
    ((path, (formats, sources)),) = describe(YOLO).items()
    assert (path, formats, sources) == ("runs/train/exp2", ["ultralytics"], [(YOLO[0], "")])


def test_a_run_of_mmengine_is_read_once() -> None:
    assert describe(MMENGINE) == {"work/20260101_000000": (["mmengine"], [(MMENGINE[0], "")])}


def test_all_starts_of_a_trainer_are_one_run() -> None:
    assert describe(LLAMA) == {
        "out": (
            ["llama_factory", "hf_trainer", "tensorboard", "tensorboard"],
            [
                ("out/trainer_log.jsonl", "trainer_log"),
                ("out/checkpoint-10/trainer_state.json", ""),
                ("out/runs/Nov22_a/events.out.tfevents.1.h", "tensorboard"),
                ("out/runs/Nov23_b/events.out.tfevents.2.h", "tensorboard"),
            ],
        )
    }


def test_a_hydra_directory_with_event_files_and_a_table_is_one_run_with_two_sources() -> None:
    job = "outputs/2026-01-01/10-00-00"
    names = (".hydra/config.yaml", "metrics.csv", "tb/events.out.tfevents.1.h", "a.log")
    found = describe(f"{job}/{name}" for name in names)
    assert found == {
        job: (
            ["hydra", "plain", "tensorboard"],
            [(f"{job}/metrics.csv", "metrics"), (f"{job}/tb/events.out.tfevents.1.h", "tb")],
        )
    }


def test_what_is_the_only_one_below_a_job_is_a_part_of_it_and_several_are_runs() -> None:
    one = describe(["job/.hydra/config.yaml", "job/wandb/offline-run-20260101_000000-a/run-a.wandb"])
    assert set(one) == {"job"}
    several = ["job/.hydra/config.yaml", *(f"job/lightning_logs/version_{n}/metrics.csv" for n in range(3))]
    runs = {run.path: run.parent for run in find_runs(Listing(several))}
    assert runs == {"job": None} | {f"job/lightning_logs/version_{n}": "job" for n in range(3)}


def test_what_a_run_saved_is_no_run() -> None:
    record = "a" * 32
    paths = [
        f"mlruns/0/{record}/meta.yaml",
        f"mlruns/0/{record}/artifacts/metrics.csv",
        "mlruns/.trash/0/" + "b" * 32 + "/meta.yaml",
        "mlruns/models/" + "c" * 32 + "/meta.yaml",
        "wandb/offline-run-20260101_000000-a/run-a.wandb",
        "wandb/offline-run-20260101_000000-a/files/log.csv",
        "1/run.json",
        "1/config.json",
        "1/results.csv",
        "data/train.csv",
        ".git/logs/log.csv",
        "notes.csv",
    ]
    assert set(describe(paths)) == {f"mlruns/0/{record}", "wandb/offline-run-20260101_000000-a", "1"}


def test_directories_of_runs_that_others_read_hold_no_others() -> None:
    listing = Listing(["p/n/runs/1/metrics.csv", "p/n/runs/1/sub/log.csv", "q/metrics.csv"])
    assert [run.path for run in find_runs(listing, known=["p/n/runs/1"])] == ["q"]


def test_runs_side_by_side_below_a_run_of_tables_stay_runs() -> None:
    found = describe(["log.csv", "a/events.out.tfevents.1.h", "a/b/events.out.tfevents.1.h", "a/b/metrics.csv"])
    assert set(found) == {"", "a", "a/b"}
    assert all(run.parent is None for run in find_runs(Listing(["log.csv", "a/log.csv", "a/b/log.csv"])))


def test_two_tables_of_one_directory_are_two_sequences() -> None:
    ((_, sources),) = describe(["x/train.csv", "x/val.csv", "x/metrics.jsonl"]).values()
    assert sources == [("x/metrics.jsonl", "metrics"), ("x/train.csv", "train"), ("x/val.csv", "val")]


RAY_ROW = {
    "training_iteration": 3,
    "loss": 0.5,
    "info": {"lr": 1},
    "config": {"x": 1},
    "timestamp": 1700000000,
    "done": False,
    "pid": 12,
}
MMENGINE_ROW = {"loss": 0.5, "time": 0.1, "iter": 3, "step": 3}
LLAMA_ROW = {"current_steps": 3, "total_steps": 9, "loss": 0.5, "elapsed_time": "0:01"}


@pytest.mark.parametrize(
    ("format_", "name", "row", "keys"),
    [
        ("ray_tune", "result.json", RAY_ROW, {"loss", "info/lr", "done"}),
        ("mmengine", "vis_data/scalars.json", MMENGINE_ROW, {"loss", "time", "iter"}),
        ("llama_factory", "trainer_log.jsonl", LLAMA_ROW, {"loss", "total_steps"}),
    ],
)
def test_rows_of_unsampled_formats_are_read(format_: str, name: str, row: dict[str, object], keys: set[str]) -> None:
    (one,) = (one for one in FORMATS if format_ == one.FORMAT)
    found = one.make_parser(name).feed(json.dumps(row).encode() + b"\n")
    assert {key for key, _ in found.columns} == keys
    assert all(list(column.steps) == [3.0] for column in found.columns.values())


def test_cards_of_unsampled_formats_say_parameters_and_failures() -> None:
    formats = {one.FORMAT: one for one in FORMATS}
    documents = {"params.json": b'{"lr": 0.1}', "error.txt": b"Boom\nat\x00line 2"}
    ray = formats["ray_tune"].read_card("exp/trial_1", documents, {})
    assert (ray.name, ray.project, ray.status, ray.meta["params"]) == ("trial_1", "exp", "failed", {"lr": 0.1})
    assert ray.exit_reason == "Boom\nat\ufffdline 2"
    yolo = formats["ultralytics"].read_card("runs/train/exp2", {"args.yaml": b"lr0: 0.01\nmodel: y.pt\n"}, {})
    assert (yolo.name, yolo.meta["params"]) == ("exp2", {"lr0": 0.01, "model": "y.pt"})
    assert formats["mmengine"].read_card("work/20260101_000000", {}, {}).name == "work/20260101_000000"
    llama = formats["llama_factory"].read_card("out", {"training_args.yaml": b"lr: 1.0e-05\n"}, {})
    assert llama.meta["params"] == {"lr": 1e-05}


def test_what_is_metadata_is_what_cards_are_read_from(tmp_path: Path) -> None:
    for archive in ROOTS.glob("*.tar.gz"):
        tool = archive.name.removesuffix(".tar.gz")
        sample = unpack_root(tool, tmp_path)
        runs = find_runs(sample.listing)
        wanted = set()
        for run in runs:
            for part in run.parts:
                names = part.format.documents(sample.listing.below(part.path))
                wanted |= {f"{part.path}/{name}" for name in names if not name.startswith("..")}
        there = [path for path in sample.root.rglob("*") if path.is_file()]
        files = {path.relative_to(sample.root).as_posix(): path.stat().st_size for path in there}
        taken = {path for path, size in files.items() if any(one.is_metadata(path, size) for one in FORMATS)}
        assert taken - wanted <= {path for path in taken if path.endswith("meta.yaml")}, tool
        if tool != "generic":  # a config.json may be anything: it is known by what lies beside it
            assert wanted <= taken, tool
        assert not any(path.endswith((".bin", ".pt", ".safetensors", ".png", ".pth")) for path in taken)
        assert not any(one.is_metadata(path, 2**30) for path in files for one in FORMATS)


def make_mixed_tree(tmp_path: Path, projects: int, copies: int) -> tuple[list[str], set[str]]:
    """Return the paths of a tree with every sample root many times, and the runs that are in it."""
    paths, runs = list[str](), set[str]()
    for archive in sorted(ROOTS.glob("*.tar.gz")):
        tool = archive.name.removesuffix(".tar.gz")
        if tool in ("trackio", "mlflow_sqlite"):
            continue  # databases: several runs in one file
        sample = unpack_root(tool, tmp_path)
        names = sample.listing.below("")
        for project in range(projects):
            for copy in range(copies):
                start = f"project-{project}/{tool}-{copy}"
                paths += [f"{start}/{name}" for name in names]
                runs |= {f"{start}/{run}" for run in sample.expected}
    return paths, runs


def test_a_tree_of_all_of_them_has_each_run_once_and_is_looked_through_quickly(tmp_path: Path) -> None:
    paths, runs = make_mixed_tree(tmp_path, projects=5, copies=3)
    assert len(runs) >= 500
    begin = time.process_time()
    listing = Listing(paths)
    found = find_runs(listing)
    sources = [source.path for run in found for source in sources_of(run, listing)]
    took = time.process_time() - begin
    assert {run.path for run in found} == runs
    assert len(found) == len(runs)
    assert len(sources) == len(set(sources))
    assert not runicorn.find_runs(paths)
    assert took < 2.0


def test_every_format_says_what_it_is_called_and_what_is_not_as_one_might_think() -> None:
    for name in (*(one.FORMAT for one in FORMATS), "runicorn", "trackio", "mlflow_sqlite"):
        about = describe_format(name)
        assert about.title
        assert about.notes
        assert all(note[0].isupper() and note.endswith(".") for note in about.notes)
    assert describe_format("left") == About("left")


WORDS = """a b .hydra config.yaml metrics.csv run.json config.json events.out.tfevents.1.h meta.yaml wandb plots metrics
    offline-run-20260101_000000-a run-a.wandb trainer_state.json checkpoint-1 hparams.yaml version_0 x.tsv params.json
    result.json vis_data scalars.json 1795374291.5 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"""
NAMES = st.sampled_from(WORDS.split())
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=5).map("/".join), max_size=25)


@settings(max_examples=300, deadline=None)
@given(PATHS)
def test_whatever_lies_where_runs_are_found_once_and_files_read_once(paths: list[str]) -> None:
    listing = Listing(paths)
    found = find_runs(listing)
    places = [run.path for run in found]
    assert len(places) == len(set(places))
    check_parents(found)
    parts = [(part.path, part.format.FORMAT) for run in found for part in run.parts]
    assert len(parts) == len(set(parts))
    for run in found:
        sources = sources_of(run, listing)
        assert len({source.path for source in sources}) == len(sources)
        assert {source.path for source in sources} <= set(paths)


def check_parents(found: list[FoundRun]) -> None:
    places = {run.path for run in found}
    for run in found:
        assert run.parent is None or (run.parent in places and run.path != run.parent)
        assert run.parent is None or run.path.startswith(f"{run.parent}/" if run.parent else "")


def test_a_wandb_run_that_was_resumed_is_one_run() -> None:
    place = "wandb"
    names = ("offline-run-20260102_120000-abc123", "run-20260101_120000-abc123", "run-20260103_120000-other1")
    files = [f"{place}/{name}/run-{name.rpartition('-')[2]}.wandb" for name in names]
    listing = Listing([*files, "elsewhere/wandb/run-20260104_120000-abc123/run-abc123.wandb"])
    found = {run.path: run for run in find_runs(listing)}
    assert set(found) == {
        "wandb/run-20260101_120000-abc123",
        "wandb/run-20260103_120000-other1",
        "elsewhere/wandb/run-20260104_120000-abc123",
    }
    sources = sources_of(found["wandb/run-20260101_120000-abc123"], listing)
    assert [(source.path, source.sequence) for source in sources] == [(files[1], ""), (files[0], "")]
