"""Puts the commands together. It does nothing itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from runferry import __version__
from runferry.cli import cache, connections, export, metrics, pull, runs, serve, sync, tail
from runferry.cli.options import TOKEN_VARIABLE

HELP = "Brings ML experiments home: live, correct local copies of runs on remote servers, over plain SSH."

COMMANDS = (
    serve.serve,
    serve.demo,
    connections.connect,
    connections.disconnect,
    connections.forget_host_key,
    connections.ls,
    sync.sync,
    runs.runs,
    runs.status,
    runs.problems,
    tail.tail,
    export.export,
    pull.pull,
    cache.cache,
    metrics.metrics,
    metrics.reindex,
    connections.doctor,
)


def show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"runferry {__version__}")
        raise typer.Exit


def show_nothing(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and end.")
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", envvar=TOKEN_VARIABLE, help="Holds the server's token."),
    ] = None,
) -> None:
    """The root command: it has options that end it, and one that holds for every command."""
    if token_file is not None:
        os.environ[TOKEN_VARIABLE] = str(token_file)  # the name of a file, where every command looks for it


def build_app() -> typer.Typer:
    app = typer.Typer(
        name="runferry",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(help=HELP)(show_nothing)
    for command in COMMANDS:
        app.command()(command)
    return app


def main() -> None:
    """Run the command line's command; its exit code is in ``docs/cli.md``."""
    build_app()()
