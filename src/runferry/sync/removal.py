"""Taking out of the local copy what the server no longer has, as far as ``safety`` allows, into the trash.

It looks at no server (each whole look at the root is told to it) and removes nothing for good.
"""

from __future__ import annotations

import time

from runferry.blocking import in_thread
from runferry.model import Kind
from runferry.store.files import LocalTree
from runferry.sync.backlog import Backlog
from runferry.sync.copy import Copy
from runferry.sync.journal import Journal
from runferry.sync.safety import Look, judge_deletions


class Removal:
    """What ``delete`` does. ``after`` is how many seconds lie between the two looks that must miss a file."""

    def __init__(self, copy: Copy, journal: Journal, backlog: Backlog, tree: LocalTree, *, after: float) -> None:
        self._copy = copy
        self._journal = journal
        self._backlog = backlog
        self._tree = tree
        self._after = after
        self._halt: str | None = None
        self._judged = 0
        self._must_look_again = False

    @property
    def halt(self) -> str | None:
        """The sentence that says why nothing is removed, while something is missing and may not go."""
        return self._halt if self._copy.missing_since else None

    def needs_look(self, since_last: float) -> bool:
        """Say whether the root must be looked at because of what is missing; ``since_last`` look, in seconds."""
        missing = len(self._copy.missing_since)
        is_open = self.halt is None or self._must_look_again or missing != self._judged
        return bool(missing) and is_open and since_last >= self._after

    async def judge(self, look: Look) -> None:
        """Take in a whole look at the root: remove what has been missing long enough, or halt."""
        await self._forget_absent()
        missing, now = self._copy.missing_since, time.time()
        for path, since in missing.items():
            # The first of the two looks must be free of errors as well: only from there on time counts.
            missing[path] = float("inf") if not look.is_error_free else min(since, now)
        held = sum(record.held is not None for record in self._journal.records.values())
        verdict = judge_deletions(missing, look, held=held, now=now, after=self._after)
        self._halt, self._judged = verdict.halt, len(missing)
        self._must_look_again = not look.is_error_free
        claimed = [path for path in verdict.removable if self._backlog.claim(path)]
        if claimed:
            await self._remove(claimed)

    async def _remove(self, paths: list[str]) -> None:
        """Move claimed files to the trash; should one come back on the server meanwhile, it is fetched again."""
        problems = {problem.path: problem for problem in await in_thread(self._tree.discard_many, paths)}
        for path in paths:
            if path not in problems:
                self._forget(path)
            self._backlog.finish(path)
        self._copy.look_again(paths)
        if problems:
            self._halt = "; ".join(f"{one.path} {one.message}" for one in [*problems.values()][:3])
        await in_thread(self._tree.remove_empty, self._emptied(paths))

    async def _forget_absent(self) -> None:
        """What the user removed here, or went to the trash before a crash, is not missing any more."""
        missing = list(self._copy.missing_since)
        for path in await in_thread(self._tree.find_absent, missing) if missing else ():
            if path in self._copy.missing_since and self._backlog.claim(path):
                self._forget(path)
                self._backlog.finish(path)
                self._copy.look_again([path])

    def _forget(self, path: str) -> None:
        self._copy.missing_since.pop(path, None)
        self._journal.forget(path)

    def _emptied(self, paths: list[str]) -> list[str]:
        """Return the directories above ``paths`` that the server does not have either, the deepest first."""
        found: set[str] = set()
        for path in paths:
            parent = path.rpartition("/")[0]
            while parent and parent not in found and not self._is_directory(parent):
                found.add(parent)
                parent = parent.rpartition("/")[0]
        return sorted(found, key=len, reverse=True)

    def _is_directory(self, path: str) -> bool:
        entry = self._copy.listing.get(path)
        return entry is not None and entry.kind is Kind.DIR
