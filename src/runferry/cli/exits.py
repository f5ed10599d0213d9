"""Which exit code an answer of the API becomes: those of ``errors.py``. The table is in ``docs/cli.md``."""

from __future__ import annotations

from collections.abc import Mapping

from runferry import errors

BY_STATUS: Mapping[int, type[errors.RunferryError]] = {
    400: errors.InvalidRequest,
    401: errors.AuthenticationFailed,
    403: errors.AccessDenied,
    404: errors.NotFound,
    408: errors.ConnectTimeout,
    409: errors.Conflict,
    410: errors.Gone,
    429: errors.RateLimited,
    507: errors.DiskFull,
}

BY_BEGINNING: Mapping[str, type[errors.RunferryError]] = {
    "Not connected": errors.NotConnected,
    "Connection failed": errors.ConnectionFailed,
    "The connection to": errors.ConnectionLost,
    "Internal error": errors.RunferryError,
}
"""Where one status stands for several errors, their sentences tell them apart."""


def find_exit_code(status: int, body: Mapping[str, object]) -> int:
    """Return the exit code for an error answer. An unknown status is a plain failure (1)."""
    return find_class(status, body).exit_code


def find_class(status: int, body: Mapping[str, object]) -> type[errors.RunferryError]:
    if status == 409:
        return find_conflict(body)
    if status in (400, 500):
        detail = str(body.get("detail", ""))
        for beginning, kind in BY_BEGINNING.items():
            if detail.startswith(beginning) and kind.status == status:
                return kind
        if status == 400 and " is not connected" in detail:
            return errors.NotConnected
        return errors.InvalidRequest if status == 400 else errors.RemoteFailed
    return BY_STATUS.get(status, errors.RunferryError)


def find_conflict(body: Mapping[str, object]) -> type[errors.RunferryError]:
    """Tell the conflicts apart by the fields they add."""
    if "prompts" in body:
        return errors.AnswersNeeded
    if "candidates" in body:
        return errors.Ambiguous
    if "fingerprint" in body:
        return errors.HostKeyChanged if body.get("known_fingerprint") else errors.HostKeyUnconfirmed
    return errors.Conflict
