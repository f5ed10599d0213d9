"""The agent's life: reading requests, and ending itself when nobody is there any more."""

import contextlib
import os
import sys
import time
from typing import Any, Dict

from . import wire
from .answers import Answers, Request
from .hello import Channel
from .lanes import Lanes, start_thread
from .outlet import Outlet

IDLE_TIMEOUT = 60.0
"""Seconds without a frame from the client after which the agent ends itself."""


def run(options: Dict[str, Any], channel: Channel) -> None:
    """Serve the client that HELLO was sent to until it goes away; never returns.

    ``options``: ``nonce`` (hex text that HELLO repeats), ``idle_timeout`` in seconds, ``watch_budget`` or
    None.
    """
    requests, answers = channel
    with contextlib.suppress(OSError):
        os.nice(10)
    sys.setswitchinterval(0.002)
    outlet = Outlet(answers)
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
