"""Does compression pay on this link?"""

from __future__ import annotations

from runferry.remote.speed import SLOW, Speed


class Line:
    """A link of a given speed, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.received = 0
        self.speed = Speed(lambda: self.received, lambda: self.now)

    def carry(self, seconds: float, rate: float) -> None:
        with self.speed.waiting():
            self.now += seconds
            self.received += int(seconds * rate)


def test_an_unknown_link_is_not_slow() -> None:
    line = Line()
    assert not line.speed.is_slow
    line.carry(0.1, SLOW / 100)
    assert not line.speed.is_slow


def test_a_slow_link_is_found_out_and_a_fast_one_too() -> None:
    line = Line()
    line.carry(1.0, SLOW / 10)
    assert line.speed.is_slow
    for _ in range(10):
        line.carry(1.0, SLOW * 10)
    assert not line.speed.is_slow


def test_time_in_which_nobody_waits_does_not_count() -> None:
    line = Line()
    line.carry(1.0, SLOW * 2)
    line.now += 1000.0
    line.carry(1.0, SLOW * 2)
    assert not line.speed.is_slow


def test_waiting_for_several_things_counts_once() -> None:
    line = Line()
    with line.speed.waiting(), line.speed.waiting():
        line.carry(2.0, SLOW * 2)
    assert not line.speed.is_slow
