"""Paths to look at again later: young files, doubtful reads, troubles. No I/O; ``clock`` is monotonic seconds."""

from __future__ import annotations

from collections.abc import Callable


class Revisits:
    """When each path is due. ``is_awaited`` marks those without which a sync is not complete."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._awaited: set[str] = set()

    @property
    def has_awaited(self) -> bool:
        return bool(self._awaited)

    def has(self, path: str) -> bool:
        return path in self._due

    def plan(self, path: str, after: float, *, is_awaited: bool = False) -> None:
        """Look at ``path`` in ``after`` seconds; a later plan for the same path replaces an earlier one."""
        self._due[path] = self._clock() + after
        (self._awaited.add if is_awaited else self._awaited.discard)(path)

    def forget(self, path: str) -> None:
        self._due.pop(path, None)
        self._awaited.discard(path)

    def clear(self) -> None:
        self._due.clear()
        self._awaited.clear()

    def take_due(self) -> list[str]:
        """Return the paths whose time has come, each once."""
        now = self._clock()
        due = [path for path, at in self._due.items() if at <= now]
        for path in due:
            self.forget(path)
        return due

    def wait(self, at_most: float) -> float:
        """Return how many seconds until something is due, ``at_most`` at the latest."""
        if not self._due:
            return at_most
        return min(at_most, max(0.0, min(self._due.values()) - self._clock()))
