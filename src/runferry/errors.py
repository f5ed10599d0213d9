"""Every error Runferry raises on purpose, with the HTTP status and the exit code each one becomes.

    RunferryError                 500  exit 1
    ├── InvalidRequest            400  exit 2    a field is missing, of the wrong type or out of range
    │   ├── InvalidCredentials    400  exit 2    credentials missing or malformed (not: rejected)
    │   ├── NotConnected          400  exit 3
    │   └── NotADirectory         400  exit 2
    ├── AuthenticationFailed      401  exit 10   the server rejected the credentials
    ├── AccessDenied              403  exit 11   the server's file permissions forbid it
    ├── NotFound                  404  exit 12
    ├── ConnectTimeout            408  exit 13   nothing answered in time
    ├── Conflict                  409  exit 14
    │   ├── HostKeyChanged        409  exit 15   not the key we know for this server
    │   ├── HostKeyUnconfirmed    409  exit 16   a new key, and strict_host_keys asks first
    │   ├── AnswersNeeded         409  exit 17   the server asks questions (2FA)
    │   └── Ambiguous             409  exit 14   one id, several runs
    ├── Gone                      410  exit 18   it is no longer on the server
    ├── RateLimited               429  exit 19
    ├── ConnectionFailed          500  exit 20   refused, unreachable, DNS, an SSH disagreement
    │   └── ConnectionLost        500  exit 21   a link that worked has broken
    ├── RemoteFailed              500  exit 22   the server's side answered something unusable
    ├── LocalCopyDamaged          500  exit 24   a file of the local copy was changed or removed by someone else
    ├── DiskFailed                500  exit 25   the local disk does not do what it is asked to
    └── DiskFull                  507  exit 23

Messages are one sentence a person can act on: what happened, to what, what to do next. They never hold a secret.
This module never imports anything of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class RunferryError(Exception):
    """The root of the tree above; ``str(error)`` is the sentence shown to the user."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def extra(self) -> dict[str, object]:
        """Return the JSON-safe fields this error adds beside ``detail`` in an API answer."""
        return {}


class InvalidRequest(RunferryError):
    """A field is missing, of the wrong type or out of range; the message names it."""

    status = 400
    exit_code = 2


class InvalidCredentials(InvalidRequest):
    """Credentials are missing or malformed: no server has seen them yet."""


class NotConnected(InvalidRequest):
    """The call needs a connection and there is none."""

    exit_code = 3

    def __init__(self, message: str = "Not connected. POST /api/unified/connect first.") -> None:
        super().__init__(message)


class NotADirectory(InvalidRequest):
    """A directory was asked for and the path is something else."""


class AuthenticationFailed(RunferryError):
    """The server rejected the credentials. It is never retried by itself."""

    status = 401
    exit_code = 10


class AccessDenied(RunferryError):
    """The account may not read this path on the server."""

    status = 403
    exit_code = 11


class NotFound(RunferryError):
    """The run, path, connection or sync does not exist."""

    status = 404
    exit_code = 12


class ConnectTimeout(RunferryError):
    """The server did not answer within the connect timeout."""

    status = 408
    exit_code = 13


class Conflict(RunferryError):
    """The request is fine but the present state forbids it."""

    status = 409
    exit_code = 14


class HostKeyChanged(Conflict):
    """The server showed another key than the one we know; nothing secret was sent to it."""

    exit_code = 15

    def __init__(self, message: str, *, host: str, fingerprint: str, known_fingerprint: str) -> None:
        super().__init__(message)
        self.host = host
        self.fingerprint = fingerprint
        self.known_fingerprint = known_fingerprint

    def extra(self) -> dict[str, object]:
        return {
            "host": self.host,
            "fingerprint": self.fingerprint,
            "known_fingerprint": self.known_fingerprint,
        }


class HostKeyUnconfirmed(Conflict):
    """A key never seen before, and ``strict_host_keys`` wants the user to confirm it first."""

    exit_code = 16

    def __init__(self, message: str, *, host: str, fingerprint: str) -> None:
        super().__init__(message)
        self.host = host
        self.fingerprint = fingerprint

    def extra(self) -> dict[str, object]:
        return {"host": self.host, "fingerprint": self.fingerprint, "known_fingerprint": None}


class AnswersNeeded(Conflict):
    """The server asks questions; post the same request again with ``attempt`` and ``answers``."""

    exit_code = 17

    def __init__(self, message: str, *, attempt: str, prompts: Sequence[tuple[str, bool]]) -> None:
        super().__init__(message)
        self.attempt = attempt
        self.prompts = tuple(prompts)

    def extra(self) -> dict[str, object]:
        prompts = [{"text": text, "echo": echo} for text, echo in self.prompts]
        return {"prompts": prompts, "attempt": self.attempt}


class Ambiguous(Conflict):
    """One run id names several runs; ``candidates`` are their unique keys."""

    def __init__(self, message: str, *, candidates: Sequence[str]) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)

    def extra(self) -> dict[str, object]:
        return {"candidates": list(self.candidates)}


class Gone(RunferryError):
    """It was on the server once and is not any more."""

    status = 410
    exit_code = 18


class RateLimited(RunferryError):
    """Too many calls in the window; ``retry_after`` is in whole seconds."""

    status = 429
    exit_code = 19

    def __init__(self, retry_after: int) -> None:
        super().__init__("Rate limit exceeded")
        self.retry_after = retry_after

    def extra(self) -> dict[str, object]:
        return {"retry_after": self.retry_after}


class ConnectionFailed(RunferryError):
    """No SSH connection could be made: refused, unreachable, unknown name, no common algorithm."""

    exit_code = 20


class ConnectionLost(ConnectionFailed):
    """A link that worked has broken; what it carried may be asked again on a new one."""

    exit_code = 21


class RemoteFailed(RunferryError):
    """The server's side answered something unusable (a protocol violation, an agent crash)."""

    exit_code = 22


class LocalCopyDamaged(RunferryError):
    """A file of the local copy is not as Runferry left it; it is fetched again."""

    exit_code = 24


class DiskFailed(RunferryError):
    """The local disk refuses to read or write (an I/O error, no permission, read-only); it is tried again."""

    exit_code = 25


class DiskFull(RunferryError):
    """The local disk has no room for what should land."""

    status = 507
    exit_code = 23
