"""Runs a command's work and turns its end into an exit code and one sentence. The only place that does either."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import typer

from runferry.cli.client import ApiError, NoServer
from runferry.cli.terminal import Terminal
from runferry.errors import AuthenticationFailed, DiskFull, HostKeyChanged, HostKeyUnconfirmed, RunferryError

INTERRUPTED = 130
UNKNOWN_RUN = "Run not found"
"""The API's sentence, which a contract prescribes."""


def run(work: Callable[[Terminal], Awaitable[int | None]]) -> None:
    """Run ``work`` to its end; the number it returns, if any, becomes the exit code."""
    terminal = Terminal()

    async def finish() -> int | None:
        return await work(terminal)

    try:
        code = asyncio.run(finish())
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (ApiError, RunferryError) as error:
        fail(terminal, error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        give_up_output()
        fail(terminal, DiskFull("The output cannot be written: the disk is full."))
    if code:
        raise typer.Exit(code)


def give_up_output() -> None:
    """Let what is left of the output go nowhere: Python would try to write it once more at its end, and fail again."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def fail(terminal: Terminal, error: ApiError | RunferryError) -> NoReturn:
    """Say what happened and end with the error's exit code."""
    body = error.body if isinstance(error, ApiError) else error.extra()
    terminal.note(f"runferry: {error}", style="red")
    if str(error) == UNKNOWN_RUN:
        terminal.note("  runferry runs lists those there are")
    if error.exit_code == AuthenticationFailed.exit_code and not terminal.is_interactive:
        terminal.note("  nobody is here to be asked for a password: --password reads one, -i takes another key")
    if isinstance(error, NoServer):
        terminal.note("  runferry serve starts one")
    if error.exit_code == HostKeyChanged.exit_code:
        terminal.note(f"  the key we know:  {body.get('known_fingerprint')}")
        terminal.note(f"  the key it shows: {body.get('fingerprint')}")
        terminal.note("  if that is right:  runferry forget-host-key HOST[:PORT], then connect again")
    if error.exit_code == HostKeyUnconfirmed.exit_code:
        terminal.note(f"  if it is right: --accept-fingerprint {body.get('fingerprint')}")
    if candidates := body.get("candidates"):
        terminal.note(f"  one of: {', '.join(map(str, candidates))}" if isinstance(candidates, list) else "")
    if retry_after := body.get("retry_after"):
        terminal.note(f"  try again in {retry_after} s")
    raise typer.Exit(error.exit_code)
