"""Who works on which request: lanes of threads, so that a slow kind never holds up an urgent one."""

import os
import queue
import sys
import threading
from typing import Callable, Dict, Tuple

from . import mounts, wire
from .answers import Answers, Request

_FOLLOWERS = 16
_EXTRA_READERS = 3

Item = Tuple[int, int, Request]


def start_thread(work: Callable[[], None], name: str) -> None:
    """Start a thread whose failure ends the whole process: half an agent is worse than none."""

    def guarded() -> None:
        try:
            work()
        finally:
            error = sys.exc_info()[1]
            if error is not None:
                sys.excepthook(type(error), error, error.__traceback__)
                sys.stderr.flush()
                is_violation = isinstance(error, (wire.Violation, KeyError, TypeError, ValueError))
                os._exit(wire.VIOLATION if is_violation else wire.CRASHED)

    threading.Thread(target=guarded, name=name, daemon=True).start()


class Lanes:
    """Takes requests and cancellations from the one thread that reads them."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._queues: Dict[str, "queue.PriorityQueue[Item]"] = {}
        self._under_way: Dict[int, Request] = {}
        self._count = 0
        self._has_extra_readers = False
        for name in ("control", "urgent", "bulk", "scan", "digest"):
            self._queues[name] = queue.PriorityQueue()
            self._open(name)

    def take(self, request: Request) -> None:
        """Give a request to its lane; lower priorities are served first there, equal ones in order."""
        if request.number in self._under_way:
            raise wire.Violation("a request id used twice")
        self._under_way[request.number] = request
        lane = _lane(request)
        if lane == "follow":
            if sum(other.kind == wire.FOLLOW for other in list(self._under_way.values())) > _FOLLOWERS:
                raise wire.Violation("more follows than allowed")
            start_thread(lambda: self._serve(request), "follow")
            return
        if lane == "bulk" and not self._has_extra_readers:
            self._add_readers(request)
        self._count += 1
        self._queues[lane].put((request.priority, self._count, request))

    def cancel(self, number: int) -> None:
        """Stop a request; it still ends with a frame of its own. An ended one is no error."""
        request = self._under_way.get(number)
        if request is not None:
            request.cancel()

    def _open(self, lane: str) -> None:
        def work() -> None:
            while True:
                self._serve(self._queues[lane].get()[2])

        start_thread(work, lane)

    def _serve(self, request: Request) -> None:
        self._answers.serve(request)
        del self._under_way[request.number]

    def _add_readers(self, request: Request) -> None:
        """Where each open is a round trip to another machine, several files are read at once."""
        if mounts.is_network(mounts.find_type(request.root())):
            self._has_extra_readers = True
            for _ in range(_EXTRA_READERS):
                self._open("bulk")


def _lane(request: Request) -> str:
    kind = request.kind
    if kind in (wire.PING, wire.PROCESSES):
        return "control"
    if kind in (wire.READ, wire.READ_MANY):
        return "urgent" if request.priority <= 1 else "bulk"
    return {wire.SCAN: "scan", wire.DIGEST: "digest", wire.FOLLOW: "follow"}.get(kind, "urgent")
