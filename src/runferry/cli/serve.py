"""``runferry serve`` and ``runferry demo``: the two commands that are a server themselves."""

from __future__ import annotations

import ipaddress
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runferry.cli.loading import loading
from runferry.cli.options import DataDirOption
from runferry.cli.running import fail, run
from runferry.cli.terminal import Terminal
from runferry.config import load_settings
from runferry.errors import InvalidRequest, RunferryError
from runferry.ssh.credentials import Secret, read_token

if TYPE_CHECKING:
    from runferry.api import Admission

HostOption = Annotated[
    str | None, typer.Option(help="The address to listen on (default 127.0.0.1); others than loopback need a token.")
]
PortOption = Annotated[int | None, typer.Option(help="The port to listen on (default 23300; 0: any free one).")]
NoBrowserOption = Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")]
TokenOption = Annotated[bool, typer.Option("--token", help="Make a token, show it once, and answer only who knows it.")]
TokenFileOption = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help="As --token, with the token that FILE holds.")
]
AllowHostOption = Annotated[
    list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A name to answer to; may be repeated.")
]
ForOption = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="End by itself after this long.")]


def serve(
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataDirOption = None,
    no_browser: NoBrowserOption = False,
    token: TokenOption = False,
    token_file: TokenFileOption = None,
    allow_host: AllowHostOption = None,
) -> None:
    """Run the Runferry server until Ctrl-C.

    It serves the API and the web page, and goes on with the syncs that were active before. While there is nothing to
    show, the page offers the demo of `runferry demo`.
    """
    with loading():
        from runferry.app import serve as serve_app
        from runferry.demo.stage import find_stage

    terminal = Terminal()

    def show(url: str) -> None:
        terminal.say(f"Runferry runs at {url}  (API documentation: {url}/docs, Ctrl-C ends it)")
        if token and admission.token is not None:
            terminal.say(f"Its token, shown this once: {admission.token.reveal()}")
        sys.stdout.flush()
        if not no_browser and sys.stdout.isatty():
            typer.launch(url)

    try:
        settings = load_settings(data_dir, host=host, port=port)
        admission = admit(token_file, wants_token=token, names=allow_host or [])
        if admission.token is None:
            refuse_strangers(settings.host)
        serve_app(settings, admission=admission, on_ready=show, open_demo=find_stage())
    except RunferryError as error:
        fail(terminal, error)


def admit(token_file: Path | None, *, wants_token: bool, names: list[str]) -> Admission:
    """Return who may talk to the server. Raises InvalidRequest for options that contradict each other."""
    from runferry.api import Admission  # with the rest: only here

    if wants_token and token_file is not None:
        raise InvalidRequest("--token makes a token and --token-file names one: give one of them.")
    if token_file is not None:
        return Admission(read_token(token_file), token_file.expanduser().absolute(), names)
    return Admission(Secret(secrets.token_urlsafe(32)) if wants_token else None, None, names)


def refuse_strangers(host: str) -> None:
    """Raise InvalidRequest unless ``host`` is a loopback address: without a token there is no authentication."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidRequest(
            f"--host {host!a}: without a token Runferry listens on loopback addresses only. To use it from another "
            "machine, forward the port: ssh -L 23300:127.0.0.1:23300 <this machine>, or start it with --token."
        )


def demo(port: PortOption = None, seconds: ForOption = None) -> None:
    """See it at work on a simulated server.

    Starts a real SSH server over a sample tree, trainings that write it, and a Runferry that mirrors it.
    """
    with loading():
        from runferry.demo.show import DemoOptions, run_demo

    options = DemoOptions(port=port, seconds=seconds)

    async def work(terminal: Terminal) -> None:
        await run_demo(options, terminal.out)

    run(work)
