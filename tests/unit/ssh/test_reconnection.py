"""The pauses between tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.ssh.pool import Backoff


def test_pauses_double_from_one_second_to_a_minute() -> None:
    backoff = Backoff(chance=lambda: 0.5)
    assert [backoff.pause(tries) for tries in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


@given(tries=st.integers(0, 10**6), chance=st.floats(0, 1, exclude_max=True))
def test_a_pause_is_within_its_bounds_however_long_it_lasts(tries: int, chance: float) -> None:
    assert 0.75 <= Backoff(chance=lambda: chance).pause(tries) <= 60
