"""``runferry cache``: how full the cache of files fetched on demand is, and what leaves or stays; and the trash."""

from __future__ import annotations

import json
import time
from typing import Annotated, Literal

import typer

from runferry.cli.client import Client, Json, open_client
from runferry.cli.options import DataDirOption, JsonOption, ServerChoice, UrlOption
from runferry.cli.places import find_place
from runferry.cli.running import run
from runferry.cli.terminal import Column, Terminal
from runferry.cli.text import count_noun, format_age, format_bytes
from runferry.errors import InvalidRequest

Action = Literal["show", "clear", "evict", "pin", "unpin", "empty-trash"]

SHOWN = 20

ActionArgument = Annotated[
    Action, typer.Argument(metavar="[show|clear|evict|pin|unpin|empty-trash]", help="What to do; show is the default.")
]
PlacesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN[:PATH]]...", help="What to evict, pin or unpin."),
]
CountOption = Annotated[
    int, typer.Option("-n", "--count", min=0, max=100_000, help="How many files to list, the longest unused first.")
]

COLUMNS = (
    Column("size", is_number=True),
    Column("used", is_number=True),
    Column(""),
    Column("server", is_flexible=True),
    Column("path", is_flexible=True),
)


def cache(
    action: ActionArgument = "show",
    places: PlacesArgument = None,
    count: CountOption = SHOWN,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show, empty or pin what was fetched on demand."""

    async def work(terminal: Terminal) -> None:
        async with open_client(ServerChoice(url, data_dir)) as client:
            if action == "show":
                answers = [await client.get("/api/cache", limit=count)]
            else:
                answers = await change(client, action, places or [])
        if as_json:
            terminal.write(json.dumps(answers[0] if len(answers) == 1 else answers))
        elif action == "show":
            show(terminal, answers[0])
        else:
            for answer in answers:
                terminal.say(answer["message"])

    run(work)


async def change(client: Client, action: Action, places: list[str]) -> list[Json]:
    """Clear all, or do something about each place. Raises InvalidRequest where it is not said of what."""
    if action in ("clear", "empty-trash"):
        if places:
            raise InvalidRequest(f"{action} takes no RUN; evict does.")
        return [await client.post(f"/api/cache/{action}", {})]
    if not places:
        raise InvalidRequest(f"{action} of what? Name a RUN, or RUN:PATH.")
    found = [await find_place(client, place) for place in places]
    return [
        await client.post(f"/api/cache/{action}", {"run": one.key, "paths": [one.path] if one.path else []})
        for one in found
    ]


def show(terminal: Terminal, answer: Json) -> None:
    used, limit, pinned = (format_bytes(answer[f"{name}_bytes"]) for name in ("used", "limit", "pinned"))
    terminal.say(f"{used} of {limit} in {count_noun(answer['files'], 'file')}, {pinned} pinned")
    free, reserve = format_bytes(answer["free_bytes"]), format_bytes(answer["reserve_bytes"])
    terminal.say(f"{free} free on the disk, of which {reserve} stay free")
    if answer["trash_files"]:
        trashed = f"{format_bytes(answer['trash_bytes'])} in {count_noun(answer['trash_files'], 'file')}"
        terminal.say(f"{trashed} in the trash (runferry cache empty-trash removes them)")
    now = time.time()
    rows = [
        (
            format_bytes(one["size"]),
            format_age(one["used_at"], now),
            "last copy" if one["gone"] else "pinned" if one["pinned"] else "",
            one["server"],
            one["path"],
        )
        for one in answer["entries"]
    ]
    if rows:
        terminal.show_table(COLUMNS, rows)
