"""Who waits for bytes of one file to land is told here. It carries no bytes and keeps nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager


class Landings:
    """Wakes those who watch a path of a sync whenever a commit says that its local bytes are new, or that it is gone.

    Use it from the event loop's thread only.
    """

    def __init__(self) -> None:
        self._watchers: dict[tuple[int, str], set[asyncio.Event]] = {}
        self._listeners: list[Callable[[int, Collection[str]], None]] = []

    def listen(self, hear: Callable[[int, Collection[str]], None]) -> None:
        """Have ``hear`` called with the sync and the paths of every landing; it must not block."""
        self._listeners.append(hear)

    def note(self, sync_id: int, paths: Collection[str]) -> None:
        for hear in self._listeners:
            hear(sync_id, paths)
        if not self._watchers:
            return
        for path in paths:
            for event in self._watchers.get((sync_id, path), ()):
                event.set()

    @contextmanager
    def watch(self, sync_id: int, path: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at every landing; clear it before looking at the file, wait after."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault((sync_id, path), set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop((sync_id, path), None)
