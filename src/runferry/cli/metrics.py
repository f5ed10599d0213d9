"""``runferry metrics`` and ``reindex``: what a run has measured, as a table with small curves; rebuilding the index."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer

from runferry.cli.ages import note_ages
from runferry.cli.client import Client, Json, open_client
from runferry.cli.options import DataDirOption, JsonOption, ServerChoice, UrlOption
from runferry.cli.running import run
from runferry.cli.terminal import Column, Terminal
from runferry.cli.text import count_noun, cut_middle, format_duration, format_number
from runferry.errors import NotFound, RunferryError

BLOCKS = "▁▂▃▄▅▆▇█"
STRANGE = "·"
"""Stands where a curve has no finite number."""

NARROWEST, WIDEST = 10, 60
BESIDE = 62
"""Columns that the numbers beside a curve take."""

LONGEST_TEXT = 24
MOST_METRICS = 500
POLL_SECONDS = 0.3

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its key where several have it.")]
MetricOption = Annotated[
    list[str] | None, typer.Option("-m", "--metric", metavar="NAME", help="Only this metric; may be given again.")
]
COLUMNS = (
    Column("metric", is_flexible=True),
    Column("curve"),
    Column("last", is_number=True),
    Column("min", is_number=True),
    Column("max", is_number=True),
    Column("step", is_number=True),
    Column("points", is_number=True),
)


def metrics(
    run_id: RunArgument,
    metric: MetricOption = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show a run's metrics: small curves and the last values.

    In smart mode they are fetched from the server first, if it can be reached.
    """

    async def work(terminal: Terminal) -> None:
        width = max(NARROWEST, min(WIDEST, terminal.out.width - BESIDE))
        async with open_client(ServerChoice(url, data_dir)) as client:
            answer = await ask(client, run_id, metric or [], width)
            if as_json:
                terminal.write(json.dumps(answer))
                return
            about = await client.get(f"/api/runs/{quote(answer['run'])}")
        curves = {(one["key"], one["kind"]): one for one in answer["series"]}
        rows = [describe(one, curves.get((one["key"], one["kind"]))) for one in answer["metrics"]]
        terminal.show_table(COLUMNS, rows)
        tell_missing(terminal, answer)
        note_ages(terminal, [about])

    run(work)


async def ask(client: Client, run_id: str, chosen: Sequence[str], width: int) -> Json:
    """Return the answer about the chosen metrics, or about all the run has."""
    path = f"/api/runs/{quote(run_id)}/series"
    if not chosen:
        chosen = list(dict.fromkeys(one["key"] for one in (await client.get(path))["metrics"]))
    answer: Json = await client.get(path, metric=list(chosen)[:MOST_METRICS], width=width)
    if not answer["metrics"] and answer["missing"]:
        raise NotFound(f"The run has no metric {answer['missing'][0]}.")
    return answer


def tell_missing(terminal: Terminal, answer: Json) -> None:
    """Say what the table does not show."""
    source = answer["source"]
    for name in answer["missing"]:
        terminal.note(f"The run has no metric {name}.")
    if source["bad_records"]:
        bad = count_noun(source["bad_records"], "record")
        terminal.note(f"{bad} could not be understood. {source['first_bad']}")
    if source["local"] != "full":
        terminal.note(f"Only {source['held_bytes']:,} of {source['total_bytes']:,} bytes are here yet.")
    terminal.note(count_noun(len(answer["metrics"]), "metric"))


def describe(one: Json, curve: Json | None) -> tuple[str, ...]:
    """Return a metric's row."""
    last = one["last_text"] if one["last"] is None else show_number(one["last"])
    return (
        one["key"],
        draw(curve["last"]) if curve and curve.get("last") else "",
        cut_middle(last or "", LONGEST_TEXT),
        show_number(one["min"]),
        show_number(one["max"]),
        show_number(one["last_step"]),
        f"{one['points']:,}",
    )


def show_number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value == math.floor(value) and abs(value) < 1e9 else format_number(value)


def draw(values: Sequence[float | None]) -> str:
    """Return a line of blocks, one for each value, the lowest for the least of them."""
    finite = [value for value in values if value is not None]
    if not finite:
        return STRANGE * len(values)
    low = min(finite) / 2  # halves, because the difference of two floats may be beyond them
    span = max(finite) / 2 - low
    top = len(BLOCKS) - 1
    return "".join(
        STRANGE if value is None else BLOCKS[round((value / 2 - low) / span * top) if span else 0] for value in values
    )


def reindex(url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Rebuild the index of runs and all series from the local copies.

    Asks no server, and changes none of the copies.
    """

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            answer = await client.post("/api/reindex", {})
            while answer["state"] == "running":
                await asyncio.sleep(POLL_SECONDS)
                answer = await client.get("/api/reindex")
        if answer["state"] != "done":
            raise RunferryError(f"The index was not rebuilt: {answer['error']}")
        files, syncs = count_noun(answer["sources"], "file"), count_noun(answer["syncs_total"], "sync")
        took = format_duration(answer["seconds"])
        changed = count_noun(answer["runs_changed"], "run")
        terminal.say(f"Read the series of {files} of {syncs} anew in {took}; {changed} changed.")

    run(work)
