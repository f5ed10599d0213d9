"""``runferry runs``, ``status`` and ``problems``: what Runferry knows, as tables or as the API's JSON."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from runferry.cli.client import Json, open_client
from runferry.cli.options import DataDirOption, JsonOption, ServerChoice, UrlOption
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

ID_WIDTH = 24

ServerOption = Annotated[str | None, typer.Option(help="Only runs of this server.")]
StatusOption = Annotated[str | None, typer.Option(help="Only runs with this status, such as running or failed.")]
ProjectOption = Annotated[str | None, typer.Option(help="Only runs of this project.")]
QueryOption = Annotated[
    str | None, typer.Option("-q", "--query", help="Only runs with this text in id, project, name or server.")
]

RUN_COLUMNS = (
    Column("id", is_flexible=True),
    Column("project", is_flexible=True),
    Column("name", is_flexible=True),
    Column("status"),
    Column("best", is_number=True),
    Column("created"),
    Column("took", is_number=True),
    Column("server", is_flexible=True),
    Column("copy"),
)


def runs(
    server: ServerOption = None,
    status: StatusOption = None,
    project: ProjectOption = None,
    query: QueryOption = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List the runs of all servers, newest first.

    Works offline, from the local copies.
    """

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            found = await client.get("/api/runs", server=server, status=status, project=project, q=query)
        if as_json:
            terminal.write(json.dumps(found))
            return
        is_wide = not terminal.out.is_terminal
        terminal.show_table(RUN_COLUMNS, [describe_run(run, is_wide=is_wide) for run in found])
        terminal.note(count_noun(len(found), "run"))

    run(work)


def describe_run(one: Json, *, is_wide: bool) -> tuple[str, ...]:
    best = one["best_metric_value"]
    name = one["best_metric_name"]
    duration = one["duration_seconds"]
    return (
        one["id"] if is_wide else cut_middle(one["id"], ID_WIDTH),
        one["project"],
        one["name"],
        one["status"],
        "" if best is None else f"{name}={format_number(best)}" if name else format_number(best),
        "" if one["created_time"] is None else format_time(one["created_time"]),
        "" if duration is None else format_duration(duration),
        one["server"],
        "gone on the server" if one["gone_at"] else one["freshness"]["state"],
    )


def status(as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Show connections and syncs."""

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            answer = await client.get("/api/unified/status")
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
        counts = (answer.get("cached_experiments") or 0, answer.get("cached_artifacts") or 0)
        terminal.say(f"Local index: {count_noun(counts[0], 'run')}, {count_noun(counts[1], 'artifact')}")

    run(work)


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
    if sync["problem_count"]:
        parts.append(f"{sync['problem_count']:,} not copied (runferry problems)")
    if sync.get("last_error"):
        parts.append(sync["last_error"])
    return ", ".join(parts)


def problems(as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """List files that are not copied, and why."""

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            answer = await client.get("/api/problems")
        if as_json:
            terminal.write(json.dumps(answer))
            return
        rows = [
            (one["code"], f"{sync['remote_root'].rstrip('/')}/{one['path']}", one["message"])
            for sync in answer["syncs"]
            for one in sync["problems"]
        ]
        terminal.show_table([Column("code"), Column("path", is_flexible=True), Column("why", is_flexible=True)], rows)
        total = sum(sync["problem_count"] for sync in answer["syncs"])
        more = f", the first {len(rows)} shown" if total > len(rows) else ""
        terminal.note(f"{count_noun(total, 'file')}{more}")

    run(work)
