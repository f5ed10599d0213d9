"""How quickly other tools' files become points, on one core: the readers alone, without the database."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable

from tests.support.tool_files import event_file, scalar_value, summary_event, wandb_file, wandb_history

from bench.figures import Result, Verdict
from bench.lab import Lab
from runferry.formats.csv_table import TableParser
from runferry.formats.json_rows import RowsParser
from runferry.formats.listing import Listing
from runferry.formats.mlflow import MetricParser
from runferry.formats.recognition import find_runs, sources_of
from runferry.formats.series import SeriesParser
from runferry.formats.tensorboard_events import EventsParser
from runferry.formats.wandb_records import RecordsParser

POINTS, QUICK_POINTS = 1_000_000, 20_000
PIECE = 1024 * 1024
KEYS = ("train/loss", "train/acc", "val/loss", "val/acc")


async def run(lab: Lab) -> Result:
    points = QUICK_POINTS if lab.options.quick else POINTS
    rows: list[tuple[str, ...]] = []
    verdicts: list[Verdict] = []
    for name, make, parser, least in CASES:
        data = await asyncio.to_thread(make, points)
        rates = sorted(measure(parser, data, points) for _ in range(lab.options.rounds))
        rate = rates[len(rates) // 2]
        rows.append((name, f"{len(data) / 1e6:,.0f}", f"{rate:,.0f}", f"{len(data) / 1e6 * rate / points:,.0f}"))
        if least:
            verdicts.append(Verdict(f"{name}, thousand points a second", rate / 1e3, least / 1e3, is_least=True))
    rows.append(("a listing, paths a second", "", f"{measure_listing(points):,.0f}", ""))
    return Result(
        title=f"Reading {points:,} points of other tools' files",
        headers=("", "MB", "points/s", "MB/s"),
        rows=rows,
        verdicts=verdicts,
        remarks=["Files are made here, byte for byte as the tools write them, and fed in pieces of 1 MiB."],
    )


def measure(make_parser: Callable[[], SeriesParser], data: bytes, points: int) -> float:
    """Return points a second; that all came, with the values that went in, is checked."""
    begin = time.perf_counter()
    parser, found, last = make_parser(), 0, 0.0
    for at in range(0, len(data), PIECE):
        batch = parser.feed(data[at : at + PIECE])
        found += batch.points
        assert not batch.bad, batch.first_bad
        for column in batch.columns.values():
            last = max(last, column.steps[-1])
    took = time.perf_counter() - begin
    assert found == points
    assert last > 0
    return points / took


def measure_listing(paths: int) -> float:
    """Return how many paths a second are looked through for runs, in a tree of TensorBoard runs with checkpoints."""
    names = [f"p{n % 7}/run-{n // 50:06d}/ckpt/step-{n}.pt" for n in range(paths)]
    for run_number in range(paths // 50):
        names[run_number * 50] = f"p{run_number % 7}/run-{run_number:06d}/events.out.tfevents.17{run_number:08d}.host"
    begin = time.perf_counter()
    listing = Listing(names)
    found = find_runs(listing)
    sources = sum(len(sources_of(run, listing)) for run in found)
    took = time.perf_counter() - begin
    assert len(found) == sources == paths // 50
    return paths / took


def make_events(points: int) -> bytes:
    chance = random.Random(1)
    return event_file(
        *(
            summary_event(place // 4 + 1, scalar_value(KEYS[place % 4], chance.random()), wall=1.7e9 + place)
            for place in range(points)
        )
    )


def make_many_tags(points: int) -> bytes:
    chance = random.Random(2)
    return event_file(
        *(
            summary_event(place // 200 + 1, scalar_value(f"layer/{place % 200:03d}", chance.random()))
            for place in range(points)
        )
    )


def make_wandb(points: int) -> bytes:
    chance = random.Random(3)
    rows = (
        {key: chance.random() for key in KEYS} | {"_timestamp": 1.7e9 + step, "_runtime": step * 0.5, "_step": step}
        for step in range(points // 4)
    )
    return wandb_file(*(wandb_history(step, row) for step, row in enumerate(rows)))


def make_csv(points: int) -> bytes:
    chance = random.Random(4)
    rows = (",".join([str(step), *(repr(chance.random()) for _ in KEYS)]) for step in range(points // 4))
    return ("\n".join([",".join(("step", *KEYS)), *rows]) + "\n").encode()


def make_jsonl(points: int) -> bytes:
    chance = random.Random(5)
    rows = ({"step": step} | {key: chance.random() for key in KEYS} for step in range(points // 4))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def make_mlflow(points: int) -> bytes:
    chance = random.Random(6)
    return "".join(f"{1_700_000_000_000 + step} {chance.random()!r} {step}\n" for step in range(points)).encode()


CASES: tuple[tuple[str, Callable[[int], bytes], Callable[[], SeriesParser], int], ...] = (
    ("tfevents, 4 tags", make_events, EventsParser, 300_000),
    ("tfevents, 200 tags", make_many_tags, EventsParser, 300_000),
    (".wandb, 4 metrics a row", make_wandb, RecordsParser, 100_000),
    ("CSV, 4 columns", make_csv, TableParser, 500_000),
    ("JSON Lines, 4 metrics a row", make_jsonl, RowsParser, 0),
    ("an MLflow metric", make_mlflow, lambda: MetricParser("loss"), 0),
)
