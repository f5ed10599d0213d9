"""The agent's life: descriptors, HELLO, reading requests, and ending itself when nobody is there any more."""

import contextlib
import os
import sys
import time
from typing import Any, Dict, Tuple

from . import mounts, names, wire
from .answers import Answers, Request
from .lanes import Lanes, start_thread
from .outlet import Outlet

IDLE_TIMEOUT = 60.0
"""Seconds without a frame from the client after which the agent ends itself."""


def run(options: Dict[str, Any]) -> None:
    """Serve the client at descriptors 0 and 1 until it goes away; never returns.

    ``options``: ``nonce`` (hex text that HELLO repeats), ``idle_timeout`` in seconds, ``watch_budget`` or
    None.
    """
    requests, answers = _take_descriptors()
    with contextlib.suppress(OSError):
        os.nice(10)
    sys.setswitchinterval(0.002)
    outlet = Outlet(answers)
    outlet.start(marker(options["nonce"]), wire.HELLO, _introduce(options["nonce"]))
    lanes = Lanes(Answers(outlet, options.get("watch_budget")))
    reader = Reader(requests)
    idle = float(options.get("idle_timeout", IDLE_TIMEOUT))
    start_thread(lambda: watch_over(reader, idle), "watchdog")
    try:
        while True:
            reader.pass_on(lanes)
    except wire.Violation as error:
        sys.excepthook(type(error), error, error.__traceback__)
        os._exit(wire.VIOLATION)


def marker(nonce: str) -> bytes:
    """Return the line after which the protocol begins."""
    return ("\n--runferry-agent %s--\n" % nonce).encode("ascii")


class Reader:
    """Reads frames from the client. ``heard`` is when the last one came (monotonic seconds)."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "rb")
        self.heard = time.monotonic()

    def pass_on(self, lanes: Lanes) -> None:
        """Wait for one frame and give it to the lanes. The process ends with the stream."""
        kind, compressed, number, length = wire.unpack_header(self._read(wire.HEADER.size))
        body = wire.unpack(self._read(length), compressed)
        self.heard = time.monotonic()
        if kind == wire.CANCEL:
            lanes.cancel(number)
        elif kind not in wire.REQUESTS or not isinstance(body, dict):
            raise wire.Violation("a request of an unknown kind")
        else:
            lanes.take(Request(kind, number, body))

    def _read(self, length: int) -> bytes:
        data = self._file.read(length)
        if len(data) < length:
            os._exit(0)
        return data


def watch_over(reader: Reader, idle: float) -> None:
    """End the process when the client has been silent for too long: it may be gone without a word."""
    while True:
        silent = time.monotonic() - reader.heard
        if silent > idle:
            os._exit(wire.IDLE)
        time.sleep(max(0.05, min(idle - silent, idle / 4.0)))


def _take_descriptors() -> Tuple[int, int]:
    """Keep the channel for the protocol alone: whoever prints, prints to stderr; whoever reads, reads
    nothing.
    """
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _introduce(nonce: str) -> Dict[str, Any]:
    system = os.uname()
    home = os.path.expanduser(b"~")
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except OSError:
        boot = ""
    return {
        "nonce": nonce,
        "version": wire.VERSION,
        "capabilities": ["squeeze", "follow", "digest", "processes"],
        "hostname": system.nodename,
        "os": "%s %s" % (system.sysname, system.release),
        "python": sys.version.split()[0],
        "home": names.escape(names.decode(os.path.realpath(home))),
        "boot_id": boot,
        "clock": int(time.time() * 1e9),
        "filesystem": mounts.find_type(os.path.realpath(home)),
        "inotify_watches": mounts.read_limit("max_user_watches"),
        "pid": os.getpid(),
    }
