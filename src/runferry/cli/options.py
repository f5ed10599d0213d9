"""The options several commands share, and what they mean together. No command and no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

TOKEN_VARIABLE = "RUNFERRY_TOKEN_FILE"  # noqa: S105 - names a file

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="RUNFERRY_URL", help="The Runferry server to talk to, such as http://127.0.0.1:23300."
    ),
]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Where Runferry keeps its data (also: RUNFERRY_DATA_DIR).")
]
IdentityOption = Annotated[
    str | None, typer.Option("-i", "--identity", metavar="KEY", help="A private key file to log in with.")
]
PasswordOption = Annotated[
    bool, typer.Option("--password", help="Ask for the password now (or read it from piped standard input).")
]
AcceptOption = Annotated[
    str | None,
    typer.Option(
        "--accept-fingerprint", metavar="SHA256:...", help="The host key to trust where it is new, and no other."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """Which Runferry server to use: an address, or the one of a data directory."""

    url: str | None = None
    data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to a server: a key file, a password to be asked for, the host key to trust where it is new.

    With ``saved``, the key of a saved connection, everything else is as saved.
    """

    identity: str | None = None
    wants_password: bool = False
    accept_fingerprint: str | None = None
    saved: str | None = None
