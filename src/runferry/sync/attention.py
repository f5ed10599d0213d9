"""What people want of one sync right now: files that are held or leased, and what became of asking for them.

Values and events only: no network, no tasks. It outlives sessions, so that whoever follows a file goes on doing so
when a link or a session is replaced. Use it from the event loop's thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from runferry.errors import RunferryError
from runferry.model import Problem, Version

Admit = Callable[[Mapping[str, int]], Awaitable[Mapping[str, RunferryError]]]
"""Asked before bytes are fetched: how many each path needs. Answers why some may not have them."""


class Arrival:
    """One file on its way into staging: ``length`` of its ``version.size`` bytes are in the staged file ``name``.

    ``is_ended``: nothing more comes. Then ``is_landed`` says whether it is whole and in its place; otherwise the bytes
    read so far may belong to no version at all.
    """

    def __init__(self, name: str, version: Version, length: int) -> None:
        self.name = name
        self.version = version
        self.length = length
        self.is_ended = False
        self.is_landed = False


class Attention:
    """Who wants what. ``admit`` None: everything may be fetched (a mirror)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.admit: Admit | None = None
        self.looked_at: dict[str, float] = {}
        self.troubles: dict[str, Problem] = {}
        self.refusals: dict[str, RunferryError] = {}
        self.arrivals: dict[str, Arrival] = {}
        self.failure: RunferryError | None = None
        self.failures = 0
        self._clock = clock
        self._holders: Counter[str] = Counter()
        self._leases: dict[str, float] = {}
        self._admitted: set[str] = set()
        self._blocked: Counter[str] = Counter()
        self._dropped: set[str] = set()
        self._work = asyncio.Event()
        self._news = asyncio.Event()

    # Wanting

    def hold(self, paths: Iterable[str]) -> None:
        """Attend to files until ``release`` is called as often."""
        for path in paths:
            self._forget_old(path)
            self._holders[path] += 1
        self._work.set()

    def release(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._holders[path] -= 1
            if self._holders[path] <= 0:
                del self._holders[path]
        self._work.set()

    def lease(self, paths: Iterable[str], seconds: float) -> None:
        """Attend to files for so many seconds from now."""
        until = self._clock() + seconds
        for path in paths:
            if path not in self._leases:
                self._forget_old(path)
                self._work.set()
            self._leases[path] = max(until, self._leases.get(path, 0.0))

    def is_attended(self, path: str) -> bool:
        return path in self._holders or self._leases.get(path, 0.0) > self._clock()

    def is_wanted(self, path: str) -> bool:
        """Say whether bytes of this file may be fetched now."""
        return path in self._admitted and path not in self._blocked and self.is_attended(path)

    @property
    def paths(self) -> list[str]:
        """Return the attended files; what is no longer attended is then found by ``take_dropped``."""
        now = self._clock()
        for path in [path for path, until in self._leases.items() if until <= now]:
            del self._leases[path]
        attended = dict.fromkeys([*self._holders, *self._leases])
        for path in self._admitted - attended.keys():
            self._admitted.discard(path)
            self._dropped.add(path)
        for table in (self.looked_at, self.troubles, self.refusals):
            for path in [path for path in table if path not in attended]:
                del table[path]
        return list(attended)

    def take_dropped(self) -> set[str]:
        """Return what was attended and is not any more, each once."""
        dropped, self._dropped = self._dropped, set()
        return dropped

    # Admitting

    def is_admitted(self, path: str) -> bool:
        return path in self._admitted

    def settle(self, path: str, refusal: RunferryError | None) -> None:
        """Let a file be fetched, or say why not."""
        if refusal is None:
            self._admitted.add(path)
            self.refusals.pop(path, None)
        else:
            self._admitted.discard(path)
            self.refusals[path] = refusal
        self.announce()

    def block(self, paths: Collection[str]) -> None:
        """Let nothing of these files be fetched until ``unblock``."""
        self._blocked.update(paths)

    def unblock(self, paths: Collection[str]) -> None:
        self._blocked.subtract(paths)
        for path in [path for path in paths if self._blocked[path] <= 0]:
            del self._blocked[path]
            self._admitted.discard(path)  # who came meanwhile begins from the start
            self.looked_at.pop(path, None)
        self._work.set()

    # Arriving (told by the fetcher)

    def begin(self, path: str, arrival: Arrival) -> None:
        self.spoil(path)
        self.arrivals[path] = arrival
        self.announce()

    def grow(self, path: str, length: int) -> None:
        if path in self.arrivals:
            self.arrivals[path].length = length
            self.announce()

    def spoil(self, path: str) -> None:
        """The staged bytes are about to be thrown away, or nothing more of them comes for now."""
        self._end(path, is_landed=False)

    def land(self, path: str) -> None:
        self._end(path, is_landed=True)

    def _end(self, path: str, *, is_landed: bool) -> None:
        arrival = self.arrivals.pop(path, None)
        if arrival is not None:
            arrival.is_ended, arrival.is_landed = True, is_landed
            self.announce()

    # Telling

    def fail(self, error: RunferryError) -> None:
        """What ended the work over one link."""
        self.failure = error
        self.failures += 1
        for path in list(self.arrivals):
            self.spoil(path)
        self.announce()

    def poke(self) -> None:
        """Have the attended files looked at soon."""
        self._work.set()

    async def wait_for_work(self, at_most: float | None) -> None:
        """Wait until what is attended changes, at most so many seconds."""
        await wait_until_set(self._work, at_most)
        self._work.clear()

    def announce(self) -> None:
        """Wake everyone who waits for news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def wait_for_news(self, at_most: float) -> None:
        await wait_until_set(self._news, at_most)

    def _forget_old(self, path: str) -> None:
        """A new wish is not answered with what became of an old one."""
        if not self.is_attended(path) or path in self.refusals or path in self.troubles:
            self.looked_at.pop(path, None)
        self.refusals.pop(path, None)
        self.troubles.pop(path, None)


class Attentions:
    """The attention each sync gets, by the sync's id."""

    def __init__(self) -> None:
        self._of: dict[int, Attention] = {}

    def of(self, sync_id: int) -> Attention:
        return self._of.setdefault(sync_id, Attention())


async def wait_until_set(event: asyncio.Event, at_most: float | None) -> None:
    try:
        async with asyncio.timeout(at_most):
            await event.wait()
    except TimeoutError:
        return
