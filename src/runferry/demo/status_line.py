"""The demo's one line that says how far the mirror is, and a line more whenever a run changes its status."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from rich.console import Console
from rich.status import Status
from rich.text import Text

from runferry.errors import RunferryError

LOOK_SECONDS = 0.5
LINE_SECONDS = 5.0
"""How often the line is printed where there is no terminal to keep it in place."""


class StatusLine:
    """Asks the API twice a second and shows what it says. ``console`` gets text that is ours or a number."""

    def __init__(self, http: httpx.AsyncClient, console: Console) -> None:
        self._http = http
        self._console = console
        self._statuses: dict[str, str] = {}
        self._printed_at = 0.0

    async def show_until(self, stop: asyncio.Event, seconds: float | None) -> None:
        """Show until ``stop`` is set or ``seconds`` are over."""
        with Status("", console=self._console, spinner="dots") as status, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not stop.is_set():
                    line = await self._look()
                    if self._console.is_terminal:
                        status.update(Text(line))
                    else:
                        self._print_now_and_then(line)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def _look(self) -> str:
        status = await ask(self._http, "GET", "/api/unified/status")
        runs = await ask(self._http, "GET", "/api/runs")
        self._tell_changes(runs)
        syncs = status["connections"][-1]["syncs"] if status.get("connections") else []
        return describe(syncs[-1] if syncs else None, runs)

    def _tell_changes(self, runs: Sequence[Mapping[str, Any]]) -> None:
        is_first_look = not self._statuses
        for run in runs:
            before, now = self._statuses.get(run["key"]), run["status"]
            self._statuses[run["key"]] = now
            if before != now and not is_first_look and (before is not None or now == "running"):
                evidence = f" ({run['status_evidence']})" if run["status_evidence"] else ""
                at = time.strftime("%H:%M:%S")
                self._console.print(Text(f"{at}  {run['project']}/{run['name']} {run['id']}: {now}{evidence}"))

    def _print_now_and_then(self, line: str) -> None:
        if time.monotonic() - self._printed_at >= LINE_SECONDS:
            self._printed_at = time.monotonic()
            self._console.print(Text(line), soft_wrap=True)


def describe(sync: Mapping[str, Any] | None, runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the line: the mirror's state, what it has copied, and the runs by status."""
    if sync is None:
        return "the mirror has not begun"
    counts = Counter(run["status"] for run in runs)
    by_status = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    copied = (sync["copied_bytes"] + sync["appended_bytes"]) / 1e6
    return f"mirror {sync['state']}: {sync['copied_files']:,} files, {copied:.2f} MB; {len(runs)} runs: {by_status}"


async def ask(http: httpx.AsyncClient, method: str, path: str, body: object = None) -> Any:
    """Return the API's answer. Raises RunferryError with its sentence when it is an error."""
    response = await http.request(method, path, json=body)
    answer = response.json()
    if not response.is_success:
        raise RunferryError(f"{path}: {answer.get('detail')}")
    return answer
