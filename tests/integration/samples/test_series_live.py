"""Series of runs that go on: fetched on demand, followed, rewritten, cut short by a kill, rebuilt."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.ferry import write_run
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

RUN_ID = "20260101_000000_aaaaaa"
EVENTS = f"p/n/runs/{RUN_ID}/events.jsonl"


@pytest.fixture
async def served(tmp_path: Path, home: Path) -> AsyncIterator[ServedRunferry]:
    (tmp_path / "data").mkdir()
    async with ServedRunferry(tmp_path / "data", home) as served:
        yield served


async def get(served: ServedRunferry, path: str, **params: Any) -> Any:
    response = await served.api.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def keep(served: ServedRunferry, sshd: Sshd, root: Path, mode: str) -> None:
    await served.connect(sshd)
    body = {"mode": mode, "remote_root": str(root), "sync_interval_minutes": 60}
    await served.post("/unified/configure_mode", body)

    async def is_synced() -> bool:
        return (await served.sync()).get("last_sync_at") is not None and bool(await get(served, "/runs"))

    await eventually(is_synced, within=30, what="the first sync")


async def losses(served: ServedRunferry) -> list[float]:
    found = (await get(served, f"/runs/{RUN_ID}/points", metric="loss"))["series"]
    return list(found[0]["values"]) if found else []


def append(path: Path, first: int, count: int) -> list[float]:
    """Append lines whose loss is their number; return those."""
    numbers = [float(number) for number in range(first, first + count)]
    with path.open("a") as file:
        for number in numbers:
            data = {"loss": number, "global_step": int(number)}
            file.write(json.dumps({"ts": 1e9 + number, "type": "metrics", "data": data}) + "\n")
    return numbers


async def test_smart_mode_fetches_by_asking_and_follows_while_asked(
    served: ServedRunferry, sshd: Sshd, tmp_path: Path
) -> None:
    root = tmp_path / "server"
    write_run(root, "p", "n", RUN_ID, lines=0)
    expected = append(root / EVENTS, 0, 500)
    await keep(served, sshd, root, "smart")
    (copy,) = (tmp_path / "data" / "cache").rglob("meta.json")
    assert not copy.with_name("events.jsonl").exists(), "nothing of it was copied before"
    assert await losses(served) == expected, "the first answer has all of it"
    for _ in range(3):
        expected += append(root / EVENTS, len(expected), 20)
        wanted = list(expected)

        async def is_here(wanted: list[float] = wanted) -> bool:
            return await losses(served) == wanted

        await eventually(is_here, within=10, what="the appended lines")


async def test_a_rewritten_file_shows_what_it_says_now(served: ServedRunferry, sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "server"
    write_run(root, "p", "n", RUN_ID, lines=0)
    write_run(root, "p", "n", "20260101_000000_bbbbbb", lines=30)
    append(root / EVENTS, 0, 300)
    await keep(served, sshd, root, "mirror")
    await eventually(lambda: has(served, list(map(float, range(300)))), within=10, what="all of it")
    other = await get(served, "/runs/20260101_000000_bbbbbb/series")
    (root / EVENTS).unlink()
    expected = append(root / EVENTS, 1000, 400)
    await eventually(lambda: has(served, expected), within=15, what="the new lines, and no old ones")
    assert await get(served, "/runs/20260101_000000_bbbbbb/series") == other


async def has(served: ServedRunferry, expected: list[float]) -> bool:
    return await losses(served) == expected


async def test_a_kill_at_any_moment_costs_no_point_and_doubles_none(
    served: ServedRunferry, sshd: Sshd, tmp_path: Path
) -> None:
    root = tmp_path / "server"
    write_run(root, "p", "n", RUN_ID, lines=0)
    await keep(served, sshd, root, "mirror")
    expected: list[float] = []
    for _ in range(2):
        seen = len(await losses(served))
        while len(await losses(served)) == seen:
            expected += append(root / EVENTS, len(expected), 40)
        expected += append(root / EVENTS, len(expected), 40)
        served.kill()
        expected += append(root / EVENTS, len(expected), 40)
        await served.start()
        kept = await losses(served)
        assert kept == expected[: len(kept)]
        await served.connect(sshd)
    await eventually(lambda: has(served, expected), within=20, what="every line, once, in order")


async def test_rebuilding_the_index_gives_the_same_answers(served: ServedRunferry, sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "server"
    for number in range(5):
        write_run(root, "p", "n", f"20260101_00000{number}_aaaaaa", lines=200)
    await keep(served, sshd, root, "mirror")
    await eventually(served.is_watching, within=20, what="all of it")
    keys = [run["key"] for run in await get(served, "/runs")]

    async def everything() -> list[Any]:
        parts = ("series", "metrics", "metrics_step", "media")
        answers = [await get(served, f"/runs/{key}/{part}") for key in keys for part in parts]
        return [*answers, [{**run, "freshness": None} for run in await get(served, "/runs")]]

    before = await everything()
    assert all(len(answer["rows"]) == 200 for answer in before[1:-1:4])
    await served.post("/reindex", {})

    async def is_done() -> dict[str, Any] | None:
        answer: dict[str, Any] = await get(served, "/reindex")
        assert answer["state"] in ("running", "done")
        return answer if answer["state"] == "done" else None

    answer = await eventually(is_done, within=20, what="it is rebuilt")
    assert answer is not None
    assert (answer["syncs_total"], answer["sources"], answer["error"]) == (1, 5, None)
    assert await everything() == before


async def test_series_are_there_without_the_server_and_what_is_not_here_says_why(
    served: ServedRunferry, sshd: Sshd, tmp_path: Path
) -> None:
    root = tmp_path / "server"
    write_run(root, "p", "n", RUN_ID, lines=20)
    write_run(root, "p", "n", "20260101_000000_bbbbbb", lines=20)
    await keep(served, sshd, root, "smart")
    before = await losses(served)
    assert len(before) == 20
    sshd.stop()
    assert await losses(served) == before

    async def is_refused() -> httpx.Response | None:
        response = await served.api.get("/runs/20260101_000000_bbbbbb/series")
        return response if response.status_code != 200 else None

    refused = await eventually(is_refused, within=30, what="it cannot be had")
    assert refused is not None
    assert refused.status_code == 400
    assert "not connected" in refused.json()["detail"]
    answer = await get(served, "/series", key=[RUN_ID, "20260101_000000_bbbbbb"], metric="loss")
    assert [one["run"].rpartition("/")[2] for one in answer["runs"]] == [RUN_ID]
    assert "not connected" in answer["missing_runs"][0]["detail"]


async def test_events_tell_which_series_have_grown(served: ServedRunferry, sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "server"
    write_run(root, "p", "n", RUN_ID, lines=0)
    await keep(served, sshd, root, "mirror")
    async with served.api.stream("GET", "/events") as stream:
        append(root / EVENTS, 0, 10)
        kind, points = "", 0
        async for line in stream.aiter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:") and kind == "series":
                data = json.loads(line.removeprefix("data:"))
                assert data["run"].endswith(RUN_ID)
                assert data["keys"] == ["loss"]
                points += data["points"]
                if points == 10:
                    break


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"width": 0}, "width: must be from 1 to 20000."),
    ({"width": 20_001}, "width: must be from 1 to 20000."),
    ({"x": "epoch"}, "x: "),
    ({"from": "nan"}, "from: "),
    ({"from": 5, "to": 4}, "from: must not be greater than to."),
]


async def test_what_makes_no_sense_is_refused_with_its_name(served: ServedRunferry) -> None:
    for query, sentence in NONSENSE:
        for path in ("/series?key=a", "/runs/a/series?offset=0"):
            response = await served.api.get(f"{path}&metric=loss&{httpx.QueryParams(query)}")
            assert response.status_code == 400, response.text
            assert response.json()["detail"].startswith(sentence)
    assert (await served.api.get("/series?metric=loss")).status_code == 400
    many = "&".join(["key=a"] * 201)
    assert (await served.api.get(f"/series?{many}")).status_code == 400
