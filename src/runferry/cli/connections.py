"""``runferry connect``, ``disconnect``, ``ls`` and ``doctor``: what is done with a server rather than with its runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

import typer

from runferry import errors
from runferry.cli.client import Client, Json, open_client
from runferry.cli.login import confirm_host_key, find_known, log_in, open_session
from runferry.cli.options import (
    AcceptOption,
    DataDirOption,
    IdentityOption,
    JsonOption,
    Login,
    PasswordOption,
    ServerChoice,
    UrlOption,
)
from runferry.cli.running import run
from runferry.cli.terminal import Column, Terminal
from runferry.cli.text import count_noun, format_bytes, format_time
from runferry.errors import AuthenticationFailed, HostKeyUnconfirmed, InvalidRequest, NotFound, RunferryError
from runferry.ssh.target import Target, parse_location, parse_target

TargetArgument = Annotated[
    str, typer.Argument(metavar="USER@HOST[:PORT]", help="A server, or an alias of ~/.ssh/config.", show_default=False)
]
PlaceArgument = Annotated[
    str,
    typer.Argument(metavar="USER@HOST[:PATH]", help="A server, or a folder of one; aliases do.", show_default=False),
]
OptionalTarget = Annotated[
    str | None,
    typer.Argument(metavar="USER@HOST[:PORT]", help="A server, or an alias of ~/.ssh/config.", show_default=False),
]
SavedOption = Annotated[
    str | None, typer.Option("--saved", metavar="USER@HOST:PORT", help="A saved connection, instead of a server.")
]
HostArgument = Annotated[
    str, typer.Argument(metavar="HOST[:PORT]", help="A server, or an alias of ~/.ssh/config.", show_default=False)
]
LocationArgument = Annotated[
    str,
    typer.Argument(
        metavar="USER@HOST:/PATH", help="A directory of a server; ssh://user@host:port/path too.", show_default=False
    ),
]
AllOption = Annotated[bool, typer.Option("-a", "--all", help="Show names that begin with a dot, too.")]


def connect(
    target: OptionalTarget = None,
    saved: SavedOption = None,
    identity: IdentityOption = None,
    password: PasswordOption = False,
    accept_fingerprint: AcceptOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Log in to a server and stay connected."""
    login = Login(identity, password, accept_fingerprint, saved)

    async def work(terminal: Terminal) -> None:
        if (target is None) == (saved is None):
            raise InvalidRequest("Give a server or --saved, and not both.")
        where = parse_target(target or saved or "")
        async with open_client(ServerChoice(url, data_dir)) as client:
            show_connected(terminal, client, await log_in(client, terminal, where, login))

    run(work)


def show_connected(terminal: Terminal, client: Client, answer: Json) -> None:
    server = answer["server"]
    state = "new, now remembered" if answer["host_key"] == "added" else "known"
    terminal.say(f"Connected: {answer['connection_id']}")
    terminal.say(f"  host key   {answer['fingerprint']} ({state})")
    terminal.say(f"  transport  {answer['transport']}")
    offers = [server["hostname"], server["os"], f"Python {server['python']}" if server["python"] else ""]
    terminal.say(f"  server     {', '.join(offer for offer in offers if offer) or 'tells nothing about itself'}")
    if client.is_own:
        terminal.note(
            "No Runferry server is running, so the connection ends now. `runferry serve` opens it again by itself "
            "where a key or the SSH agent is enough."
        )


def disconnect(target: TargetArgument, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Close a connection and stop its syncs.

    Local copies stay.
    """

    async def work(terminal: Terminal) -> None:
        where = parse_target(target)
        async with open_client(ServerChoice(url, data_dir)) as client:
            known = await find_known(client, where)
            if known is None:
                raise NotFound(f"There is no connection to {where}; `runferry status` lists them.")
            answer = await client.post("/api/unified/disconnect", {"connection_id": known["connection_id"]})
            terminal.say(answer["message"])

    run(work)


def forget_host_key(target: HostArgument, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Forget a server's host key, after it was changed on purpose.

    The next connect learns the new one. ~/.ssh/known_hosts is left alone.
    """

    async def work(terminal: Terminal) -> None:
        where = parse_target(target)
        async with open_client(ServerChoice(url, data_dir)) as client:
            body = {"host": where.host, "port": where.port, "username": where.username}
            answer = await client.post("/api/unified/forget_host_key", body)
            terminal.say(f"{where}: {answer['message']}")

    run(work)


def ls(
    location: LocationArgument,
    show_all: AllOption = False,
    identity: IdentityOption = None,
    password: PasswordOption = False,
    accept_fingerprint: AcceptOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a directory of a server."""
    login = Login(identity, password, accept_fingerprint)

    async def work(terminal: Terminal) -> None:
        target, path = parse_location(location)
        async with (
            open_client(ServerChoice(url, data_dir)) as client,
            open_session(client, terminal, target, login) as session,
        ):
            answer = await client.get(
                "/api/unified/listdir",
                path=path or "~",
                show_hidden=show_all,
                connection_id=session.connection_id,
            )
        if as_json:
            terminal.write(json.dumps(answer))
            return
        columns = [Column("size", is_number=True), Column("changed"), Column("name", is_flexible=True)]
        terminal.show_table(columns, [describe_item(item) for item in answer["items"]])
        terminal.note(f"{answer['current_path']}: {count_noun(len(answer['items']), 'item')}")

    run(work)


def describe_item(item: Json) -> tuple[str, str, str]:
    is_directory = item["type"] == "dir"
    mark = ("@" if item.get("is_link") else "") + ("/" if is_directory else "")
    size = format_bytes(item["size"]) if item["type"] == "file" else ""
    changed = "" if item["type"] == "unknown" and not item["mtime"] else format_time(item["mtime"])  # a link to nowhere
    return size, changed, item["name"] + mark


def doctor(
    target: PlaceArgument,
    identity: IdentityOption = None,
    password: PasswordOption = False,
    accept_fingerprint: AcceptOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a server step by step.

    Tells what was tried, what the server offers, and why agent or SFTP; with a path, which tools' runs lie there.
    Nothing stays open.
    """
    login = Login(identity, password, accept_fingerprint)

    async def work(terminal: Terminal) -> int:
        where, path = read_place(target)
        async with open_client(ServerChoice(url, data_dir)) as client:
            report = await examine(client, terminal, where, login, path or None)
        if as_json:
            terminal.write(json.dumps(report))
        else:
            show_report(terminal, report)
        return 0 if report["ok"] else find_report_code(report["facts"])

    run(work)


def read_place(text: str) -> tuple[Target, str]:
    """Read a server, or a folder of one; what could be a port is one. Raises InvalidRequest."""
    try:
        return parse_target(text), ""
    except InvalidRequest:
        return parse_location(text)


async def examine(client: Client, terminal: Terminal, where: Target, login: Login, path: str | None) -> Json:
    """Return the server's report; a person is asked to confirm a host key, and for the password after a rejection."""
    while True:
        report = await log_in(client, terminal, where, login, path="/api/doctor", more={"path": path})
        facts, code = report["facts"], find_report_code(report["facts"])
        is_rejected = code == AuthenticationFailed.exit_code and not login.wants_password
        if code == HostKeyUnconfirmed.exit_code and await terminal.talk(confirm_host_key, terminal, facts):
            login = replace(login, accept_fingerprint=facts["fingerprint"])
        elif is_rejected and terminal.is_interactive:
            login = replace(login, wants_password=True)
        else:
            return report


def show_report(terminal: Terminal, report: Json) -> None:
    for step in report["steps"]:
        mark, style = ("ok  ", "green") if step["ok"] else ("FAIL", "red")
        terminal.say(f"{mark}  {step['name']:<11} {step['message']}", style="" if step["ok"] else style)
    facts: dict[str, Any] = report["facts"]
    shown = {
        "system": facts.get("os"),
        "python": facts.get("python") or ("none found" if "transport" in facts else None),
        "filesystem": facts.get("filesystem"),
        "inotify": f"{facts['inotify_watches']:,} watches" if facts.get("inotify_watches") else None,
    }
    for name, value in shown.items():
        if value:
            terminal.say(f"      {name:<11} {value}")
    for line in facts.get("tried") or ():
        terminal.say(f"      tried       {line}")
    if facts.get("known_fingerprint"):
        terminal.say(f"      known key   {facts['known_fingerprint']}")
        terminal.say(f"      shown key   {facts['fingerprint']}")


def find_report_code(facts: Json) -> int:
    """Return the exit code of the error that ended the examination."""
    kind = getattr(errors, str(facts.get("error")), RunferryError)
    return kind.exit_code if isinstance(kind, type) and issubclass(kind, RunferryError) else 1
