"""How long the server takes to draw what a run, or many, have measured."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI
from tests.support.indexing import add_sync
from tests.support.seriesing import Source, add_run, column

from bench.figures import Result, Verdict, quantile
from bench.lab import Lab
from bench.race import show
from runferry.api import build_api
from runferry.config import Settings
from runferry.model import SeriesKind
from runferry.service import Service
from runferry.store.db import Database

ONE, MANY, RUNS, LONGEST = 1_000_000, 100_000, 20, 10_000_000
ROUNDS, QUICK_ROUNDS = 40, 5
BASE = "http://127.0.0.1:23300"
Ask = Callable[[], Awaitable[tuple[float, int]]]
HEADERS = ("question", "first, ms", "p50", "p95", "most", "answer, kB")


async def run(lab: Lab) -> Result:
    folder = lab.new_folder()
    share = 10 if lab.options.quick else 1
    fill(folder, {"one": ONE // share, "longest": LONGEST // share, **dict.fromkeys(names(), MANY // share)})
    questions: dict[str, tuple[str, dict[str, Any]]] = {
        "1 M points of one metric, all": ("/api/runs/one/series", {"metric": "loss"}),
        "the same, zoomed to a hundredth": (
            "/api/runs/one/series",
            {"metric": "loss", "from": 5e5 / share, "to": 5.1e5 / share},
        ),
        "the same, by time": ("/api/runs/one/series", {"metric": "loss", "x": "time"}),
        "20 runs x 100,000 points": ("/api/series", {"metric": "loss", "key": names()}),
        "10 M points of one metric, all": ("/api/runs/longest/series", {"metric": "loss"}),
    }
    rows, medians = [], {}
    async with Service(Settings(folder / "data"), is_resuming=False) as service:
        app = build_api(without_lifespan)
        app.state.service = service
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, timeout=60) as client:
            await client.get("/api/runs/one/series")  # what is slow once in a process's life is not what is measured
            for name, (path, query) in questions.items():
                ask = make_question(client, path, query)
                first, size = await ask()
                again = [(await ask())[0] for _ in range(QUICK_ROUNDS if lab.options.quick else ROUNDS)]
                medians[name] = quantile(again, 0.5)
                shown = (first, medians[name], quantile(again, 0.95), max(again))
                rows.append((name, *(f"{milliseconds:.1f}" for milliseconds in shown), f"{size / 1e3:,.0f}"))
                show(f"{name}: {medians[name]:.1f} ms, the first {first:.1f} ms")
    lab.drop(folder)
    return Result(
        title="Drawing series, 2,000 pixels wide (milliseconds in the server)",
        headers=HEADERS,
        rows=rows,
        verdicts=[
            Verdict("series, 1 M points of one metric, p50", medians["1 M points of one metric, all"], 20, " ms"),
            Verdict("series, 20 runs x 100,000 points, p50", medians["20 runs x 100,000 points"], 150, " ms"),
        ],
        remarks=[
            "The whole request inside the server: routing, looking for news, drawing, encoding; without the socket."
            " The first one reads the points from the index, which is on a warm disk; the others find them in memory.",
        ],
    )


@asynccontextmanager
async def without_lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The service is opened by whoever measures."""
    yield


def names() -> Sequence[str]:
    return [f"run{number}" for number in range(RUNS)]


def make_question(client: httpx.AsyncClient, path: str, query: Mapping[str, Any]) -> Ask:
    async def ask() -> tuple[float, int]:
        began = time.perf_counter()
        response = await client.get(path, params=query)
        milliseconds = 1000 * (time.perf_counter() - began)
        assert response.status_code == 200, response.text
        return milliseconds, len(response.content)

    return ask


def fill(folder: Path, runs: dict[str, int]) -> None:
    """Put runs with one metric of so many points into a fresh index, in portions as they would have come."""
    index = Database(folder / "data" / "runferry.db")
    index.open()
    scope = add_sync(index, "bench", "/data", is_active=False)
    source = np.random.default_rng(20260101)
    for name, points in runs.items():
        path = f"vision/resnet/runs/{name}"
        writer = Source(index, scope, add_run(index, scope, path), path)
        values = np.cumsum(source.normal(size=points))
        for start in range(0, points, 500_000):
            part = column(values[start : start + 500_000], start=start)  # type: ignore[arg-type]
            writer.write({("loss", SeriesKind.NUMBER): part})
    index.close()
