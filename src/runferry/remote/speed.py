"""How fast bulk comes in while somebody waits for it, to decide whether compression pays. It does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

SLOW = 12_000_000
"""Bytes per second on the wire under which the server's CPU is better spent on compressing."""

_LEARNT_AFTER = 0.5
_MEMORY = 5.0


class Speed:
    """``received`` counts the bytes of a channel so far, ``clock`` is monotonic seconds."""

    def __init__(self, received: Callable[[], int], clock: Callable[[], float]) -> None:
        self._received = received
        self._clock = clock
        self._waiting = 0
        self._since = 0.0
        self._from = 0
        self._seconds = 0.0
        self._bytes = 0.0

    @property
    def is_slow(self) -> bool:
        """Whether the link is known to be slow; an unknown one is not."""
        return self._seconds > _LEARNT_AFTER and self._bytes < SLOW * self._seconds

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Measure while the body waits for bulk."""
        if not self._waiting:
            self._since, self._from = self._clock(), self._received()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._learn()

    def _learn(self) -> None:
        now, received = self._clock(), self._received()
        self._seconds += now - self._since
        self._bytes += received - self._from
        self._since, self._from = now, received
        if self._seconds > _MEMORY:
            self._bytes *= _MEMORY / self._seconds
            self._seconds = _MEMORY
