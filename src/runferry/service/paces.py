"""How often each of many things is asked for: soon at first, ever less while it goes on. No I/O, no tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Paces:
    """``clock`` tells monotonic seconds. After ``longest`` seconds without need of it, a thing is as new again."""

    def __init__(self, clock: Callable[[], float], *, shortest: float, longest: float) -> None:
        self._clock = clock
        self._shortest, self._longest = shortest, longest
        self._next: dict[str, tuple[float, float]] = {}  # when it may be asked for, and how long that was to wait

    def note(self, names: Iterable[str]) -> None:
        """Take in that these are asked for now."""
        now = self._clock()
        self._next = {name: one for name, one in self._next.items() if now <= one[0] + self._longest}
        for name in names:
            _, pause = self._next.get(name, (0.0, 0.0))
            pause = min(2 * pause, self._longest) if pause else self._shortest
            self._next[name] = now + pause, pause

    def wait(self, name: str) -> float:
        """Return in how many seconds this may be asked for; 0: now."""
        due, _ = self._next.get(name, (0.0, 0.0))
        return max(0.0, due - self._clock())

    def clear(self) -> None:
        """Let everything be asked for now."""
        self._next.clear()
