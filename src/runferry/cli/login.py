"""Logs in to a server through the API, asking the person at the terminal only what the server asks for.

A password is never taken from the command line, never repeated by itself and never printed.
"""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from runferry.cli.client import ApiError, Client, Json
from runferry.cli.options import Login
from runferry.cli.terminal import Terminal
from runferry.errors import AnswersNeeded, AuthenticationFailed, HostKeyUnconfirmed, InvalidCredentials
from runferry.ssh.target import Target

CONNECT = "/api/unified/connect"
TRIES = 3
"""How often a person may type a password or a passphrase, as with ssh."""


@dataclass(frozen=True, slots=True)
class Session:
    """A live connection; ``is_new``: the server did not know it before this command."""

    connection_id: str
    is_new: bool


async def find_known(client: Client, target: Target) -> Json | None:
    """Return the server's connection to ``target``, live or not: the one a user who typed this would mean."""
    status = await client.get("/api/unified/status")
    wanted = {"host": target.host, "port": target.port, "username": target.username}
    for one in status.get("connections") or ():
        if all(value in (None, one["connection"].get(key)) for key, value in wanted.items()):
            return cast(Json, one)
    return None


@asynccontextmanager
async def open_session(client: Client, terminal: Terminal, target: Target, login: Login) -> AsyncIterator[Session]:
    """Use the live connection to ``target``, or log in. What was made for this command alone ends with it."""
    known = await find_known(client, target)
    if known is not None and known["connection"]["connected"] and not login.wants_password:
        yield Session(known["connection_id"], is_new=False)
        return
    answer = await log_in(client, terminal, target, login)
    if answer["host_key"] == "added":
        terminal.note(f"New host key of {target.host}, now remembered: {answer['fingerprint']}")
    session = Session(answer["connection_id"], is_new=known is None)
    try:
        yield session
    finally:
        if client.is_own and session.is_new:
            await client.post("/api/unified/disconnect", {"connection_id": session.connection_id})


async def log_in(
    client: Client,
    terminal: Terminal,
    target: Target,
    login: Login,
    *,
    path: str = CONNECT,
    more: Mapping[str, object] | None = None,
) -> Json:
    """Post a login, and ``more``, to ``path`` and answer what the server asks.

    Raises ApiError, and InvalidCredentials when alone.
    """
    where = {"saved": login.saved} if login.saved else {"host": target.host, "port": target.port}
    body: dict[str, object] = {
        **where,
        **(more or {}),
        "private_key_path": login.identity,
        "accept_fingerprint": login.accept_fingerprint,
    }
    if login.wants_password:
        body["password"] = await terminal.talk(read_password, terminal, target)
    if target.username and not login.saved:
        body["username"] = target.username
    asked = 1 if login.wants_password else 0
    while True:
        try:
            return await client.post(path, body)
        except ApiError as error:
            if "username" not in body and str(error).startswith("username:"):
                body["username"] = getpass.getuser()  # no alias that names one: the same user, as with ssh
                continue
            if error.exit_code == HostKeyUnconfirmed.exit_code:
                if not await terminal.talk(confirm_host_key, terminal, error.body):
                    raise
                body["accept_fingerprint"] = error.body["fingerprint"]
                continue
            addition = await terminal.talk(find_addition, terminal, target, error, tries_left=TRIES - asked)
            if addition is None:
                raise
            body |= addition
            asked += 1


def read_password(terminal: Terminal, target: Target) -> str:
    """Ask for the password, or take it from a program that pipes it to us."""
    if terminal.is_interactive:
        return terminal.ask(f"Password for {target}:", is_secret=True)
    return terminal.read_secret_line()


def confirm_host_key(terminal: Terminal, body: Mapping[str, Any]) -> bool:
    """Show a new host key and ask whether it is the right one; False where nobody is there to say so."""
    if not terminal.is_interactive:
        return False
    terminal.note(f"The host key of {body['host']} is new: {body['fingerprint']}")
    return terminal.confirm("Trust it?")


def find_addition(
    terminal: Terminal, target: Target, error: ApiError, *, tries_left: int
) -> Mapping[str, object] | None:
    """Return what the person adds to the login after this refusal; None when there is nothing to be added."""
    if tries_left <= 0 or not terminal.is_interactive:
        return None
    if error.exit_code == AnswersNeeded.exit_code:
        return answer_prompts(terminal, error.body)
    if error.exit_code == AuthenticationFailed.exit_code:
        terminal.note(f"runferry: {error}")
        return {"password": terminal.ask(f"Password for {target}:", is_secret=True)}
    if error.exit_code == InvalidCredentials.exit_code and str(error).startswith("password: that of"):
        return {"password": terminal.ask(f"Password for {target}:", is_secret=True)}
    if error.exit_code == InvalidCredentials.exit_code and "give its passphrase" in str(error):
        return {"passphrase": terminal.ask("Passphrase of the key:", is_secret=True)}
    return None


def answer_prompts(terminal: Terminal, body: Mapping[str, Any]) -> Mapping[str, object]:
    """Ask the server's questions (a second factor) one by one."""
    answers = [terminal.ask(prompt["text"], is_secret=not prompt["echo"]) for prompt in body["prompts"]]
    return {"attempt": body["attempt"], "answers": answers}
