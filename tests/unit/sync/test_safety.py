"""Deletions: what must never happen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.sync.safety import FEW, MOST_AT_ONCE, SECOND_LOOK_AFTER, Look, judge_deletions

FINE = Look(is_error_free=True, is_same_root=True, present=100)


def test_a_file_goes_only_after_a_second_look_half_a_minute_later() -> None:
    missing = {"a": 100.0}
    assert judge_deletions(missing, FINE, held=100, now=100 + SECOND_LOOK_AFTER - 1).removable == ()
    assert judge_deletions(missing, FINE, held=100, now=100 + SECOND_LOOK_AFTER).removable == ("a",)


def test_how_long_is_the_callers_choice_and_what_was_only_missed_with_errors_has_not_begun_to_wait() -> None:
    missing = {"a": 100.0, "b": float("inf")}
    assert judge_deletions(missing, FINE, held=100, now=101, after=2).removable == ()
    assert judge_deletions(missing, FINE, held=100, now=102, after=2).removable == ("a",)


def test_nothing_goes_when_the_look_had_errors_and_that_is_said() -> None:
    look = Look(is_error_free=False, is_same_root=True, present=100)
    verdict = judge_deletions({"a": 0.0}, look, held=100, now=1e6)
    assert verdict.removable == ()
    assert "1 file is gone" in (verdict.halt or "")


def test_another_root_or_an_empty_one_halts_and_says_so() -> None:
    for look in (Look(True, False, 100), Look(True, True, 0)):
        verdict = judge_deletions({"a": 0.0}, look, held=100, now=1e6)
        assert verdict.removable == ()
        assert verdict.halt


@given(st.integers(0, 50), st.integers(1, 200))
def test_more_than_a_fifth_never_goes_at_once(missing: int, held: int) -> None:
    verdict = judge_deletions({str(n): 0.0 for n in range(missing)}, FINE, held=held, now=1e6)
    assert len(verdict.removable) <= max(FEW, held * MOST_AT_ONCE)
    assert bool(verdict.halt) == (missing > max(FEW, held * MOST_AT_ONCE))
