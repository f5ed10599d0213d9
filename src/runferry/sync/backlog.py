"""The work a session has before it: one pending step per path, served by kind. No I/O, one event loop.

A path is in at most one worker's hands. What is asked of it meanwhile is remembered and looked at when it returns.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from runferry.remote.base import Priority
from runferry.sync.plan import SMALL, Step, priority_of


@dataclass(frozen=True, slots=True)
class Batch:
    """Small files to read in one request: their paths, sizes added up, and how urgent they are."""

    paths: tuple[str, ...]
    size: int
    priority: Priority


class Backlog:
    """Pending steps and the totals that progress shows. Totals start over whenever everything has been done."""

    def __init__(self) -> None:
        self._lanes: defaultdict[Step | Priority, dict[str, int]] = defaultdict(dict)
        self._lane_of: dict[str, Step | Priority] = {}
        self._in_hand: dict[str, int] = {}
        self._hands: dict[str, Step | Priority] = {}
        self._asked_again: set[str] = set()
        self._changed = asyncio.Condition()
        self.files_done = self.files_total = 0
        self.bytes_done = self.bytes_total = 0

    @property
    def is_empty(self) -> bool:
        return not self._lane_of and not self._in_hand

    def has(self, path: str) -> bool:
        """Say whether something is to be done about ``path``, or is being done."""
        return path in self._lane_of or path in self._in_hand

    def in_hand(self, path: str) -> Step | Priority | None:
        """Return what is being done about ``path`` (a small file's step is its lane), None where nothing is."""
        return self._hands.get(path)

    @property
    def current(self) -> str | None:
        """Return a path some worker has in hand, a big one if there is any."""
        return max(self._in_hand, key=self._in_hand.__getitem__, default=None)

    def add(self, path: str, step: Step, size: int, *, is_urgent: bool = False) -> None:
        """Ask for ``step``; it replaces one that has not begun, and waits for one that has.

        A small file that is urgent goes before all metadata.
        """
        if path in self._in_hand:
            self._asked_again.add(path)
            return
        if self.is_empty:
            self.files_done = self.files_total = self.bytes_done = self.bytes_total = 0
        if path in self._lane_of:
            self.drop(path)
        lane: Step | Priority = step
        if step is SMALL:
            lane = Priority.TAIL if is_urgent else priority_of(path, size)
        self._lanes[lane][path] = size
        self._lane_of[path] = lane
        self.files_total += 1
        self.bytes_total += size

    def drop(self, path: str) -> None:
        """Forget a pending step (one in hand goes on)."""
        lane = self._lane_of.pop(path, None)
        if lane is not None:
            self.bytes_total -= self._lanes[lane].pop(path)
            self.files_total -= 1

    def note_bytes(self, amount: int) -> None:
        """Count bytes that have arrived; never more than were expected."""
        self.bytes_done = min(self.bytes_total, self.bytes_done + amount)

    def clear(self) -> None:
        """Forget everything: the link is gone, and what is to do will be worked out anew."""
        self._lanes.clear()
        self._lane_of.clear()
        self._in_hand.clear()
        self._hands.clear()
        self._asked_again.clear()

    def claim(self, path: str) -> bool:
        """Take a path in hand without a step, so that no worker touches it until ``finish``; False if one has it."""
        if path in self._in_hand:
            return False
        self.add(path, Step.NOTHING, 0)
        self._take(path, Step.NOTHING, 0)
        return True

    async def announce(self) -> None:
        """Wake the workers after a round of ``add``."""
        async with self._changed:
            self._changed.notify_all()

    async def take(self, *steps: Step) -> tuple[str, Step]:
        """Wait for a single step of one of the given kinds."""
        async with self._changed:
            await self._changed.wait_for(lambda: any(self._lanes.get(step) for step in steps))
            step = next(step for step in steps if self._lanes.get(step))
            path, size = next(iter(self._lanes[step].items()))
            self._take(path, step, size)
            return path, step

    async def take_small(self, *, files: int, size: int) -> Batch:
        """Wait for small files, the most urgent first, and take up to so many of them."""
        lanes = (Priority.TAIL, Priority.METADATA, Priority.SMALL, Priority.BULK)
        async with self._changed:
            await self._changed.wait_for(lambda: any(self._lanes.get(lane) for lane in lanes))
            lane = next(lane for lane in lanes if self._lanes.get(lane))
            waiting = self._lanes[lane]
            taken: dict[str, int] = {}
            total = 0
            for path, length in waiting.items():
                if len(taken) >= files or (taken and total + length > size):
                    break
                taken[path] = length
                total += length
            for path in taken:
                del waiting[path], self._lane_of[path]
            self._in_hand |= taken
            self._hands |= dict.fromkeys(taken, lane)
            return Batch(tuple(taken), total, lane)

    def finish(self, path: str) -> bool:
        """Give a path back; True when it was asked for again meanwhile."""
        self.files_done += 1
        self._in_hand.pop(path, None)
        self._hands.pop(path, None)
        if not self._in_hand and not self._lane_of:
            self.bytes_done = self.bytes_total  # what was verified, and found equal, did not have to move
        if path not in self._asked_again:
            return False
        self._asked_again.discard(path)
        return True

    def _take(self, path: str, lane: Step | Priority, size: int) -> None:
        del self._lanes[lane][path]
        del self._lane_of[path]
        self._in_hand[path] = size
        self._hands[path] = lane
