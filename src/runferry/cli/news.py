"""Tells what a followed sync does: files that arrived, runs that changed, problems, a link that broke and came back."""

from __future__ import annotations

import time

from runferry.cli.client import ApiError, Client, Json
from runferry.cli.progress import make_line
from runferry.cli.terminal import Terminal
from runferry.cli.text import count_noun, format_bytes

QUIET_SECONDS = 1.0
"""At most one line about arriving bytes in this time."""


class News:
    """Prints a line per change of one sync. ``tell`` takes the events of the API's stream, any of them."""

    def __init__(self, client: Client, terminal: Terminal, start: Json) -> None:
        self._client = client
        self._terminal = terminal
        self._sync_id = start["sync_id"]
        self._files = start["copied_files"]
        self._bytes = start["copied_bytes"] + start["appended_bytes"]
        self._state = start["state"]
        self._said_at = 0.0

    async def tell(self, kind: str, data: Json) -> None:
        if kind == "run":
            for key in data.get("changed", ()):
                await self._tell_run(key)
        elif data.get("sync_id") != self._sync_id:
            return
        elif kind == "sync":
            self._tell_sync(data)
        elif kind == "problem":
            for one in data.get("new", ()):
                self._say(f"not copied: {one['path']}: {one['message']}")

    async def _tell_run(self, key: str) -> None:
        try:
            one = await self._client.get(f"/api/runs/{key}")
        except ApiError:
            return  # gone again meanwhile
        evidence = f" ({one['status_evidence']})" if one.get("status_evidence") else ""
        self._say(f"run {one['id']}  {one['project']}/{one['name']}: {one['status']}{evidence}")

    def _tell_sync(self, data: Json) -> None:
        state, now = data["state"], time.monotonic()
        if state == "reconnecting" and self._state != state:
            self._say(f"reconnecting: {data.get('last_error') or 'the link broke'}")
        elif self._state == "reconnecting" and state != "reconnecting":
            self._say("connected again")
        self._state = state
        files, size = data["copied_files"], data["copied_bytes"] + data["appended_bytes"]
        if (files, size) == (self._files, self._bytes) or now - self._said_at < QUIET_SECONDS:
            return
        arrived = [format_bytes(size - self._bytes)] if size > self._bytes else []
        if files > self._files:
            arrived.insert(0, count_noun(files - self._files, "file"))
        if arrived:
            self._say(f"arrived: {', '.join(arrived)}")
        self._files, self._bytes, self._said_at = files, size, now

    def _say(self, text: str) -> None:
        self._terminal.out.print(make_line(text, time.time()), soft_wrap=True)
