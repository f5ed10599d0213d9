"""What time it is, at the least, on a server that tells no time of its own: SFTP gives the times of files alone.

A file's time was the server's time once. So it is that time there by now, and what has passed since it was seen; how
far the server's clock and ours differ does not matter. Pure.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_AHEAD_NS = 86_400_000_000_000
"""A time that is later than ours by more was given to a file by hand: no clock has been there yet."""


class LeastClock:
    """A lower bound of the server's clock, in nanoseconds since the epoch; it never goes back.

    ``ours`` is this machine's clock and ``steady`` a monotonic one, both in nanoseconds.
    """

    def __init__(self, ours: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._ours = ours
        self._steady = steady
        self._ahead: int | None = None  # of the steady clock

    def note(self, time_ns: int) -> None:
        """Take in a time that a file has now."""
        if time_ns <= self._ours() + MOST_AHEAD_NS:
            ahead = time_ns - self._steady()
            self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def mark(self) -> int:
        """Return this moment, for ``at``."""
        return self._steady()

    def at(self, mark: int) -> int:
        """Return what time it was at the least at an earlier moment, by all that is known now; 0 where nothing is."""
        return 0 if self._ahead is None else max(0, mark + self._ahead)
