"""The one stream of events that leaves the service: a bounded ring to resume from, and bounded queues to read from.

It never waits for a reader: one that is too slow loses what is queued and is told to fetch the state again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

RING = 2000
QUEUE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``kind`` is connection, sync, run, problem or refetch; ``data`` is JSON-safe."""

    id: str
    kind: str
    data: Mapping[str, object] = field(default_factory=dict)


class EventBus:
    """Publishes events to any number of subscriptions. Use it from the event loop's thread only.

    Ids are ``<epoch>-<number>``: ``epoch`` names this life of the process, so that an id remembered from another
    one is recognised as unknown instead of being taken for a place in this ring.
    """

    def __init__(self, *, epoch: str, ring: int = RING, queue: int = QUEUE) -> None:
        self._epoch = epoch
        self._number = 0
        self._ring: deque[Event] = deque(maxlen=ring)
        self._queue = queue
        self._subscriptions: set[Subscription] = set()
        self._is_closed = False

    @property
    def last_id(self) -> str:
        return f"{self._epoch}-{self._number}"

    def publish(self, kind: str, data: Mapping[str, object]) -> None:
        self._number += 1
        event = Event(self.last_id, kind, data)
        self._ring.append(event)
        for subscription in self._subscriptions:
            subscription.push(event)

    def subscribe(self, last_id: str | None = None) -> Subscription:
        """Return a subscription that starts with what came after ``last_id``, or with what comes now.

        An id that is unknown or no longer in the ring makes it start with a ``refetch`` event.
        """
        subscription = Subscription(self, self._queue)
        if last_id is not None:
            for event in self._after(last_id):
                subscription.push(event)
        if self._is_closed:
            subscription.close()
        else:
            self._subscriptions.add(subscription)
        return subscription

    def make_refetch(self, reason: str) -> Event:
        return Event(self.last_id, "refetch", {"reason": reason})

    def release(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription; what is queued is still read."""
        self._is_closed = True
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def _after(self, last_id: str) -> list[Event]:
        epoch, _, text = last_id.rpartition("-")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
        missed = self._number - number
        if epoch != self._epoch or number < 0 or missed < 0 or missed > len(self._ring):
            return [self.make_refetch("events were missed")]
        return list(self._ring)[len(self._ring) - missed :]


class Subscription:
    """An asynchronous iterator over events; leave its context to end it."""

    def __init__(self, bus: EventBus, limit: int) -> None:
        self._bus = bus
        self._limit = limit
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._is_closed = False

    def push(self, event: Event) -> None:
        if len(self._events) >= self._limit:
            self._events.clear()
            event = self._bus.make_refetch("this reader was too slow")
        self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        self._is_closed = True
        self._bus.release(self)
        self._wake.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._is_closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
