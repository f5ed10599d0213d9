"""What a run's state is, from what its tool wrote and what was seen of its process. Pure; asks nobody.

Only the server a run lives on can say whether its process is there: an answer is recorded with its time, never
guessed here. An end that the tool wrote is never overruled.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case

from runferry.model import Liveness, RunStatus
from runferry.store.tables import runs

FRESH_SECONDS = 120.0
"""An answer older than this no longer speaks for the present."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the server said of a run's process; ``checked_at`` in seconds since the epoch, this machine's clock."""

    liveness: Liveness
    evidence: str
    checked_at: float


def judge(written: str, check: Check | None, *, now: float, connected: bool, is_gone: bool = False) -> tuple[str, str]:
    """Return a run's status and the evidence for it, a phrase.

    ``written`` is the status the tool wrote, ``is_gone`` that its directory is no longer on the server. A status
    that could not be checked stays what it was and its evidence begins with "unverified".
    """
    if not written:
        return RunStatus.UNVERIFIED, "unverified: no readable status yet"
    if written != RunStatus.RUNNING:
        return written, "written by the run itself"
    if check is not None and check.liveness is Liveness.GONE:
        ago = describe_age(now - check.checked_at)
        return RunStatus.FAILED, f"{check.evidence}; it never wrote an end; checked {ago} ago"
    return RunStatus.RUNNING, _describe_running(check, now, connected, is_gone)


def effective_status() -> ColumnElement[str]:
    """Return ``judge``'s status as an SQL expression over ``runs``, for filters and sorting."""
    is_lost = (runs.c.status == RunStatus.RUNNING.value) & (runs.c.liveness == Liveness.GONE.value)
    return case(
        (runs.c.status == "", RunStatus.UNVERIFIED.value),
        (is_lost, RunStatus.FAILED.value),
        else_=runs.c.status,
    )


def _describe_running(check: Check | None, now: float, connected: bool, is_gone: bool) -> str:
    if is_gone:
        return "unverified: its directory is gone from the server"
    if check is None:
        return "unverified: not checked yet" if connected else "unverified: not connected to its server"
    checked = f"{check.evidence}, checked {describe_age(now - check.checked_at)} ago"
    if check.liveness is Liveness.UNKNOWN:
        return f"unverified: {checked}"
    if not connected:
        return f"unverified: not connected to its server; {checked}"
    return checked if now - check.checked_at <= FRESH_SECONDS else f"unverified: {checked}"


def describe_age(seconds: float) -> str:
    """Return a duration as people say it: "3 s", "5 min", "2 h", "4 days"."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86400:
        return f"{whole // 3600} h"
    return f"{whole // 86400} days"
