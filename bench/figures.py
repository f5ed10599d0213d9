"""What a benchmark has to say: values only, no measuring, no printing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Series:
    """One contestant's measurements, one value per round, in the unit of its case."""

    who: str
    rtt: int
    values: tuple[float, ...]
    is_extra: bool = False

    @property
    def median(self) -> float:
        return median(self.values)

    def cells(self, form: str = ".3f") -> tuple[str, ...]:
        """Return RTT, name, median, least, most and the number of rounds as a table shows them."""
        numbers = (self.median, min(self.values), max(self.values))
        return (f"{self.rtt} ms", self.who, *(format(number, form) for number in numbers), str(len(self.values)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what became of it. ``is_least``: ``limit`` is the least good value, otherwise the most."""

    what: str
    value: float
    limit: float
    unit: str = ""
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.is_least else "<="
        outcome = "met" if self.is_met else "NOT MET"
        return f"{self.what}: {self.value:.2f}{self.unit} (target {sign} {self.limit:g}{self.unit}): {outcome}"


@dataclass(frozen=True, slots=True)
class Result:
    """One case's table, verdicts and remarks."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    verdicts: Sequence[Verdict] = ()
    remarks: Sequence[str] = ()


RACE_HEADERS = ("RTT", "", "median", "least", "most", "rounds")


def find(series: Sequence[Series], who: str, rtt: int) -> Series:
    """Return the series of a contestant; there is exactly one."""
    (found,) = (one for one in series if one.who == who and one.rtt == rtt)
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
