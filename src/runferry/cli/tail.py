"""``runferry tail``: the log of a run as it is written, safe for the terminal it is shown on."""

from __future__ import annotations

import os
import sys
from contextlib import aclosing
from typing import Annotated, TextIO

import typer
from rich.cells import set_cell_size

from runferry.cli.ages import note_age
from runferry.cli.client import Client, Json, find_server, open_client
from runferry.cli.colours import tame
from runferry.cli.options import DataDirOption, ServerChoice, UrlOption
from runferry.cli.running import run
from runferry.cli.terminal import Terminal
from runferry.errors import NotConnected

CLEAR_LINE = "\r\x1b[2K"
LONGEST = 128 * 1024
"""Characters kept of a line that does not end."""

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its key where several have it.")]
LinesOption = Annotated[
    int, typer.Option("-n", "--lines", min=0, max=10_000, help="How many of the last lines to begin with.")
]
NoFollowOption = Annotated[bool, typer.Option("--no-follow", help="Show the last lines and end.")]


def tail(
    run_id: RunArgument,
    lines: LinesOption = 100,
    is_once: NoFollowOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show the end of a run's log and follow it until Ctrl-C."""
    choice = ServerChoice(url, data_dir)

    async def work(terminal: Terminal) -> None:
        printer = Printer(sys.stdout, is_terminal=terminal.out.is_terminal, width=terminal.out.width)
        try:
            async with open_client(choice) as client:
                if is_once or client.is_own:
                    await show_end(client, terminal, printer, run_id, lines)
                    return
                await note_age(client, terminal, run_id)
                await follow(choice, terminal, printer, run_id, lines)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read it has seen enough
        finally:
            printer.end()

    run(work)


async def show_end(client: Client, terminal: Terminal, printer: Printer, run_id: str, lines: int) -> None:
    page = await client.get(f"/api/runs/{run_id}/logs", tail=lines)
    for line in page["lines"]:
        printer.show(line["text"])
    printer.flush()
    if page["local"] == "none" and page["size_bytes"] and not page["lines"] and lines:
        raise NotConnected(f"Nothing of the log of {page['run']} is here: connect to its server to see it.")
    if page["local"] == "partial":
        terminal.note("Not all of this log is here; what is shown may not be its end.")
    elif client.is_own:
        terminal.note("No Runferry server is running, so nothing is followed.")
    await note_age(client, terminal, page["run"])


async def follow(choice: ServerChoice, terminal: Terminal, printer: Printer, run_id: str, lines: int) -> None:
    from runferry.cli.logstream import LogStream  # WebSockets take a tenth of a second to load

    stream = LogStream(
        run_id,
        lambda: find_server(choice),
        tail=lines,
        on_lost=lambda: terminal.note("The Runferry server has gone; waiting for it to come back."),
        on_back=lambda: terminal.note("The Runferry server is back."),
    )
    async with aclosing(stream.messages()) as messages:
        async for message in messages:
            if message["is_anew"]:
                terminal.note("The log was rewritten; this is what it holds now.")
            show_message(printer, message)
            printer.flush()


def show_message(printer: Printer, message: Json) -> None:
    printer.show(message["text"], is_open=message["is_partial"], is_rest=message["is_rest"])


class Printer:
    """Writes lines to a stream. A line that has not ended is shown on a terminal only, and replaced by what comes."""

    def __init__(self, stream: TextIO, *, is_terminal: bool, width: int) -> None:
        self._stream = stream
        self._is_terminal = is_terminal
        self._width = width
        self._open = ""

    def show(self, text: str, *, is_open: bool = False, is_rest: bool = False) -> None:
        before = self._open if is_rest else ""
        if self._open:
            self._leave_open(is_kept=not is_rest)
        whole = (before + text)[-LONGEST:]
        if not is_open:
            self._stream.write(f"{tame(whole, has_colours=self._is_terminal)}\n")
            return
        self._open = whole
        if self._is_terminal:
            self._stream.write(set_cell_size(tame(whole, has_colours=False), self._width - 1).rstrip())

    def flush(self) -> None:
        self._stream.flush()

    def end(self) -> None:
        """Finish the line that has not ended."""
        try:
            if self._open:
                self._leave_open(is_kept=True)
            self.flush()
        except BrokenPipeError:
            return

    def _leave_open(self, *, is_kept: bool) -> None:
        """Take the open line off the screen, and write it for good if nothing more comes of it."""
        if self._is_terminal:
            self._stream.write(CLEAR_LINE)
        if is_kept:
            self._stream.write(f"{tame(self._open, has_colours=self._is_terminal)}\n")
        self._open = ""
