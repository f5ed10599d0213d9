"""Examines a server step by step over a connection of its own, and reports what it found. It keeps nothing open.

One step's failure ends the examination; it is reported, never raised.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.errors import RunferryError
from runferry.formats.recognition import INSTALLED
from runferry.ingest.rules import Rules
from runferry.model import Chunk
from runferry.remote.base import Priority, Remote
from runferry.remote.open import open_remote
from runferry.service.preview import look_through
from runferry.ssh.connection import Link, open_link
from runferry.ssh.credentials import Credentials
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.sshconfig import Route, resolve_route
from runferry.ssh.target import Target

STEP_TIMEOUT = 30.0
LOOK_SECONDS = 60.0
"""How long a folder may be looked through."""

PINGS = 3


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    is_ok: bool
    message: str


@dataclass(slots=True)
class Report:
    """What was found. ``facts`` is JSON-safe: route, fingerprint, transport, python, rtt_ms, clock_skew_seconds ..."""

    target: str
    steps: list[Step] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return all(step.is_ok for step in self.steps)


class Doctor:
    """Examines one server after the other."""

    def __init__(self, settings: Settings, host_keys: HostKeys) -> None:
        self._settings = settings
        self._host_keys = host_keys

    async def examine(self, target: Target, credentials: Credentials, path: str | None = None) -> Report:
        """Try everything; with ``path`` say which runs that folder holds, too."""
        report = Report(str(target))
        for problem in INSTALLED.problems:  # of this machine, not of the server: nothing fails by it
            report.steps.append(Step("formats", True, problem))
        step = "route"
        try:
            route = await in_thread(resolve_route, target, self._settings.ssh_config)
            describe_route(report, route)
            step = "login"
            link = await open_link(route, credentials, self._host_keys, timeout=self._settings.connect_timeout)
            try:
                describe_link(report, link)
                step = "transport"
                await self._examine_link(report, link, path)
            finally:
                await link.close()
        except RunferryError as error:
            report.steps.append(Step(step, False, str(error)))
            report.facts |= {"error": type(error).__name__, **error.extra()}
        except TimeoutError:
            report.steps.append(Step(step, False, f"No answer within {STEP_TIMEOUT:.0f} s."))
        return report

    async def _examine_link(self, report: Report, link: Link, path: str | None) -> None:
        async with asyncio.timeout(STEP_TIMEOUT):
            remote = await open_remote(link)
        try:
            async with asyncio.timeout(STEP_TIMEOUT):
                describe_transport(report, remote)
                await measure(report, remote)
            if path is not None:
                rules = Rules(self._settings.data_dir)
                await in_thread(rules.read)
                await find_runs(report, remote, path, rules)
        finally:
            await remote.close()


def describe_route(report: Report, route: Route) -> None:
    labels = [hop.label for hop in route.hops]
    report.facts["route"] = labels
    report.steps.append(Step("route", True, " -> ".join(labels)))


def describe_link(report: Report, link: Link) -> None:
    is_new = link.host_key_state == "added"
    report.facts |= {
        "fingerprint": link.fingerprint,
        "host_key": link.host_key_state,
        "is_login_by_given": link.is_by_given,
    }
    seen = "seen for the first time and remembered" if is_new else "the one that is known"
    report.steps.append(Step("host key", True, f"{link.fingerprint}, {seen}"))
    means = "what you gave" if link.is_by_given else "an SSH agent key or a default identity of this machine"
    report.steps.append(Step("login", True, f"{link.username} was let in with {means}"))


def describe_transport(report: Report, remote: Remote) -> None:
    info = remote.info
    report.facts |= {
        "transport": info.transport,
        "transport_reason": info.reason,
        "tried": list(info.tried),
        "hostname": info.hostname,
        "os": info.os,
        "python": info.python,
        "home": info.home,
        "filesystem": info.filesystem,
        "inotify_watches": info.inotify_watches,
        "precise_times": info.precise_times,
    }
    report.steps.append(Step("transport", True, f"{info.transport}: {info.reason}"))


async def measure(report: Report, remote: Remote) -> None:
    """Time some round trips, and compare the clocks where the transport tells the server's."""
    trips = [await remote.ping() for _ in range(PINGS)]
    report.facts["rtt_ms"] = round(min(trips) * 1000, 2)
    report.steps.append(Step("round trip", True, f"{min(trips) * 1000:.1f} ms"))
    skew = await measure_skew(remote)
    if skew is not None:
        report.facts["clock_skew_seconds"] = round(skew, 3)
        ahead = "ahead of" if skew > 0 else "behind"
        report.steps.append(Step("clock", True, f"the server is {abs(skew):.2f} s {ahead} this machine"))


async def find_runs(report: Report, remote: Remote, path: str, rules: Rules) -> None:
    """Look a folder through and tell which tools' runs are in it."""
    try:
        found = await look_through(remote, await remote.resolve(path), seconds=LOOK_SECONDS, rules=rules)
    except RunferryError as error:
        report.steps.append(Step("runs", False, str(error)))
        report.facts |= {"error": type(error).__name__, **error.extra()}
        return
    for problem in rules.problems:
        report.steps.append(Step("rules", True, f"{problem.path}: {problem.message}"))
    report.facts |= {
        "path": found.path,
        "runs": found.runs,
        "formats": dict(found.formats),
        "databases": dict(found.databases),
    }
    if not found.is_complete:
        report.steps.append(Step("runs", True, f"{found.path} is too large to be looked through in {LOOK_SECONDS:g} s"))
        return
    tools = ", ".join(f"{count:,} of {title}" for title, count in found.formats.items())
    told = f"{found.runs:,} in {found.path}: {tools}" if found.runs else f"none that is recognised in {found.path}"
    if found.databases:
        told += "; and those in " + ", ".join(f"{count:,} of {title}" for title, count in found.databases.items())
    report.steps.append(Step("runs", True, f"{told} ({found.mirror.files:,} files, {found.mirror.bytes:,} bytes)"))


async def measure_skew(remote: Remote) -> float | None:
    """Return by how many seconds the server's clock is ahead, or None where it cannot be told."""
    if not remote.info.precise_times:
        return None
    before = time.time()
    answer = await remote.read("/proc", "version", offset=0, length=1, priority=Priority.METADATA)
    if not isinstance(answer, Chunk) or not answer.clock_ns:
        return None
    return answer.clock_ns / 1e9 - (before + time.time()) / 2
