"""What one session knows of its root and its copy, and what follows from each piece of news. No network, no tasks.

``Copy`` takes in changes of the listing and outcomes of fetches, and answers by filling the backlog, the journal and
the revisits. ``session`` moves the bytes.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from runferry.agent.names import parent
from runferry.errors import RemoteFailed
from runferry.model import Change, Entry, Kind, Problem, ProblemCode, Version
from runferry.remote.base import SMALL_FILE
from runferry.remote.parts import MOST_ENTRIES
from runferry.store.sync_state import FileRecord, Held
from runferry.sync.backlog import Backlog
from runferry.sync.diff import Difference, apply, difference_of
from runferry.sync.fetch import Again, Landed, Outcome
from runferry.sync.journal import Journal
from runferry.sync.plan import DIRECTORY, GROW, LINK, NOTHING, Step, decide
from runferry.sync.revisits import Revisits
from runferry.sync.selection import Selection
from runferry.sync.telling import Telling
from runferry.sync.twins import Twins

LOOK_AGAIN_RACY = 2.2

LAG_TRIES, LAG_AFTER, LAG_LOOK_AGAIN = 4, 0.05, 60.0
"""A file that is not read as it is listed: how often it is asked for soon, after how long first, and later."""

NEWS_AFTER = 0.5
"""Seconds in which the news of what has been read already should come."""

ADOPTED_AFTER_NS = 60_000_000_000
"""How old a file must be for size and time alone to identify what landed before a crash."""

_LOOK_AGAIN = {
    ProblemCode.VANISHED: 3.0,
    ProblemCode.CHANGING: 2.0,
    ProblemCode.IO: 30.0,
    ProblemCode.LOCAL: 60.0,
}
_LOOK_AGAIN_OTHERWISE = 300.0
UNREAD = frozenset({ProblemCode.DENIED, ProblemCode.IO})
"""What of a scan leaves it unknown whether something is there."""

_BENIGN = frozenset({ProblemCode.SKIPPED, ProblemCode.EXCLUDED, ProblemCode.LINK})
_FILE, _DIR = Kind.FILE, Kind.DIR
_PATIENT_TRIES = 3
_REMEMBERED = 10_000


@dataclass(slots=True)
class Counters:
    """Totals since the session began."""

    copied_files: int = 0
    copied_bytes: int = 0
    appended_bytes: int = 0


class Copy:
    """The state machine of one local copy."""

    def __init__(
        self,
        listing: dict[str, Entry],
        *,
        selection: Selection,
        backlog: Backlog,
        journal: Journal,
        revisits: Revisits,
    ) -> None:
        self.listing = listing
        self.counters = Counters()
        self.missing_since: dict[str, float] = {}  # infinity: not yet in a look without errors
        self.unrecorded: dict[str, tuple[int, int]] = {}  # local files that landed but were not committed
        self._selection = selection
        self.backlog = backlog
        self._journal = journal
        self._revisits = revisits
        self._twins = Twins()
        self._names: defaultdict[str, set[str]] = defaultdict(set)  # directory -> paths of the files in it
        self._scan_troubles: dict[str, Problem] = {}
        self._troubles: dict[str, Problem] = {}
        self._skipped: dict[str, Problem] = {}
        self._vanished: dict[str, None] = {}  # the last that were seen to go
        self._tries: dict[str, int] = {}
        self._read_at_ns: dict[str, int] = {}
        self._disagreed: dict[str, tuple[Version, Version]] = {}
        self._unmet: dict[str, tuple[Version, int]] = {}  # listed so, and so often not read so
        self._clock_ns = 0
        self._telling = Telling()

    @property
    def problems(self) -> list[Problem]:
        """Return what needs attention first, then what was left out on purpose."""
        return [*(self._scan_troubles | self._troubles).values(), *self._skipped.values()]

    @property
    def trouble_count(self) -> int:
        return len(self._scan_troubles.keys() | self._troubles.keys())

    @property
    def is_wholly_read(self) -> bool:
        """Say whether no part of the root was unreadable when it was last looked at."""
        return not any(problem.code in UNREAD for problem in self._scan_troubles.values())

    def start_over(self) -> None:
        """Begin on a new link: everything is looked at again, nothing that landed is forgotten.

        What was listed when we last knew, in whichever session, is what the next listing is compared with.
        """
        self.backlog.clear()
        self._revisits.clear()
        self._twins.start_over()
        self._troubles.clear()
        self._tries.clear()
        self._unmet.clear()
        self._disagreed.clear()
        self._telling.clear()
        for path, record in self._journal.records.items():
            if record.held is not None:
                self._twins.settle(path, record.held)
                if record.gone_at is not None:
                    self.missing_since.setdefault(path, record.gone_at)
            if record.gone_at is None and path not in self.listing:
                self.listing[path] = record.entry
                if record.entry.kind is _FILE:
                    self._index(path)

    def absorb(self, change: Change) -> list[str]:
        """Take in a change; returns the directories that must be created locally.

        Raises RemoteFailed where more is listed, little by little, than any look at the root may hold.
        """
        self._clock_ns = change.clock_ns
        difference = difference_of(self.listing, change)
        listed = {entry.path for entry in difference.upserts}
        fresh = listed.difference(self.listing)
        self._lose(difference, is_doubtful=any(problem.code in UNREAD for problem in change.problems))
        apply(self.listing, difference)
        if len(self.listing) > MOST_ENTRIES:
            raise RemoteFailed(f"More than {MOST_ENTRIES} names are listed below the root; choose a smaller one.")
        files = {entry.path for entry in difference.upserts if entry.kind is _FILE}
        for path in files:
            self._index(path)
        for path in self._scan_troubles.keys() & listed:
            del self._scan_troubles[path]
        self._note_scan_problems(change)
        if change.is_part:
            self._telling.add((entry.path for entry in change.upserts), fresh & files, fresh - files)
            return self._consider_all(change.upserts)
        if change.complete:
            done = self._telling.end(listed.union(difference.removed), self._names)
            return self._consider_all([entry for path, entry in self.listing.items() if path not in done])
        suspects = {
            entry.path
            for entry in difference.upserts
            if self._read_at_ns.get(entry.path, 0) < change.clock_ns or not change.clock_ns
        }
        directories = self._consider_all(difference.upserts, suspects)
        return directories + self._consider_all(self._neighbours(fresh))

    def look_again(self, paths: Iterable[str]) -> list[str]:
        """Consider paths whose revisit is due."""
        entries = [self.listing[path] for path in paths if path in self.listing]
        for entry in entries:
            if entry.path in self._unmet:
                self._disagreed.pop(entry.path, None)
        return self._consider_all(entries, {entry.path for entry in entries})

    def reconsider(self, paths: Iterable[str]) -> None:
        """Consider files that are wanted from now on."""
        self._consider_all(self.listing[path] for path in paths if path in self.listing)

    def let_go(self, paths: Iterable[str]) -> None:
        """Drop what is pending for files that are no longer wanted; what is in hand sees it by itself."""
        for path in paths:
            entry = self.listing.get(path)
            if entry is not None and self.backlog.has(path) and not self._selection.wants(entry):
                self.backlog.drop(path)
                for name in self._twins.release(path):
                    self.reconsider([name])

    def is_busy(self, path: str) -> bool:
        """Say whether something is still to be done, or looked at again, about a file."""
        return self.backlog.has(path) or self._revisits.has(path)

    def was_there(self, path: str) -> bool:
        """Say whether a path is on the server, or was as far as is remembered."""
        return path in self.listing or path in self._vanished

    def is_wanted(self, path: str) -> bool:
        return path in self.listing and self._selection.wants(self.listing[path])

    def find_problem(self, path: str) -> Problem | None:
        """Return what is in the way of a file, where something is."""
        tables = (self._troubles, self._scan_troubles, self._skipped)
        return next((table[path] for table in tables if path in table), None)

    def settle(self, outcome: Outcome) -> None:
        """Take in what became of a path a worker had in hand."""
        path = outcome.path
        asked_again = self.backlog.finish(path)
        entry = self.listing.get(path)
        if isinstance(outcome, Landed):
            self._settle_landed(outcome, entry)
        elif isinstance(outcome, Again):
            self._settle_again(outcome, entry)
        else:
            self._settle_problem(outcome)
        for name in self._twins.release(path):
            if name in self.listing:
                self._consider(self.listing[name])
        if asked_again and entry is not None:
            self._consider(entry)

    def settle_directory(self, path: str, trouble: str | None) -> None:
        """Note that a directory exists locally, or why it cannot."""
        if trouble is not None:
            self._settle_problem(Problem(path, ProblemCode.LOCAL, trouble))
        elif path in self.listing:
            self._troubles.pop(path, None)
            self._tries.pop(path, None)
            self._journal.put(FileRecord(self.listing[path]))

    def settle_unlinked(self, entry: Entry) -> None:
        """The file that should have lent its bytes did not: ask it again where a worker only had it in hand, or else
        fetch the other one itself.
        """
        home = self._twins.home_of(entry)
        held = self.held(home) if home is not None else None
        if held is None or held.version != entry.version:
            self._twins.forget_home(entry.version)
        self.settle(Again(entry.path, 0.05))

    def drop_held(self, path: str) -> None:
        """The local bytes of ``path`` are not what they were: fetch it again whole."""
        record = self._journal.records.get(path)
        if record is not None:
            generation = record.held.generation + 1 if record.held else record.generation
            self._journal.put(FileRecord(record.entry, None, record.gone_at, generation))
        self.settle(Again(path, 0.05))

    def held(self, path: str) -> Held | None:
        record = self._journal.records.get(path)
        return record.held if record else None

    def is_in_step(self, path: str, held: Held) -> bool:
        """Say whether local bytes are those on the server, or will be, as far as is known."""
        entry = self.listing.get(path)
        return entry is None or held.version == entry.version or self._selection.wants(entry)

    def home(self, entry: Entry) -> tuple[str, Held] | None:
        """Return the path and record of a file that holds exactly the version of ``entry``.

        While a worker has it in hand other bytes may lie there already than the record says.
        """
        path = self._twins.home_of(entry)
        held = self.held(path) if path is not None else None
        if path is None or held is None or held.version != entry.version or self.backlog.in_hand(path) is not None:
            return None
        return path, held

    def _consider_all(self, entries: Iterable[Entry], suspects: Iterable[str] = ()) -> list[str]:
        doubtful = frozenset(suspects)
        directories = []
        for entry in entries:
            if self._consider(entry, is_suspect=entry.path in doubtful) is DIRECTORY:
                directories.append(entry.path)
        return directories

    def _consider(self, entry: Entry, *, is_suspect: bool = False) -> Step:
        """Decide over one listed path and put it where it belongs."""
        path = entry.path
        if not path:
            return NOTHING
        record = self._journal.records.get(path)
        held = record.held if record else None
        if self._is_left_out(entry):
            self._list_only(entry, record)
            return NOTHING
        if held is None and self.unrecorded and self._is_landed(entry):
            adopted = Held(entry.version, b"", record.generation if record else 0, False, time.time())
            self._journal.put(FileRecord(entry, adopted), is_changed=True)
            return NOTHING
        doubted = is_suspect or (held is not None and held.is_racy)
        step = decide(entry, held, is_suspect=doubted)
        disagreed = self._disagreed.get(path)
        if step is NOTHING or (disagreed is not None and disagreed == (entry.version, held and held.version)):
            self._note_agreement(entry, held)
            self._list_only(entry, record)
            return NOTHING
        if step is DIRECTORY:
            is_known = record is not None and record.gone_at is None and record.entry.kind is _DIR
            return NOTHING if is_known else step
        if held is None:
            if self._twins.home_of(entry) is not None:
                step = LINK
            elif entry.links > 1 and self._twins.must_wait(entry):
                return NOTHING
        self.backlog.add(path, step, size_of_work(step, entry, held), is_urgent=self._selection.is_urgent(path))
        return step

    def _is_landed(self, entry: Entry) -> bool:
        """Say whether this version landed just before a crash, which came before its commit.

        A landed file gets its remote time, to the nanosecond, when it is complete; so an equal size and time tell.
        A young file is fetched again all the same: its time may not tell its last change.
        """
        if entry.kind is not _FILE or not entry.version.inode:
            return False
        found = self.unrecorded.pop(entry.path, None)
        is_young = self._clock_ns - entry.version.mtime_ns < ADOPTED_AFTER_NS
        return found == (entry.size, entry.version.mtime_ns) and not is_young

    def _is_left_out(self, entry: Entry) -> bool:
        refusal = self._selection.refuse(entry, self.listing.__contains__)
        if refusal is not None:
            (self._skipped if refusal.code in _BENIGN else self._troubles)[entry.path] = refusal
            return True
        kept = self._skipped.get(entry.path)
        if kept is not None and kept.code is not ProblemCode.LINK:
            del self._skipped[entry.path]
        is_plain = entry.kind is _FILE or entry.kind is _DIR
        return not is_plain or not self._selection.wants(entry)

    def _list_only(self, entry: Entry, record: FileRecord | None) -> None:
        if record is None or record.entry != entry or record.gone_at is not None:
            self._journal.put(record._replace(entry=entry, gone_at=None) if record else FileRecord(entry))

    def _settle_landed(self, landed: Landed, entry: Entry | None) -> None:
        path, held, is_changed, copied, appended, clock_ns = landed
        held = self._number(path, held)
        self._troubles.pop(path, None)
        self._tries.pop(path, None)
        self._read_at_ns[path] = clock_ns
        counters = self.counters
        counters.copied_files += is_changed and not appended
        counters.copied_bytes += copied
        counters.appended_bytes += appended
        if entry is None:
            self._settle_orphan(landed)
            return
        self._journal.put(FileRecord(entry, held), is_changed=is_changed)
        self._twins.settle(path, held)
        if held.is_racy:
            self._revisits.plan(path, LOOK_AGAIN_RACY)
        if held.version == entry.version:
            self._disagreed.pop(path, None)
            self._unmet.pop(path, None)
        elif held.version.size < entry.size:
            self._settle_lag(entry, held, is_changed=is_changed)
        else:
            self._settle_disagreement(entry, held)

    def _number(self, path: str, held: Held) -> Held:
        """Return what is held now, counted on from what was held before it was let go."""
        before = self._journal.records.get(path)
        if before is None or before.held is not None:
            return held
        return held._replace(generation=max(held.generation, before.generation))

    def _settle_disagreement(self, entry: Entry, held: Held) -> None:
        """The read was newer than the listing, usually, and the news is on its way; or the news has overtaken the read.

        It is read again, unless the news comes first. A server that never agrees with itself is not asked without end.
        """
        path = entry.path
        listed, tries = self._unmet.get(path, (entry.version, 0))
        tries = tries + 1 if listed == entry.version else 1
        self._unmet[path] = entry.version, tries
        self._disagreed[path] = entry.version, held.version
        if tries > LAG_TRIES:
            self._revisits.plan(path, LAG_LOOK_AGAIN)
        elif held.version.ctime_ns < entry.version.ctime_ns:
            self._revisits.plan(path, LAG_AFTER, is_awaited=True)
        else:
            self._revisits.plan(path, NEWS_AFTER)

    def _settle_lag(self, entry: Entry, held: Held, *, is_changed: bool) -> None:
        """The read was older than the listing, usually: fetch what is missing. A server that never gives it is not
        asked without end: a few times soon, then told of and asked once a minute.
        """
        path = entry.path
        listed, tries = self._unmet.get(path, (entry.version, 0))
        tries = 0 if is_changed or listed != entry.version else tries + 1
        self._unmet[path] = entry.version, tries
        if is_changed:
            self._consider(entry)
        elif tries <= LAG_TRIES:
            self._revisits.plan(path, LAG_AFTER * 2**tries, is_awaited=True)
        else:
            message = f"the server lists {entry.size} bytes of it and gives {held.version.size}"
            self._troubles[path] = Problem(path, ProblemCode.CHANGING, message)
            self._disagreed[path] = (entry.version, held.version)
            self._revisits.plan(path, LAG_LOOK_AGAIN)

    def _note_agreement(self, entry: Entry, held: Held | None) -> None:
        """Take back what was told of a file that is listed now as it was read."""
        path = entry.path
        if path in self._unmet and held is not None and held.version == entry.version:
            del self._unmet[path]
            self._disagreed.pop(path, None)
            self._troubles.pop(path, None)
            self._revisits.forget(path)
            if held.is_racy:
                self._revisits.plan(path, LOOK_AGAIN_RACY)

    def _settle_orphan(self, landed: Landed) -> None:
        """It landed while its removal was being told: keep what we have, marked."""
        record = self._journal.records.get(landed.path)
        entry = record.entry if record else Entry(landed.path, Kind.FILE, landed.held.version)
        self._journal.put(FileRecord(entry, landed.held), is_changed=landed.is_changed)
        self._journal.lose(landed.path, time.time())

    def _settle_again(self, again: Again, entry: Entry | None) -> None:
        if entry is None:
            return
        if again.is_rewritten:
            step = Step.SMALL if entry.size <= SMALL_FILE else Step.BIG
            self.backlog.add(again.path, step, entry.size)
            return
        if not self._selection.wants(entry):
            return
        tries = self._tries[again.path] = self._tries.get(again.path, 0) + 1
        is_hopeless = tries >= _PATIENT_TRIES and entry.size > SMALL_FILE
        if is_hopeless:
            message = "still being written on the server; it is fetched when it has been left alone for 2 s"
            self._troubles[again.path] = Problem(again.path, ProblemCode.CHANGING, message)
        self._revisits.plan(again.path, again.after, is_awaited=not is_hopeless)

    def _settle_problem(self, problem: Problem) -> None:
        if problem.code is not ProblemCode.VANISHED:
            self._troubles[problem.path] = problem
        after = _LOOK_AGAIN.get(problem.code, _LOOK_AGAIN_OTHERWISE)
        if problem.code is ProblemCode.LOCAL:  # a disk may be well again soon
            tries = self._tries[problem.path] = self._tries.get(problem.path, 0) + 1
            after = min(after, 2.0 ** min(tries - 1, 6))
        self._revisits.plan(problem.path, after)

    def _lose(self, difference: Difference, *, is_doubtful: bool) -> None:
        now = time.time()
        for path in difference.removed:
            self.backlog.drop(path)
            self._revisits.forget(path)
            self._unindex(path)
            self._vanished[path] = None
            self._unmet.pop(path, None)
            for table in (self._troubles, self._skipped, self._scan_troubles):
                table.pop(path, None)
            self._journal.lose(path, now)
            if self.held(path) is not None:
                self.missing_since.setdefault(path, float("inf") if is_doubtful else now)
        for path in list(self._vanished)[: max(0, len(self._vanished) - _REMEMBERED)]:
            del self._vanished[path]
        for entry in difference.upserts if self.missing_since or self._vanished else ():
            self.missing_since.pop(entry.path, None)
            self._vanished.pop(entry.path, None)
        for path in difference.removed:
            for name in self._twins.release(path):
                if name in self.listing:
                    self._revisits.plan(name, 0.05, is_awaited=True)

    def _note_scan_problems(self, change: Change) -> None:
        if change.complete:
            self._scan_troubles.clear()
        for problem in change.problems:
            table = self._skipped if problem.code in _BENIGN else self._scan_troubles
            table[problem.path] = problem

    def _index(self, path: str) -> None:
        self._names[parent(path)].add(path)

    def _unindex(self, path: str) -> None:
        names = self._names.get(parent(path))
        if names is not None:
            names.discard(path)

    def _neighbours(self, fresh: set[str]) -> list[Entry]:
        """Return the files beside newly listed ones: a new name can make its whole directory a run."""
        directories = {parent(path) for path in fresh}
        found: set[str] = set()
        for directory in directories:
            found |= self._names.get(directory, set())
        return [self.listing[path] for path in found - fresh if path in self.listing]


def size_of_work(step: Step, entry: Entry, held: Held | None) -> int:
    """Return how many bytes a step is expected to move."""
    if step is LINK:
        return 0
    if step is GROW and held is not None:
        return max(0, entry.size - held.version.size)
    return entry.size
