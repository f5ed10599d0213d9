"""What other tools' runs measured, on a real server: the points they logged, as they logged them, and as they come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.ferry import Ferry
from tests.support.foreign_runs import Sample, points_of, spell, unpack_root
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.model import SeriesKind
from runferry.service.curves import CurveQuery
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

FILES = ("dvclive", "generic", "hf_trainer", "hydra", "keras_csv", "lightning", "mlflow", "sacred", "swanlab")
TOOLS = (*FILES, "tensorboard", "wandb")


async def keys_of(ferry: Ferry) -> dict[str, str]:
    views, _ = await ferry.service.list_runs(RunFilter())
    return {view.path: view.key for view in views}


async def read_shown(ferry: Ferry, key: str, *, is_growing: bool = False) -> dict[str, list[tuple[float, float]]]:
    """Return all numbers a run shows, by the names they are shown under."""
    found: dict[str, list[tuple[float, float]]] = {}
    catalogue = await ferry.service.series.catalogue(key)
    for row in catalogue.rows:
        if row.kind is SeriesKind.TEXT:
            continue
        page = await ferry.service.series.points(key, row.key, offset=0, limit=100_000)
        (points,) = (points for _, kind, points in page.series if kind is row.kind)
        assert not isinstance(points.values, list)
        found[row.key] = list(zip(points.steps.tolist(), points.values.tolist(), strict=True))
        if is_growing:  # between two questions
            continue
        assert row.points == len(points)
        assert row.last is None or row.last == points.values[-1]
        finite = [value for value in points.values.tolist() if math.isfinite(value)]
        assert (row.min, row.max) == (min(finite, default=None), max(finite, default=None))
    return found


def read_logged(told: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    extra = told.get("extra") or {}
    return points_of(told) | points_of({"metrics": extra.get("hparams_child_metrics", {})})


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sample]:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "all").mkdir()
    return {tool: unpack_root(tool, folder / "all") for tool in TOOLS}


@pytest.mark.parametrize("mode", [Mode.SMART, Mode.MIRROR])
async def test_every_point_that_was_logged_is_shown_bit_for_bit(
    sshd: Sshd, tmp_path: Path, samples: Mapping[str, Sample], mode: Mode
) -> None:
    root = samples["wandb"].root.parent
    wrong: dict[str, Any] = {}
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root, mode)
        wanted = {f"{tool}/{path}".rstrip("/") for tool in TOOLS for path in samples[tool].expected}

        async def are_listed() -> bool:
            return wanted <= set(await keys_of(ferry))

        await eventually(are_listed, within=20, what="the runs to be listed")
        keys = await keys_of(ferry)
        for tool in TOOLS:
            for path, told in samples[tool].expected.items():
                at = f"{tool}/{path}".rstrip("/")
                shown, logged = await read_shown(ferry, keys[at]), read_logged(told)
                if (told.get("extra") or {}).get("may_be_prefix"):
                    logged = {key: points[: len(shown.get(key, ())) or 1] for key, points in logged.items()}
                _, images = await ferry.service.series.media(keys[at])
                if tool != "tensorboard":  # whose images lie inside its records
                    assert len(images) == told["n_images"]
                    assert all((root / at / image.path).is_file() for image in images)
                if spell(shown) != spell(logged):
                    wrong[at] = shown
    assert not wrong


async def test_points_of_running_tools_come_as_they_are_written_and_none_comes_twice(
    sshd: Sshd, tmp_path: Path, samples: Mapping[str, Sample]
) -> None:
    root = tmp_path / "root"
    (root / "csv").mkdir(parents=True)
    (root / "rows").mkdir()
    table, rows = root / "csv/metrics.csv", root / "rows/log.jsonl"
    records = {
        tool: find_records(samples[tool], name) for tool, name in (("tensorboard", "tfevents"), ("wandb", ".wandb"))
    }
    whole = {root / f"{tool}/{path}": data for tool, (path, data) in records.items()}
    for path, data in whole.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[: len(data) // 3])
    table.write_text("step,loss\n0,0.5\n")
    rows.write_text('{"step": 0, "loss": 0.5}\n')
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)
        keys = await wait_for(ferry, {"csv", "rows"})
        await shows(ferry, keys["csv"], {"loss": [(0.0, 0.5)]})
        await shows(ferry, keys["rows"], {"loss": [(0.0, 0.5)]})
        for step in range(1, 4):
            append(table, f"{step},{step / 8}\n".encode())
            append(rows, f'{{"step": {step}, "loss": {step / 8}}}\n'.encode())
            for path, data in whole.items():
                append(path, data[path.stat().st_size : len(data) * (step + 3) // 7])
            logged = {"loss": [(0.0, 0.5), *((float(at), at / 8) for at in range(1, step + 1))]}
            await shows(ferry, keys["csv"], logged)
            await shows(ferry, keys["rows"], logged)
        beside = table.with_name("new")
        beside.write_text("step,loss,acc\n0,0.5,\n1,0.125,\n2,0.25,0.75\n")
        beside.rename(table)
        changed = {"loss": [(0.0, 0.5), (1.0, 0.125), (2.0, 0.25)], "acc": [(2.0, 0.75)]}
        await shows(ferry, keys["csv"], changed)
    for path, data in whole.items():
        append(path, data[path.stat().st_size :])
    append(rows, b'{"step": 1, "loss": 9.0}\n')
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        await ferry.in_step()
        await shows(ferry, keys["csv"], changed)
        await shows(ferry, keys["rows"], {"loss": [(0.0, 0.5), (2.0, 0.25), (3.0, 0.375), (1.0, 9.0)]})
        again = await ferry.service.series.curves(keys["rows"], CurveQuery(["loss"], superseded=True))
        (curve,) = again.curves
        assert (curve.points_total, list(curve.curve.x)) == (1, [1.0])
        for tool, (file, _) in records.items():
            await shows(ferry, (await keys_of(ferry))[run_of(file, tool)], logged_in(samples[tool], file))


def find_records(sample: Sample, name: str) -> tuple[str, bytes]:
    """Return the file of records of a run that has just that one, and what is in it."""
    for path, told in sample.expected.items():
        files = [file for file in sample.listing.below(path) if name in file]
        if len(files) == 1 and not {"may_be_prefix", "truncated_tail"} & (told.get("extra") or {}).keys():
            file = f"{path}/{files[0]}".lstrip("/")
            return file, (sample.root / file).read_bytes()
    raise AssertionError(f"no run of {sample.root.name} has one file only")


def run_of(path: str, tool: str) -> str:
    return f"{tool}/{path}".rpartition("/")[0]


def logged_in(sample: Sample, path: str) -> dict[str, list[tuple[float, float]]]:
    return read_logged(sample.expected[path.rpartition("/")[0]])


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def wait_for(ferry: Ferry, paths: set[str]) -> dict[str, str]:
    async def are_listed() -> bool:
        return paths <= set(await keys_of(ferry))

    await eventually(are_listed, within=20, what="the runs to be listed")
    return await keys_of(ferry)


async def shows(ferry: Ferry, key: str, logged: Mapping[str, list[tuple[float, float]]]) -> None:
    """Wait until a run shows exactly these points."""

    async def is_shown() -> bool:
        return spell(await read_shown(ferry, key, is_growing=True)) == spell(logged)

    await eventually(is_shown, within=10, what=f"{key} to show what was logged")


async def test_a_file_that_is_a_runs_no_more_counts_for_nothing(sshd: Sshd, tmp_path: Path) -> None:
    run = tmp_path / "mlruns/1/0123456789abcdef0123456789abcdef"
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text("status: 3\n")
    (run / "metrics/early").write_text("1700000000000 1 1\nnonsense\n")
    (run / "metrics/late").write_text("1700000060000 2 1\n")
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(tmp_path / "mlruns")

        async def are_shown(names: set[str]) -> bool:
            shown = [await ferry.service.series.catalogue(key) for key in (await keys_of(ferry)).values()]
            return {row.key for catalogue in shown for row in catalogue.rows} == names

        await eventually(lambda: are_shown({"early", "late"}), within=20, what="both metrics")
        (run / "metrics/early").unlink()
        await eventually(lambda: are_shown({"late"}), within=20, what="one metric to go")
        (key,) = (await keys_of(ferry)).values()
        catalogue = await ferry.service.series.catalogue(key)
        assert (catalogue.first_time, catalogue.source.bad_records) == (1_700_000_060.0, 0)
        assert catalogue.source.read_bytes == catalogue.source.held_bytes == len("1700000060000 2 1\n")
