"""How often is something looked at?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.agent import tiers

ages = st.floats(0, 1e9)


@given(ages, ages)
def test_what_changed_longer_ago_is_looked_at_no_more_often(one: float, other: float) -> None:
    younger, older = sorted((one, other))
    assert tiers.full_period(younger) <= tiers.full_period(older)
    assert tiers.quick_period(younger, 1.0, False) <= tiers.quick_period(older, 1.0, False)
    assert tiers.safety_period(younger) <= tiers.safety_period(older)


@given(st.floats(0.1, 3600))
def test_a_hot_directory_is_looked_at_within_the_interval_and_a_second(interval: float) -> None:
    assert tiers.quick_period(10.0, interval, True) == min(1.0, interval)


def test_the_tiers_are_the_ones_documented() -> None:
    assert [tiers.full_period(age) for age in (10, 600, 7200, 90_000)] == [5.0, 5.0, 60.0, 600.0]


@given(st.floats(0, 10), st.floats(0, 1), st.floats(0, 10))
def test_a_pause_is_never_long(cost: float, last: float, quiet: float) -> None:
    assert 0 < tiers.pause(cost, last, quiet) <= 1.0


def test_the_first_event_after_quiet_leaves_at_once_and_a_burst_is_gathered() -> None:
    pause = tiers.pause(0.0, 0.05, quiet=5.0)
    assert pause <= 0.005
    for _ in range(20):
        pause = tiers.pause(0.0, pause, quiet=0.0)
    assert pause == 0.05
