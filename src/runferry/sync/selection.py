"""Which listed files a sync copies, and why it leaves the others. Pure but for the functions handed in."""

from __future__ import annotations

from collections.abc import Callable

from pathspec import GitIgnoreSpec

from runferry.model import Entry, Kind, Problem, ProblemCode
from runferry.sync.spec import SkipReason, SyncSpec, Wants

_FILE, _DIR = Kind.FILE, Kind.DIR


class Selection:
    """The user's patterns and limits, what the formats know to be worthless, and what the mode wants."""

    def __init__(
        self,
        spec: SyncSpec,
        wants: Wants,
        skip_reason: SkipReason,
        is_urgent: Callable[[str], bool] = lambda path: False,
    ) -> None:
        """``is_urgent`` says of a path whether somebody waits for it."""
        self._wants = wants
        self.is_urgent = is_urgent
        self._skip_reason = skip_reason
        self._limit = spec.max_file_size
        self._include = GitIgnoreSpec.from_lines(spec.include) if spec.include else None
        self._exclude = GitIgnoreSpec.from_lines(spec.exclude) if spec.exclude else None

    def refuse(self, entry: Entry, has: Callable[[str], bool]) -> Problem | None:
        """Return why a file or directory is never copied here, or None. ``has`` tells what else is listed."""
        path = entry.path
        if self._exclude is not None:
            name = path + "/" if entry.kind is _DIR else path
            if self._exclude.match_file(name):
                return Problem(path, ProblemCode.EXCLUDED, "excluded by your patterns")
        if entry.kind is not _FILE:
            return None
        if self._include is not None and not self._include.match_file(path):
            return Problem(path, ProblemCode.EXCLUDED, "not among your include patterns")
        reason = self._skip_reason(path, has)
        if reason is not None:
            return Problem(path, ProblemCode.SKIPPED, reason)
        if self._limit is not None and entry.size > self._limit:
            return Problem(path, ProblemCode.TOO_LARGE, f"{entry.size:,} bytes is over the limit of {self._limit:,}")
        return None

    def wants(self, entry: Entry) -> bool:
        """Say whether a file that is not refused is copied without being asked for."""
        return entry.kind is _DIR or self._wants(entry.path, entry.version.size)
