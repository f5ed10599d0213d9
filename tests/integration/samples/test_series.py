"""Series and media of roots that the real tools wrote, against an independent reading of the same files."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.samples import unpack_sample
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

Point = tuple[float, float, object]


@pytest.fixture
async def served(tmp_path: Path, home: Path) -> AsyncIterator[ServedRunferry]:
    (tmp_path / "data").mkdir()
    async with ServedRunferry(tmp_path / "data", home) as served:
        yield served


async def get(served: ServedRunferry, path: str, **params: Any) -> Any:
    response = await served.api.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_points(lines: list[dict[str, Any]]) -> dict[str, list[Point]]:
    """Return step, time and value of every field, as the document of the format has them."""
    found: dict[str, list[Point]] = {}
    for line in lines:
        if line["type"] == "metrics":
            data = line["data"]
            for key in data.keys() - {"global_step", "time"}:
                found.setdefault(key, []).append((data["global_step"], line["ts"], data[key]))
    return found


def same(one: object, other: object) -> bool:
    """Compare bit by bit; the API names what JSON cannot say."""
    if isinstance(one, str):
        one = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(one, one)
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return struct.pack("<d", one) == struct.pack("<d", other)


async def check_run(served: ServedRunferry, key: str, directory: Path) -> int:
    """Compare all of a run; return how many points there were."""
    lines = read_lines(directory / "events.jsonl")
    expected = read_points(lines)
    catalogue = await get(served, f"/runs/{key}/series")
    assert {one["key"]: one["points"] for one in catalogue["metrics"]} == {
        name: len(points) for name, points in expected.items()
    }
    size = (directory / "events.jsonl").stat().st_size
    assert catalogue["source"] == {
        **{"local": "full", "held_bytes": size, "read_bytes": size, "total_bytes": size},
        **{"bad_records": 0, "first_bad": None, "unknown_records": 0},
    }
    for metric, points in expected.items():
        (part,) = (await get(served, f"/runs/{key}/points", metric=metric))["series"]
        found = list(zip(part["steps"], part["times"], part["values"], strict=True))
        assert len(found) == len(points)
        assert all(all(map(same, one, other)) for one, other in zip(found, points, strict=True)), metric
    await check_tables(served, key, lines)
    await check_media(served, key, directory, lines)
    return sum(map(len, expected.values()))


def null_if_strange(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


async def check_tables(served: ServedRunferry, key: str, lines: list[dict[str, Any]]) -> None:
    metrics = [line for line in lines if line["type"] == "metrics"]
    first = metrics[0]["ts"]
    by_step: dict[int, dict[str, Any]] = {}
    by_time: list[tuple[float, dict[str, Any]]] = []
    for line in metrics:
        data = {name: value for name, value in line["data"].items() if name not in ("time", "global_step")}
        by_step.setdefault(line["data"]["global_step"], {}).update(data)
        by_time.append((line["ts"] - first, {name: value for name, value in data.items() if name != "stage"}))
    table = await get(served, f"/runs/{key}/metrics_step")
    assert (table["columns"][0], table["columns"][-1]) == ("global_step", "stage")
    blank = dict.fromkeys(table["columns"])
    assert table["rows"] == [
        blank | {"global_step": step} | {name: null_if_strange(value) for name, value in by_step[step].items()}
        for step in sorted(by_step)
    ]
    table = await get(served, f"/runs/{key}/metrics")
    blank = dict.fromkeys(table["columns"])
    assert table["columns"][0] == "time"
    assert table["rows"] == [
        blank | {"time": time} | {name: null_if_strange(value) for name, value in row.items()} for time, row in by_time
    ]


async def check_media(served: ServedRunferry, key: str, directory: Path, lines: list[dict[str, Any]]) -> None:
    images = [line for line in lines if line["type"] == "image"]
    found = await get(served, f"/runs/{key}/media")
    assert [{name: item[name] for name in ("key", "path", "step", "caption")} for item in found] == [
        line["data"] for line in images
    ]
    assert [item["time"] for item in found] == [line["ts"] for line in images]
    for item in found:
        picture = await served.api.get(item["url"].removeprefix("/api"))
        assert picture.status_code == 200
        assert picture.content == (directory / item["path"]).read_bytes()


@pytest.mark.parametrize("mode", ["mirror", "smart"])
@pytest.mark.parametrize("version", ["0.4", "0.7"])
async def test_every_point_and_every_image_of_every_run_is_there_bit_by_bit(
    served: ServedRunferry, sshd: Sshd, tmp_path: Path, version: str, mode: str
) -> None:
    (tmp_path / "server").mkdir()
    root = unpack_sample(version, tmp_path / "server")
    directories = {path.parent.relative_to(root).as_posix(): path.parent for path in root.rglob("events.jsonl")}
    await served.connect(sshd)
    await served.post("/unified/configure_mode", {"mode": mode, "remote_root": str(root)})

    async def has_all_runs() -> list[dict[str, Any]] | None:
        runs = await get(served, "/runs")
        is_whole = (await served.sync()).get("last_sync_at") is not None
        return runs if is_whole else None

    runs = await eventually(has_all_runs, within=30, what="the first sync")
    assert runs is not None
    assert {run["path"] for run in runs} <= set(directories)
    assert len(runs) >= 5
    counts = [await check_run(served, run["key"], directories[run["path"]]) for run in runs]
    assert min(counts) > 60


async def test_many_runs_are_drawn_in_one_answer(served: ServedRunferry, sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    root = unpack_sample("0.4", tmp_path / "server")
    await served.connect(sshd)
    await served.mirror(root)
    await eventually(served.is_watching, within=30, what="the first sync")
    runs = await get(served, "/runs")
    keys = [run["key"] for run in runs]
    answer = await get(served, "/series", key=[*keys, "nobody"], metric=["loss", "stage", "never"], x="time", width=10)
    assert [one["run"] for one in answer["runs"]] == keys
    assert answer["missing_runs"] == [{"key": "nobody", "detail": "Run not found"}]
    for one, run in zip(answer["runs"], runs, strict=True):
        loss, stage = one["series"]
        lines = read_lines(root / run["path"] / "events.jsonl")
        values = [value for _, _, value in read_points(lines)["loss"] if not math.isnan(value)]  # type: ignore[arg-type]
        assert (loss["key"], stage["key"], one["missing"]) == ("loss", "stage", ["never"])
        assert len(loss["x"]) <= 10
        assert not loss["exact"]
        assert min(value for value in loss["min"] if value is not None) == min(values)  # type: ignore[type-var]
        assert max(value for value in loss["max"] if value is not None) == max(values)  # type: ignore[type-var]
        assert stage["text"][-1] == lines[-1]["data"].get("stage", "val")
