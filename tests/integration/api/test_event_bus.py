"""The event bus: what is published arrives once, in order, and nothing is buffered without bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.service import Event, EventBus, Subscription


def take(subscription: Subscription) -> list[Event]:
    """Return what is queued, by closing the subscription and stepping its iterator to the end."""
    subscription.close()
    taken: list[Event] = []
    while True:
        step = subscription.__anext__()
        try:
            step.send(None)
        except StopIteration as done:
            taken.append(done.value)
        except StopAsyncIteration:
            return taken


def test_a_subscription_gets_what_is_published_after_it_in_order() -> None:
    bus = EventBus(epoch="a")
    bus.publish("run", {"n": 0})
    subscription = bus.subscribe()
    bus.publish("run", {"n": 1})
    bus.publish("sync", {"n": 2})
    assert [(event.id, event.kind, event.data) for event in take(subscription)] == [
        ("a-2", "run", {"n": 1}),
        ("a-3", "sync", {"n": 2}),
    ]


@given(total=st.integers(0, 40), ring=st.integers(1, 20), seen=st.integers(0, 45))
def test_resuming_gives_exactly_what_was_missed_or_says_to_refetch(total: int, ring: int, seen: int) -> None:
    bus = EventBus(epoch="a", ring=ring, queue=100)
    for number in range(total):
        bus.publish("run", {"n": number + 1})
    events = take(bus.subscribe(f"a-{seen}"))
    if seen <= total and total - seen <= ring:
        assert [event.data["n"] for event in events] == list(range(seen + 1, total + 1))
    else:
        assert [event.kind for event in events] == ["refetch"]
        assert events[0].id == bus.last_id


@pytest.mark.parametrize("last_id", ["b-1", "1", "", "a-", "a-x", "a--1", "a-1.5", "a-²", "a-" + "9" * 400])
def test_an_id_of_another_life_or_of_no_sense_says_to_refetch(last_id: str) -> None:
    bus = EventBus(epoch="a")
    bus.publish("run", {})
    assert [event.kind for event in take(bus.subscribe(last_id))] == ["refetch"]


def test_a_slow_reader_loses_its_queue_and_is_told_to_refetch() -> None:
    bus = EventBus(epoch="a", queue=3)
    slow = bus.subscribe()
    for number in range(5):
        bus.publish("run", {"n": number})
    events = take(slow)
    assert [event.kind for event in events] == ["refetch", "run"]
    assert events[0].id == "a-4", "resuming after it must go on with the event after"


def test_closing_the_bus_ends_all_subscriptions_and_later_ones_at_once() -> None:
    bus = EventBus(epoch="a")
    before = bus.subscribe()
    bus.publish("run", {})
    bus.close()
    assert len(take(before)) == 1
    assert take(bus.subscribe()) == []
