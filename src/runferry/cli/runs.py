"""``runferry runs``, ``status`` and ``problems``: what Runferry knows, as tables or as the API's JSON."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from typing import Annotated

import typer

from runferry.cli.client import Client, Json, open_client
from runferry.cli.options import DataDirOption, JsonOption, ServerChoice, UrlOption
from runferry.cli.progress import count_troubles
from runferry.cli.running import run
from runferry.cli.terminal import Column, Terminal
from runferry.cli.text import (
    count_noun,
    cut_middle,
    format_age,
    format_bytes,
    format_duration,
    format_number,
    format_time,
)
from runferry.model import ProblemCode


class Order(StrEnum):
    ASC = "asc"
    DESC = "desc"


ID_WIDTH = 16
"""Enough for the year, and for the six digits that tell two runs apart."""

ServerOption = Annotated[list[str] | None, typer.Option(help="Only runs of this server; may be repeated.")]
StatusOption = Annotated[
    list[str] | None, typer.Option(help="Only runs with this status, such as running or failed; may be repeated.")
]
ProjectOption = Annotated[list[str] | None, typer.Option(help="Only runs of this project; may be repeated.")]
QueryArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="QUERY",
        help="Filters such as lr<1e-3 tag:paper -test; quote what your shell would take for itself.",
        show_default=False,
    ),
]
QueryOption = Annotated[str | None, typer.Option("-q", "--query", help="The same, for a query that begins with a -.")]
SortOption = Annotated[str, typer.Option(help="Such as created_time, duration_seconds, name or best.")]
OrderOption = Annotated[Order, typer.Option(help="Which end comes first.")]
LimitOption = Annotated[int | None, typer.Option(min=0, help="At most so many.")]

RUN_COLUMNS = (
    Column("id"),
    Column("project", is_flexible=True),
    Column("name", is_flexible=True),
    Column("status"),
    Column("best", is_number=True),
    Column("created", is_number=True),
    Column("took", is_number=True),
    Column("server", is_flexible=True),
    Column("copy"),
)


NARROW = 100
SPARE = frozenset({"took", "server"})
"""Columns that give way on a terminal narrower than ``NARROW``."""


def runs(
    words: QueryArgument = None,
    server: ServerOption = None,
    status: StatusOption = None,
    project: ProjectOption = None,
    query: QueryOption = None,
    sort: SortOption = "created_time",
    order: OrderOption = Order.DESC,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List the runs of all servers, newest first, or as --sort says.

    Works offline, from the local copies.
    """
    asked = " ".join([*(words or ()), *([query] if query else ())]) or None

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            chosen = {"server": server, "status": status, "project": project, "q": asked, "limit": limit}
            found = await client.get("/api/runs", sort=sort, order=order.value, **chosen)
        if as_json:
            terminal.write(json.dumps(found))
            return
        describe = describe_briefly if terminal.out.is_terminal else describe_fully
        rows = [describe(run, now=time.time()) for run in found]
        kept = [n for n, column in enumerate(RUN_COLUMNS) if terminal.out.width >= NARROW or column.title not in SPARE]
        terminal.show_table([RUN_COLUMNS[n] for n in kept], [[row[n] for n in kept] for row in rows])
        terminal.note(count_noun(len(found), "run"))

    run(work)


def describe_fully(one: Json, *, now: float) -> tuple[str, ...]:
    """Return a run's row for a reader that is a program: nothing cut, times exact."""
    best, name, duration = one["best_metric_value"], one["best_metric_name"], one["duration_seconds"]
    return (
        one["id"],
        one["project"],
        one["name"],
        one["status"],
        "" if best is None else f"{name or 'best'}={format_number(best)}",
        "" if one["created_time"] is None else format_time(one["created_time"]),
        "" if duration is None else format_duration(duration),
        one["server"],
        "gone" if one["gone_at"] else one["freshness"]["state"],
    )


def describe_briefly(one: Json, *, now: float) -> tuple[str, ...]:
    """Return the same row for a person at a terminal: the id cut in its middle, the time relative."""
    _, project, name, status, _, _, took, server, copy = describe_fully(one, now=now)
    best, created = one["best_metric_value"], one["created_time"]
    return (
        cut_middle(one["id"], ID_WIDTH),
        project,
        name,
        status,
        "" if best is None else format_number(best),
        "" if created is None else format_age(created, now),
        took,
        server,
        copy,
    )


def status(as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Show connections and syncs."""

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            answer = await client.get("/api/unified/status")
            counts = [] if as_json else await count_indexed(client, answer)
        if as_json:
            terminal.write(json.dumps(answer))
            return
        if not client.is_own:
            terminal.note(f"Runferry runs at {client.url}")
        connections = answer.get("connections") or ()
        for one in connections:
            show_connection(terminal, one, now=time.time())
        if not connections:
            terminal.say("Not connected. Begin with: runferry connect user@host")
        terminal.say(f"Local index: {count_noun(counts[0], 'run')}, {count_noun(counts[1], 'artifact')}")

    run(work)


async def count_indexed(client: Client, status: Json) -> list[int]:
    """Return how many runs and artifacts are in the index; a status without any connection does not say so."""
    if "cached_experiments" in status:
        return [status["cached_experiments"], status["cached_artifacts"]]
    groups = await client.get("/api/run-groups", by="server")
    stats = await client.get("/api/artifacts/stats")
    return [sum(group["count"] for group in groups), stats["total_artifacts"]]


def show_connection(terminal: Terminal, one: Json, *, now: float) -> None:
    block = one["connection"]
    since = f" for {format_duration(block['uptime_seconds'])}" if block["connected"] else ""
    via = f", {one['transport']}" if one.get("transport") else ""
    terminal.say(f"{one['connection_id']}  {one['state']}{since}{via}")
    if one.get("transport_reason"):
        terminal.say(f"  {one['transport_reason']}")
    if one["state"] == "waiting" and not one.get("last_error"):
        terminal.say("  `runferry serve` opens it again")
    if one.get("last_error") and not block["connected"]:
        wait = block.get("next_try_in_seconds")
        terminal.say(f"  {one['last_error']}{f' Trying again in {format_duration(wait)}.' if wait else ''}")
    for sync in one["syncs"]:
        terminal.say(f"  {describe_sync(sync, now=now)}")


def describe_sync(sync: Json, *, now: float) -> str:
    """Return one line about a sync: what, how far, how fresh."""
    parts = [f"{sync['mode']} {sync['remote_root']}", sync["state"]]
    if sync["state"] == "fetching":
        parts.append(f"{sync['files_done']:,}/{sync['files_total']:,} files")
        parts.append(f"{format_bytes(sync['bytes_done'])} of {format_bytes(sync['bytes_total'])}")
    if sync.get("last_sync_at"):
        parts.append(f"in step {format_age(sync['last_sync_at'], now)}")
    troubles = count_troubles(sync)
    if troubles:
        parts.append(f"{troubles:,} not copied")
    damaged = sum(one["code"] == ProblemCode.DAMAGED for one in sync["problems"])
    if damaged:
        parts.append(f"{damaged:,} not understood")
    if sync["problem_count"] > troubles + damaged:
        parts.append(f"{sync['problem_count'] - troubles - damaged:,} left out")
    if sync.get("last_error"):
        parts.append(sync["last_error"])
    return ", ".join(parts)


NOTHING_AT_WORK = (
    "No sync is at work, so nothing is known: runferry status shows them, runferry serve keeps them at work."
)


def problems(as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """List files that are not copied, or not understood, and why."""

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            answer = await client.get("/api/problems")
        if as_json:
            terminal.write(json.dumps(answer))
            return
        shown = 0
        for sync in answer["syncs"]:
            for one in sync["problems"]:
                path = f"{sync['remote_root'].rstrip('/')}/{one['path']}"
                terminal.say(f"{one['code']:<9}  {path}: {one['message']}")
                shown += 1
        total = sum(sync["problem_count"] for sync in answer["syncs"])
        more = f", the first {shown:,} shown" if total > shown else ""
        terminal.note(f"{count_noun(total, 'file')}{more}" if answer["syncs"] else NOTHING_AT_WORK)

    run(work)
