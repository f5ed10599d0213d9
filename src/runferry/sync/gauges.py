"""What a session measures: how fast bytes come, and what time it is on the server. No I/O."""

from __future__ import annotations

import time


class RemoteClock:
    """Estimates the server's clock from the last time it was told."""

    def __init__(self) -> None:
        self._told_ns = 0
        self._at_ns = 0

    def set(self, clock_ns: int) -> None:
        if clock_ns:
            self._told_ns, self._at_ns = clock_ns, time.monotonic_ns()

    def now_ns(self) -> int:
        return self._told_ns + time.monotonic_ns() - self._at_ns if self._told_ns else 0


class Meter:
    """A moving rate in bytes per second over the last few seconds."""

    def __init__(self) -> None:
        self._amount = 0.0
        self._rate = 0.0
        self._since = time.monotonic()

    def add(self, amount: int) -> None:
        self._amount += amount
        self._roll()

    def rate(self) -> float:
        self._roll()
        return self._rate

    def _roll(self) -> None:
        elapsed = time.monotonic() - self._since
        if elapsed >= 0.5:
            share = min(1.0, elapsed / 2.0)
            self._rate += share * (self._amount / elapsed - self._rate)
            self._amount, self._since = 0.0, time.monotonic()
