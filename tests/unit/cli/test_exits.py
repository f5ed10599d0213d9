"""Every error's answer becomes the error's own exit code again."""

from __future__ import annotations

import pytest

from runferry import errors
from runferry.cli.exits import find_exit_code

KEYS = {"host": "gpu1", "fingerprint": "SHA256:new"}

ANSWERS: list[errors.RunferryError] = [
    errors.InvalidRequest("port: must be a number."),
    errors.InvalidCredentials("private_key: this is not a private key."),
    errors.NotConnected(),
    errors.NotADirectory("/data/x is not a directory."),
    errors.AuthenticationFailed("Authentication failed: a@b:22 rejected the credentials."),
    errors.AccessDenied("/root may not be read."),
    errors.NotFound("Run not found"),
    errors.ConnectTimeout("a@b:22 did not answer in time."),
    errors.Conflict("The port is taken."),
    errors.HostKeyChanged("The key has changed.", known_fingerprint="SHA256:old", **KEYS),
    errors.HostKeyUnconfirmed("A new key.", **KEYS),
    errors.AnswersNeeded("The server asks.", attempt="1", prompts=[("Code: ", False)]),
    errors.Ambiguous("Several runs.", candidates=["a/1", "b/1"]),
    errors.Gone("It is gone."),
    errors.RateLimited(12),
    errors.ConnectionFailed("Connection failed: a@b:22: connection refused."),
    errors.ConnectionLost("The connection to a@b:22 was lost: the connection broke."),
    errors.RemoteFailed("a@b:22 refused: no."),
    errors.DiskFull("The disk is full."),
]


@pytest.mark.parametrize("error", ANSWERS, ids=lambda error: type(error).__name__)
def test_an_answer_of_the_api_has_the_exit_code_of_its_error(error: errors.RunferryError) -> None:
    body = {"detail": str(error), **error.extra()}
    assert find_exit_code(error.status, body) == error.exit_code


def test_a_fault_inside_the_server_is_a_plain_failure() -> None:
    assert find_exit_code(500, {"detail": "Internal error; see the log."}) == 1
    assert find_exit_code(418, {}) == 1
