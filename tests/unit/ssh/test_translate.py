"""Foreign exceptions become sentences a person can act on."""

from __future__ import annotations

import errno
import socket

import asyncssh
import pytest

from runferry.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ConnectionLost,
    ConnectTimeout,
    NotFound,
    RemoteFailed,
    RunferryError,
)
from runferry.ssh.translate import describe_loss, tidy, translate_connect_error, translate_link_error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), ConnectionFailed, "connection refused"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 111] b"), ConnectionFailed, "connection refused"),
        (OSError(errno.EHOSTUNREACH, "x"), ConnectionFailed, "no route to the host"),
        (OSError(errno.ENETUNREACH, "x"), ConnectionFailed, "network is unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "x"), ConnectionFailed, "closed the connection"),
        (socket.gaierror(-2, "x"), ConnectionFailed, "unknown host name"),
        (OSError(errno.ETIMEDOUT, "x"), ConnectTimeout, "did not answer"),
        (TimeoutError(), ConnectTimeout, "did not answer"),
        (asyncssh.PermissionDenied("x"), AuthenticationFailed, "rejected"),
        (asyncssh.ProtocolError("Too many authentication failures"), AuthenticationFailed, "rejected"),
        (asyncssh.KeyExchangeFailed("no match"), ConnectionFailed, "no match"),
        (asyncssh.ConnectionLost("x"), ConnectionFailed, "before the login was complete"),
        (asyncssh.ChannelOpenError(2, "nope"), ConnectionFailed, "jump host could not reach u@h:22: nope"),
        (UnicodeError("label too long"), ConnectionFailed, "label too long"),
    ],
)
def test_a_failed_connect_is_explained(error: Exception, kind: type[RunferryError], words: str) -> None:
    translated = translate_connect_error(error, "u@h:22")
    assert type(translated) is kind
    assert words in str(translated)
    starts = {ConnectionFailed: "Connection failed: ", AuthenticationFailed: "Authentication failed: "}
    assert str(translated).startswith(starts.get(kind, "u@h:22"))
    assert str(translated).endswith(".")


@pytest.mark.parametrize(
    ("error", "is_open", "kind"),
    [
        (asyncssh.ChannelOpenError(1, "denied"), True, RemoteFailed),
        (asyncssh.ChannelOpenError(1, "denied"), False, ConnectionLost),
        (asyncssh.ConnectionLost("gone"), True, ConnectionLost),
        (BrokenPipeError(errno.EPIPE, "x"), True, ConnectionLost),
        (TimeoutError(), True, RemoteFailed),
        (NotFound("as it was"), True, NotFound),
    ],
)
def test_a_failed_call_on_a_link_is_explained(error: Exception, is_open: bool, kind: type[RunferryError]) -> None:
    assert type(translate_link_error(error, "u@h:22", is_open=is_open)) is kind


def test_a_loss_is_named() -> None:
    assert describe_loss(None) == "the connection was closed"
    assert describe_loss(asyncssh.ConnectionLost("Server not responding to keepalive")) == (
        "the server stopped answering"
    )
    assert describe_loss(asyncssh.ConnectionLost("Connection lost")) == "the connection broke"
    assert describe_loss(asyncssh.DisconnectError(11, "Bye\x1b[2J. ")) == "Bye [2J"


def test_a_strangers_text_is_one_short_printable_line() -> None:
    assert tidy("a\r\n\tb\x1b[31m\u202ec. ") == "a b [31m c"
    assert len(tidy("x" * 10_000)) <= 203
