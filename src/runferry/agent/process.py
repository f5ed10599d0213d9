"""Whether the process that wrote a run is still there. It looks at /proc and sends signal 0, never another
one.
"""

import errno
import os
from typing import List, NamedTuple, Optional, Tuple

ALIVE, GONE, UNKNOWN = "alive", "gone", "unknown"

SLACK = 2.0
"""Seconds by which a process may seem to have started after its run: /proc counts in ticks from the boot
time.
"""

Facts = NamedTuple(
    "Facts",
    [
        ("host", str),  # the name of this machine
        ("booted", float),  # seconds since the epoch; 0: unknown
        ("ticks", int),  # clock ticks per second
        ("stat", Optional[str]),  # the text of /proc/<pid>/stat, if there is one
        ("exists", Optional[bool]),  # what signal 0 said; None: not known
    ],
)


def is_same_host(one: str, other: str) -> bool:
    """Compare host names, of which either may be short and the other fully qualified."""
    first, second = one.lower().rstrip("."), other.lower().rstrip(".")
    if first == second:
        return bool(first)
    if "." in first and "." in second:
        return False
    return bool(first) and first.split(".")[0] == second.split(".")[0]


def judge(pid: int, hostname: str, started_before: float, facts: Facts) -> Tuple[str, str]:
    """Return (liveness, evidence) of the process ``pid`` that was there at ``started_before`` on
    ``hostname``.
    """
    here = facts.host
    if not is_same_host(hostname, here):
        written = "on %s" % hostname if hostname else "on a host that it does not name"
        return UNKNOWN, "the run was written %s, this is %s" % (written, here)
    if not 0 < pid < 2**31:
        return UNKNOWN, "the run names no process"
    if facts.booted > started_before + SLACK:
        return GONE, "%s restarted since" % here
    if facts.stat is None:
        if facts.exists is None:
            return UNKNOWN, "the processes of %s cannot be seen" % here
        if facts.exists:
            return ALIVE, "pid %d is alive on %s" % (pid, here)
        return GONE, "pid %d no longer exists on %s" % (pid, here)
    state, started = parse_stat(facts.stat)
    if facts.booted and facts.booted + started / facts.ticks > started_before + SLACK:
        return GONE, "pid %d on %s now belongs to a process started later" % (pid, here)
    if state in "ZX":
        return GONE, "pid %d on %s has ended and waits for its parent" % (pid, here)
    return ALIVE, "pid %d is alive on %s" % (pid, here)


def parse_stat(text: str) -> Tuple[str, int]:
    """Return (state letter, start time in ticks since boot) from /proc/<pid>/stat; see proc(5), fields 3 and
    22.
    """
    fields = text.rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else ("?", 0)


def parse_boot_time(text: str) -> float:
    """Return the ``btime`` of /proc/stat in seconds since the epoch, or 0."""
    for line in text.splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def read_text(path: str) -> Optional[str]:
    """Return the text of a small file of /proc, or None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode("utf-8", "replace")
    except OSError:
        return None


def check(questions: List[Tuple[int, str, float]]) -> List[Tuple[int, str, str]]:
    """Answer (pid, liveness, evidence) for each (pid, hostname, started_before), in order."""
    booted = parse_boot_time(read_text("/proc/stat") or "")
    host = os.uname().nodename
    ticks = os.sysconf("SC_CLK_TCK")
    answers = []
    for pid, hostname, started_before in questions:
        facts = Facts(host, booted, ticks, None, None)
        if 0 < pid < 2**31:
            facts = Facts(host, booted, ticks, read_text("/proc/%d/stat" % pid), _exists(pid))
        liveness, evidence = judge(pid, hostname, started_before, facts)
        answers.append((pid, liveness, evidence))
    return answers


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True
