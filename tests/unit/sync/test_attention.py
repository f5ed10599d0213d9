"""Who wants what: holders, leases, admission, and what those who wait are told."""

from __future__ import annotations

import asyncio

from runferry.errors import ConnectionLost, DiskFull
from runferry.model import Problem, ProblemCode, Version
from runferry.sync.attention import Arrival, Attention, Attentions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_is_attended_as_long_as_anyone_holds_it() -> None:
    attention = Attention(Clock())
    attention.hold(["a", "b"])
    attention.hold(["a"])
    attention.release(["a", "b"])
    assert attention.paths == ["a"]
    attention.release(["a"])
    assert attention.paths == []


def test_a_lease_ends_by_itself_and_is_only_ever_made_longer() -> None:
    clock = Clock()
    attention = Attention(clock)
    attention.lease(["a"], 10.0)
    attention.lease(["a"], 5.0)
    clock.now = 9.9
    assert attention.is_attended("a")
    clock.now = 10.0
    assert not attention.is_attended("a")
    assert attention.paths == []


def test_only_what_was_admitted_and_is_not_blocked_is_wanted() -> None:
    attention = Attention(Clock())
    attention.hold(["a"])
    assert not attention.is_wanted("a")
    attention.settle("a", None)
    assert attention.is_wanted("a")
    attention.block(["a"])
    assert not attention.is_wanted("a")
    attention.unblock(["a"])
    assert not attention.is_wanted("a"), "it is admitted anew, as there is room for it or not by now"
    attention.settle("a", None)
    attention.settle("a", DiskFull("no room"))
    assert not attention.is_wanted("a")
    assert str(attention.refusals["a"]) == "no room"


def test_what_nobody_wants_any_more_is_told_once() -> None:
    attention = Attention(Clock())
    attention.hold(["a", "b"])
    attention.settle("a", None)
    attention.settle("b", None)
    attention.release(["a"])
    assert attention.paths == ["b"]
    assert attention.take_dropped() == {"a"}
    assert attention.take_dropped() == set()
    assert not attention.is_wanted("a")


def test_a_new_wish_is_not_answered_with_an_old_refusal() -> None:
    attention = Attention(Clock())
    attention.hold(["a"])
    attention.looked_at["a"] = 1.0
    attention.troubles["a"] = Problem("a", ProblemCode.DENIED, "no")
    attention.settle("a", DiskFull("no room"))
    attention.hold(["a"])
    assert not attention.refusals
    assert not attention.troubles
    assert not attention.looked_at, "it is looked at once more"


def test_an_arrival_ends_whole_or_not_and_a_lost_link_ends_all() -> None:
    attention = Attention(Clock())
    one, two, three = (Arrival(name, Version(10, 1), 0) for name in "123")
    attention.begin("a", one)
    attention.grow("a", 5)
    assert (one.length, one.is_ended) == (5, False)
    attention.land("a")
    assert (one.is_ended, one.is_landed) == (True, True)
    attention.begin("b", two)
    attention.begin("b", three)
    assert (two.is_ended, two.is_landed, attention.arrivals["b"]) == (True, False, three)
    attention.fail(ConnectionLost("lost"))
    assert (three.is_ended, three.is_landed, attention.arrivals) == (True, False, {})
    assert attention.failures == 1


async def test_everyone_who_waits_hears_the_news() -> None:
    attention = Attention()
    waiting = [asyncio.create_task(attention.wait_for_news(5.0)) for _ in range(3)]
    await asyncio.sleep(0)
    attention.announce()
    await asyncio.wait_for(asyncio.gather(*waiting), 1.0)
    attention.poke()
    await asyncio.wait_for(attention.wait_for_work(None), 1.0)


def test_each_sync_has_its_own_attention_and_keeps_it() -> None:
    attentions = Attentions()
    assert attentions.of(1) is attentions.of(1)
    assert attentions.of(1) is not attentions.of(2)
