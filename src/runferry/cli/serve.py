"""``runferry serve`` and ``runferry demo``: the two commands that are a server themselves."""

from __future__ import annotations

import ipaddress
import sys
from typing import Annotated

import typer

from runferry.cli.options import DataDirOption
from runferry.cli.running import fail, run
from runferry.cli.terminal import Terminal
from runferry.config import load_settings
from runferry.errors import InvalidRequest, RunferryError

HostOption = Annotated[str | None, typer.Option(help="The loopback address to listen on (default 127.0.0.1).")]
PortOption = Annotated[int | None, typer.Option(help="The port to listen on (default 23300; 0: any free one).")]
NoBrowserOption = Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")]
ForOption = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="End by itself after this long.")]


def serve(
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataDirOption = None,
    no_browser: NoBrowserOption = False,
) -> None:
    """Run the Runferry server until Ctrl-C.

    It serves the API and the web page, and goes on with the syncs that were active before. While there is nothing to
    show, the page offers the demo of `runferry demo`.
    """
    from runferry.app import serve as serve_app  # it takes a second to load: only here
    from runferry.demo.stage import find_stage

    terminal = Terminal()

    def show(url: str) -> None:
        terminal.say(f"Runferry runs at {url}  (API documentation: {url}/docs, Ctrl-C ends it)")
        sys.stdout.flush()
        if not no_browser and sys.stdout.isatty():
            typer.launch(url)

    try:
        settings = load_settings(data_dir, host=host, port=port)
        refuse_strangers(settings.host)
        serve_app(settings, on_ready=show, open_demo=find_stage())
    except RunferryError as error:
        fail(terminal, error)


def refuse_strangers(host: str) -> None:
    """Raise InvalidRequest unless ``host`` is a loopback address: there is no authentication."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidRequest(
            f"--host {host!a}: Runferry has no authentication, so it listens on loopback addresses only. To use it "
            "from another machine, forward the port: ssh -L 23300:127.0.0.1:23300 <this machine>"
        )


def demo(port: PortOption = None, seconds: ForOption = None) -> None:
    """See it at work on a simulated server.

    Starts a real SSH server over a sample tree, trainings that write it, and a Runferry that mirrors it.
    """
    from runferry.demo.show import DemoOptions, run_demo  # as above

    options = DemoOptions(port=port, seconds=seconds)

    async def work(terminal: Terminal) -> None:
        await run_demo(options, terminal.out)

    run(work)
