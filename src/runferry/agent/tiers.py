"""How often something is looked at where no notification works. Pure: ages and seconds in, seconds out."""

HOT = 60.0
"""Seconds after its last change during which a directory counts as hot."""

RACY = 2.0
"""Seconds within which two changes of a file can bear one timestamp."""

_HOUR, _DAY = 3600.0, 86400.0


def full_period(age: float) -> float:
    """Return how many seconds lie between two full listings of a directory that last changed ``age`` seconds
    ago.
    """
    if age < _HOUR:
        return 5.0
    return 60.0 if age < _DAY else 600.0


def quick_period(age: float, interval: float, network: bool) -> float:
    """Return the seconds between two quick looks: at the directory's own times and at its hot files."""
    if age < HOT:
        return min(1.0, interval)
    return min(full_period(age), 15.0 if network else 5.0)


def safety_period(age: float) -> float:
    """Return the seconds between two listings of a directory that notifications cover (memory-mapped writes
    give none).
    """
    return 60.0 if age < _HOUR else 600.0


def rest(cost: float) -> float:
    """Return how long to leave cold directories alone after ``cost`` seconds were spent on them: one percent
    of a core.
    """
    return cost * 100.0


def pause(cost: float, last: float, quiet: float) -> float:
    """Return how long to gather events before the next report.

    ``cost`` is what the last report took, ``last`` the pause before it, ``quiet`` the seconds without an
    event: the first event of a burst leaves at once, a burst that goes on is told up to twenty times a
    second.
    """
    grown = 0.005 if quiet > 0.1 else min(0.05, max(0.005, last * 1.5))
    return min(1.0, max(grown, cost * 5.0))
