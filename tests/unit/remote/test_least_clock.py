from __future__ import annotations

from runferry.remote.least_clock import MOST_AHEAD_NS, LeastClock

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


class Times:
    """Our clock, and a steady one that began somewhere else; the server's is ours plus ``skew``."""

    def __init__(self, skew: int = 0) -> None:
        self.passed = 0
        self.skew = skew
        self.clock = LeastClock(lambda: NOW + self.passed, lambda: 77 + self.passed)

    def now(self) -> int:
        return self.clock.at(self.clock.mark())

    def touch(self) -> int:
        """Return the time of a file that is written now, as SFTP tells it."""
        return (NOW + self.skew + self.passed) // SECOND * SECOND


def test_a_file_that_was_written_before_it_was_seen_dates_all_that_follows() -> None:
    times = Times(skew=-400 * 86_400 * SECOND)
    seen = times.touch()
    times.clock.note(seen)
    assert times.now() == seen
    times.passed += 3 * SECOND
    assert times.now() == seen + 3 * SECOND


def test_an_older_file_takes_nothing_back() -> None:
    times = Times()
    times.clock.note(times.touch())
    before = times.now()
    times.clock.note(times.touch() - 5 * SECOND)
    assert times.now() == before


def test_what_is_learned_later_dates_an_earlier_moment_too() -> None:
    times = Times()
    began = times.clock.mark()
    times.passed += SECOND // 2
    times.clock.note(times.touch() + SECOND)
    assert times.clock.at(began) == times.touch() + SECOND // 2


def test_a_time_that_no_clock_has_reached_yet_dates_nothing() -> None:
    times = Times()
    times.clock.note(NOW + MOST_AHEAD_NS + SECOND)
    assert times.now() == 0


def test_before_any_file_was_seen_nothing_is_known() -> None:
    assert Times().now() == 0


def test_where_all_is_old_the_youngest_file_counts_as_just_written() -> None:
    times = Times()
    times.clock.note(NOW - 86_400 * SECOND)
    assert times.now() == NOW - 86_400 * SECOND
