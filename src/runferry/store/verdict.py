"""What a run's state is, from what its tool wrote and what was seen of its process. Pure; asks nobody.

Only the server a run lives on can say whether its process is there: an answer is recorded with its time, never
guessed here. An end that the tool wrote is never overruled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from runferry.model import Liveness, RunStatus

FRESH_SECONDS = 120.0
"""An answer older than this no longer speaks for the present."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the server said of a run's process; ``checked_at`` in seconds since the epoch, this machine's clock."""

    liveness: Liveness
    evidence: str
    checked_at: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What the run wrote last, such as "log line", and when (the server's clock)."""

    what: str
    at: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known around a run at ``now``. ``is_gone``: its directory is no longer on the server.

    ``contact_at`` is when its server was last heard of, ``is_lost`` that the connection broke rather than was closed.
    ``tool`` is what wrote the run where that names no process to ask after; it may tell no status at all.
    Times are told in ``zone``, by default this machine's.
    """

    now: float
    is_connected: bool
    is_gone: bool = False
    is_lost: bool = False
    pid: int | None = None
    hostname: str = ""
    contact_at: float | None = None
    activity: Activity | None = None
    tool: str = ""
    zone: tzinfo | None = None


def judge(written: str, check: Check | None, scene: Scene) -> tuple[str, str]:
    """Return a run's status and the evidence for it, a phrase.

    ``written`` is the status the tool wrote. A status that could not be checked stays what it was and its evidence
    begins with "unverified".
    """
    status = effective_status_of(written, check)
    if scene.tool and (not written or (written == RunStatus.RUNNING and scene.pid is None)):
        return status, _describe_tool(written, scene)
    if not written:
        return status, "unverified: no readable status yet"
    if written != RunStatus.RUNNING:
        return status, "written by the run itself"
    if check is not None and check.liveness is Liveness.GONE:
        return status, _describe_gone(check, scene)
    return status, _describe_running(check, scene)


def effective_status_of(written: str, check: Check | None) -> str:
    """Return the status alone: what the column ``state`` of ``runs`` says, for filters and sorting."""
    if not written:
        return RunStatus.UNVERIFIED.value
    is_lost = written == RunStatus.RUNNING and check is not None and check.liveness is Liveness.GONE
    return RunStatus.FAILED.value if is_lost else written


def _describe_tool(written: str, scene: Scene) -> str:
    """Tell that only the files speak of a run, and when they last did."""
    told = f"{scene.tool} says running, and names no process" if written else f"{scene.tool} writes no status"
    if scene.activity is None:
        return f"unverified: {told}"
    return f"unverified: {told}; last {scene.activity.what} {describe_time(scene.activity.at, scene, has_seconds=True)}"


def _describe_gone(check: Check, scene: Scene) -> str:
    """Tell since when (it was found gone then), how that is known, and the last sign of life."""
    is_plain = check.evidence == f"pid {scene.pid} no longer exists on {scene.hostname}"
    checked = f"checked {describe_age(scene.now - check.checked_at)} ago"
    known = checked if is_plain else f"{check.evidence}, {checked}"
    parts = [f"process {scene.pid} gone since {describe_time(check.checked_at, scene)} ({known})"]
    if scene.activity is not None:
        at = describe_time(scene.activity.at, scene, has_seconds=True)
        parts.append(f"last {scene.activity.what} {at}")
    return ", ".join([*parts, "exit unknown"])


def _describe_running(check: Check | None, scene: Scene) -> str:
    if scene.is_gone:
        return "unverified: its directory is gone from the server"
    if not scene.is_connected:
        return f"unverified: {_describe_silence(check, scene)}"
    if check is None:
        return "unverified: not checked yet"
    age = scene.now - check.checked_at
    if check.liveness is Liveness.UNKNOWN:
        return f"unverified: {check.evidence}, checked {describe_age(age)} ago"
    process, checked = f"process {scene.pid}", f"on {scene.hostname}, checked {describe_age(age)} ago"
    return f"{process} alive {checked}" if age <= FRESH_SECONDS else f"unverified: {process} was alive {checked}"


def _describe_silence(check: Check | None, scene: Scene) -> str:
    contacts = [at for at in (scene.contact_at, check and check.checked_at) if at]
    ago = f"{describe_age(scene.now - max(contacts))} ago" if contacts else ""
    told = f"connection lost {ago}" if scene.is_lost else f"not connected, last heard of its server {ago}"
    if not contacts:
        told = "connection lost" if scene.is_lost else "not connected to its server"
    if check is None or check.liveness is not Liveness.ALIVE:
        return told
    return f"{told}; process {scene.pid} was alive on {scene.hostname} then"


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


def describe_time(at: float, scene: Scene, *, has_seconds: bool = False) -> str:
    """Return a time of day, with the day where it is not the day of the scene."""
    moment, now = (datetime.fromtimestamp(seconds, scene.zone) for seconds in (at, scene.now))
    day = "" if moment.date() == now.date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M:%S}" if has_seconds else f"{day}{moment:%H:%M}"
