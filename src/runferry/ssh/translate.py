"""Turns what asyncssh and the operating system raise into this program's errors. The only place that does.

Texts from servers are cut and made printable before they get into a message.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

import asyncssh

from runferry.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ConnectionLost,
    ConnectTimeout,
    InvalidRequest,
    RemoteFailed,
    RunferryError,
)

LONGEST = 200

REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.ECONNRESET: "the server closed the connection at once",
    errno.EPIPE: "the server closed the connection at once",
}


def translate_connect_error(error: Exception, where: str) -> RunferryError:
    """Say why no connection to ``where`` (``user@host:port``) was made."""
    if isinstance(error, RunferryError):
        return error
    if isinstance(error, TimeoutError) or is_timeout(error):
        return ConnectTimeout(f"{where} did not answer in time; check the address, the port and the network.")
    if isinstance(error, asyncssh.PermissionDenied) or "authentication failures" in str(error).lower():
        return AuthenticationFailed(f"Authentication failed: {where} rejected the credentials.")
    if isinstance(error, asyncssh.ChannelOpenError):
        reason = f"the jump host could not reach {where}: {tidy(error.reason)}"
        return ConnectionFailed(f"Connection failed: {reason}.")
    return ConnectionFailed(f"Connection failed: {where}: {find_reason(error)}.")


def find_reason(error: Exception) -> str:
    """Name the cause of a failed connection in a few words."""
    match error:
        case socket.gaierror():
            return "unknown host name"
        case OSError():
            number = error.errno or find_errno(str(error))
            return REASONS.get(number) or (os.strerror(number) if number else tidy(str(error)))
        case asyncssh.ConnectionLost():
            return "the server closed the connection before the login was complete"
        case asyncssh.HostKeyNotVerifiable():
            return f"its host key cannot be verified ({tidy(error.reason)})"
        case asyncssh.Error():
            return tidy(error.reason) or type(error).__name__
        case _:
            return tidy(str(error)) or type(error).__name__


def find_errno(text: str) -> int:
    """Find the error number in asyncio's summary of several failed addresses."""
    found = re.search(r"\[Errno (\d+)\]", text)
    return int(found[1]) if found else 0


def is_timeout(error: Exception) -> bool:
    return isinstance(error, OSError) and (error.errno or find_errno(str(error))) == errno.ETIMEDOUT


def translate_link_error(error: Exception, where: str, *, is_open: bool) -> RunferryError:
    """Say why a call on an established link failed: the link is gone, or the server refused this one call."""
    if isinstance(error, RunferryError):
        return error
    if isinstance(error, TimeoutError):
        return RemoteFailed(f"{where} did not answer in time.")
    if not is_open or isinstance(error, (asyncssh.ConnectionLost, asyncssh.DisconnectError, OSError)):
        return ConnectionLost(f"The connection to {where} was lost: {find_reason(error)}.")
    return RemoteFailed(f"{where} refused: {find_reason(error)}.")


def describe_loss(error: Exception | None) -> str:
    """Say in a few words why a link ended; None: it was closed in order."""
    if error is None:
        return "the connection was closed"
    if isinstance(error, asyncssh.ConnectionLost) and "keepalive" in error.reason:
        return "the server stopped answering"
    if isinstance(error, asyncssh.ConnectionLost):
        return "the connection broke"
    return find_reason(error)


def explain_config_error(error: Exception, path: Path | None) -> InvalidRequest:
    if isinstance(error, RecursionError):
        return InvalidRequest(f"{path}: Include lines lead in a circle.")
    return InvalidRequest(f"{path} cannot be used: {tidy(str(error))}.")


def tidy(text: str) -> str:
    """Make a stranger's text fit for a message: one line, printable, short, no final dot."""
    line = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(line.split())
    return (line if len(line) <= LONGEST else line[:LONGEST] + "...").rstrip(". ")
