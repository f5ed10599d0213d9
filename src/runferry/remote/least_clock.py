"""What time it is, at the least, on a server that tells no time of its own: SFTP gives the times of files alone.

A file's time was the server's time once. So it is that time there by now, and what has passed since it was seen. Pure.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_SKEW_NS = 600_000_000_000
"""How far the server's clock and ours are presumed to differ at most; a later time was given to a file by hand."""


class LeastClock:
    """A lower bound of the server's clock, in nanoseconds since the epoch; it never goes back.

    ``ours`` is this machine's clock and ``steady`` a monotonic one, both in nanoseconds.
    """

    def __init__(self, ours: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._ours = ours
        self._steady = steady
        self._ahead: int | None = None

    def note(self, time_ns: int) -> None:
        """Take in a time that a file has now."""
        if time_ns > self._ours() + MOST_SKEW_NS:
            return
        ahead = time_ns - self._steady()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def mark(self) -> int:
        """Return this moment, for ``at``."""
        return self._steady()

    def at(self, mark: int) -> int:
        """Return what time it was at the least at an earlier moment, by all that is known now."""
        presumed = self._ours() - MOST_SKEW_NS - (self._steady() - mark)
        return presumed if self._ahead is None else max(presumed, mark + self._ahead)
