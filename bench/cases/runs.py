"""The list of runs over a hundred thousand of them: what one page costs the server, filtered and sorted."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from itertools import islice

import httpx
import orjson
from sqlalchemy import Connection, insert

from bench.figures import Result, Series, Verdict, quantile
from bench.lab import Lab
from runferry.app import listen, make_server
from runferry.config import load_settings
from runferry.service import Service
from runferry.store.db import Database
from runferry.store.run_facts import make_search_text, make_tag_text
from runferry.store.servers import ensure_server
from runferry.store.tables import run_values, runs, series, sources, syncs

RUNS, QUICK_RUNS = 100_000, 2_000
SERVERS, TIMES, QUICK_TIMES = 6, 30, 3
LIMIT = 0.05
SEED = 7

QUESTIONS: Mapping[str, Mapping[str, str]] = {
    "newest": {},
    "status=running, best first": {"status": "running", "sort": "best"},
    "project and server, by name": {"project": "project7", "server": "gpu1", "sort": "name"},
    "best first": {"sort": "best"},
    "by duration": {"sort": "duration_seconds", "order": "asc"},
    "by server": {"sort": "server"},
    "by start": {"sort": "started_at"},
    "status:finished, by name": {"q": "status:finished", "sort": "name"},
    "word in names": {"q": "name123"},
    "word that is nowhere": {"q": "nothing-like-it"},
    "word in all names, by end": {"q": "name", "sort": "ended_at"},
    "id:*abc*": {"q": "id:*abc*"},
    "tag, negated word": {"q": "tag:paper -project3"},
    "lr<1e-3 (3 % match)": {"q": "lr<1e-3"},
    "lr<1e-3 status:failed, best first": {"q": "lr<1e-3 status:failed", "sort": "best"},
    "seed<500 (half match), best first": {"q": "seed<500", "sort": "best"},
    "last loss<0.1 (10 % match)": {"q": "loss<0.1"},
    "seed<500 loss<0.5, by duration": {"q": "seed<500 loss<0.5", "sort": "duration_seconds"},
    "-loss<0.5 status:finished": {"q": "-loss<0.5 status:finished"},
    "page 1,990": {"offset": "99500"},
}
LATER_PAGES = frozenset({"page 1,990"})
BY_VALUES = frozenset(name for name, asked in QUESTIONS.items() if "<" in asked.get("q", ""))


async def run(lab: Lab) -> Result:
    count = QUICK_RUNS if lab.options.quick else RUNS
    times = QUICK_TIMES if lab.options.quick else TIMES
    folder = lab.new_folder()
    settings = load_settings(folder / "data", port=0)
    await asyncio.to_thread(fill, Database(settings.data_dir / "runferry.db"), count)
    async with Service(settings) as service:
        listener = listen(settings.host, 0)
        server = make_server(listener, settings, service)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://{settings.host}:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
            found = [await ask(http, name, asked, times) for name, asked in QUESTIONS.items()]
        server.should_exit = True
        await serving
    lab.drop(folder)
    rows = [(wall.who, *cells(wall), f"{work.median * 1000:.1f}", str(total)) for wall, work, total in found]
    medians = {wall.who: wall.median * 1000 for wall, _, _ in found if wall.who not in LATER_PAGES}
    by_values = max(medians.pop(name) for name in BY_VALUES)
    return Result(
        title=f"First page (50) of {count:,} runs on {SERVERS} servers (milliseconds)",
        headers=("asked for", "median", "least", "p95", "most", "processor", "matching"),
        rows=rows,
        verdicts=[
            Verdict("slowest first page (median), by the runs' own fields", max(medians.values()), LIMIT * 1000, " ms"),
            Verdict("slowest first page (median), by parameters and metrics", by_values, LIMIT * 1000, " ms"),
        ],
        remarks=[
            "From the request to the whole answer (HTTP over loopback, `X-Total-Count` included), one at a time,",
            "the first answer to each question left out. Every run has 2 kB of documents, six numbers and two metrics.",
            "Processor: the median of the whole process's time, which the asking client shares.",
        ],
    )


async def ask(http: httpx.AsyncClient, name: str, asked: Mapping[str, str], times: int) -> tuple[Series, Series, int]:
    """Return the seconds by the clock and of processor time (the asking client's included), and how many match."""
    wall: list[float] = []
    work: list[float] = []
    total = 0
    for _ in range(times + 1):
        started, worked = time.perf_counter(), time.process_time()
        answer = await http.get("/api/runs", params={"limit": "50", **asked})
        wall.append(time.perf_counter() - started)
        work.append(time.process_time() - worked)
        total = int(answer.raise_for_status().headers["X-Total-Count"])
    return Series(name, 0, tuple(wall[1:])), Series(name, 0, tuple(work[1:])), total


def cells(one: Series) -> tuple[str, ...]:
    numbers = (one.median, min(one.values), quantile(one.values, 0.95), max(one.values))
    return tuple(f"{number * 1000:.1f}" for number in numbers)


def fill(index: Database, count: int) -> None:
    """Put as many runs into an index as ``ingest`` would, by their rows."""
    index.open()
    chance = random.Random(SEED)
    with index.writing() as connection:
        scopes = [add_server(connection, f"gpu{number}") for number in range(SERVERS)]
        numbers = iter(range(count))
        while part := list(islice(numbers, 2000)):
            rows = [make_row(number, *scopes[number % SERVERS], chance) for number in part]
            connection.execute(insert(runs), rows)
            connection.execute(insert(run_values), [value for row in rows for value in make_values(row, chance)])
            connection.execute(insert(sources), [make_source(row) for row in rows])
            connection.execute(insert(series), [one for row in rows for one in make_series(row, chance)])
    index.close()


def add_server(connection: Connection, host: str) -> tuple[int, int]:
    server = ensure_server(connection, f"SHA256:{host}{'0' * 20}", host=host, port=None, now=1.0)
    row = {
        "server_id": server.id,
        "connection_id": f"user@{host}:22",
        "mode": "mirror",
        "remote_root": "/data",
        "local_dir": f"mirror/{server.directory}",
        "options": "{}",
        "is_active": True,
        "created_at": 1.0,
    }
    return server.id, connection.execute(insert(syncs).values(row).returning(syncs.c.id)).scalar_one()


def make_row(number: int, server_id: int, sync_id: int, chance: random.Random) -> dict[str, object]:
    run_id = f"20260101_{number % 240000:06d}_{chance.getrandbits(24):06x}{number:x}"
    key, project, name = f"gpu{number % SERVERS}/{run_id}", f"project{number % 20}", f"name{number % 300}"
    started, best = 1.7e9 + chance.random() * 1e7, chance.random()
    packages = [f"package-{n}==1.{n}" for n in range(90)]
    return {
        "id": number + 1,
        "sync_id": sync_id,
        "server_id": server_id,
        "key": key,
        "run_id": run_id,
        "path": f"{project}/{name}/runs/{run_id}",
        "remote_dir": f"/data/{project}/{name}/runs/{run_id}",
        "format": "runicorn",
        "project": project,
        "name": name,
        "created_at": started,
        "status": chance.choice(("finished", "finished", "finished", "failed", "running", "interrupted")),
        "started_at": started,
        "ended_at": started + chance.random() * 1e5,
        "hostname": "gpu",
        "best_metric_value": best,
        "best_metric_name": "acc",
        "best_score": best,
        "artifacts_created": 0,
        "artifacts_used": 0,
        "summary": orjson.dumps({"best_metric_value": best}).decode(),
        "meta": "{}",
        "environment": orjson.dumps({"pip_packages": packages}).decode(),
        "assets": "{}",
        "tags": make_tag_text(["paper"] if number % 9 == 0 else []),
        "search": make_search_text(key, project, name),
    }


def make_values(row: dict[str, object], chance: random.Random) -> list[dict[str, object]]:
    values = {
        "lr": 10 ** chance.uniform(-3.1, -0.1),
        "bs": 32.0,
        "seed": float(chance.randrange(1000)),
        "opt.wd": chance.random(),
        "epochs": 90.0,
        "final_loss": chance.random(),
    }
    return [{"run_id": row["id"], "key": key, "value": value} for key, value in values.items()]


def make_source(row: dict[str, object]) -> dict[str, object]:
    zeros: dict[str, object] = {column.name: 0 for column in sources.c if not column.nullable}
    texts = {"path": f"{row['path']}/events.jsonl", "reader": "runicorn", "state": "{}", "edge_hash": b""}
    return zeros | texts | {"id": row["id"], "run_id": row["id"], "sync_id": row["sync_id"]}


def make_series(row: dict[str, object], chance: random.Random) -> list[dict[str, object]]:
    shared = {"source_id": row["id"], "run_id": row["id"], "kind": "number", "points": 100}
    return [{**shared, "key": key, "last": chance.random()} for key in ("loss", "acc")]
