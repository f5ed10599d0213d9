"""Which files of a sync are here and could not be understood, or not all of them: told as problems, as others are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from runferry.ingest.series import Flaw
from runferry.model import Problem, ProblemCode

MOST = 1000
"""Files that are told of; of a root that is full of damage these say enough."""


class Damage:
    """What has been found in one sync's files with points. Use it from the event loop's thread."""

    def __init__(self) -> None:
        self._problems: dict[str, Problem] = {}
        self.on_change: Callable[[], None] | None = None

    @property
    def problems(self) -> list[Problem]:
        return list(self._problems.values())

    def find(self, path: str) -> Problem | None:
        return self._problems.get(path)

    def note(self, looked: Iterable[str], flaws: Mapping[str, Flaw]) -> None:
        """Take in what was found in files that were looked at: what is not flawed any more is none."""
        before = dict(self._problems)
        for path in looked:
            self._problems.pop(path, None)
        self._add(flaws)
        self._tell(before)

    def replace(self, flaws: Mapping[str, Flaw]) -> None:
        """Begin anew with what is known of all files."""
        before, self._problems = self._problems, {}
        self._add(flaws)
        self._tell(before)

    def _add(self, flaws: Mapping[str, Flaw]) -> None:
        for path, flaw in flaws.items():
            if len(self._problems) < MOST:
                self._problems[path] = describe(path, flaw)

    def _tell(self, before: Mapping[str, Problem]) -> None:
        if self._problems != before and self.on_change is not None:
            self.on_change()


def describe(path: str, flaw: Flaw) -> Problem:
    """Return what people are told of a file that could not be understood, or not all of it."""
    if flaw.count > 1:
        return Problem(path, ProblemCode.DAMAGED, f"{flaw.count:,} records could not be understood. {flaw.first or ''}")
    return Problem(path, ProblemCode.DAMAGED, flaw.first or "A record could not be understood.")
