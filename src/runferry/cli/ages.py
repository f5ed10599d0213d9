"""Says how old what is shown is, where the server it comes from was not asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import quote

from runferry.cli.client import Client, Json
from runferry.cli.terminal import Terminal
from runferry.cli.text import count_noun, format_age


async def note_age(client: Client, terminal: Terminal, run_id: str) -> None:
    """Note the age of a run that is not being kept in step."""
    note_ages(terminal, [await client.get(f"/api/runs/{quote(run_id)}")])


def note_ages(terminal: Terminal, runs: Sequence[Json]) -> None:
    """Note how old the oldest of the runs is that are not being kept in step."""
    old = [run["freshness"]["as_of"] for run in runs if run["freshness"]["state"] in ("offline", "stale")]
    if not old:
        return
    known = [at for at in old if at is not None]
    age = f"as of {format_age(min(known), time.time())}" if len(known) == len(old) else "not in step yet"
    what = "This is" if len(runs) == 1 else f"{count_noun(len(old), 'run')} {'is' if len(old) == 1 else 'are'}"
    terminal.note(f"{what} {age}: the server is not being asked (see runferry status).")
