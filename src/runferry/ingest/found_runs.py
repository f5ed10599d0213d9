"""Other tools' runs of one sync: recognised from its whole listing, and kept in the index with their files.

It reads the listing and the local copy, never a server. Runs of Runicorn's layouts are ``ingest.documents``'s.
Everything here blocks; calls are to be made one after the other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from runferry.errors import InvalidRequest
from runferry.formats.own_rules import RULES_FILE
from runferry.formats.recognition import FORMATS
from runferry.formats.run_format import HEAD, TAIL, Excerpt, RunFormat
from runferry.ingest.damage import find_damage
from runferry.ingest.documents import SyncSource, read_local
from runferry.ingest.file_roles import FileRoles, find_roles, name_documents, name_reading
from runferry.ingest.rules import Rules
from runferry.ingest.run_plans import PlannedFile, RunPlan, plan_runs, read_card
from runferry.model import Entry, Problem, ProblemCode, Run, Version
from runferry.store.contained import open_file
from runferry.store.db import Database, split
from runferry.store.run_files import WHOLE, Role, RunFile, RunFiles
from runferry.store.runs import RunStore

_BATCH = 200
"""Runs per transaction: few enough for other writers not to wait long."""


_ALL = frozenset(one.FORMAT for one in FORMATS)


@dataclass(frozen=True, slots=True)
class Survey:
    """What recognising has brought: keys of runs that changed or left; the directories of those that are new, or have
    other files than before, and their files with points."""

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class FoundRuns:
    """The runs that are not Runicorn's, of one sync."""

    def __init__(
        self,
        db: Database,
        source: SyncSource,
        *,
        formats: Sequence[RunFormat] = FORMATS,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._source = source
        self._formats = formats
        self._unwanted = {one.FORMAT for one in FORMATS} - {one.FORMAT for one in formats}
        self._clock = clock
        self._runs = RunStore(db)
        self._files = RunFiles(db)
        self._plans: dict[str, RunPlan] = {}
        self._versions: dict[str, str | None] = {}  # of excerpts: what cards in the index were read from (name_reading)
        self._whole: set[str] = set()  # runs whose cards were read with nothing missing: they keep what they said
        self._roles = FileRoles()
        self._unusable: Mapping[str, Problem] = {}
        self._rules = rules or Rules()

    @property
    def problems(self) -> list[Problem]:
        """Return which documents are here and say nothing, being damaged or half-written."""
        return [*self._rules.problems, *self._unusable.values()]

    def find_problem(self, path: str) -> Problem | None:
        return self._unusable.get(path)

    @property
    def plans(self) -> Mapping[str, RunPlan]:
        """Return the runs that were recognised last, by their directories."""
        return self._plans

    def is_document(self, path: str) -> bool:
        """Say whether a recognised run's card, or recognition itself, needs the whole file."""
        return path in self._roles.documents or path == RULES_FILE

    def sources_among(self, paths: Iterable[str]) -> list[str]:
        """Return which of the paths hold points of a recognised run."""
        return [path for path in paths if path in self._roles.points]

    def runs_with(self, paths: Iterable[str]) -> set[str]:
        """Return the directories of the runs whose cards are read from one of these files."""
        return {run for path in paths for run in self._roles.cards.get(path, ())}

    def survey(self, entries: Mapping[str, Entry]) -> Survey:
        """Recognise the runs of a listing, and bring the index in step. Raises DiskFull and RunferryError.

        Cards are read by ``read_cards``: a run that is new has what its place tells until then.
        """
        self._rules.read(self._source.local_root if RULES_FILE in entries else None)
        plans = plan_runs(entries, self._rules.apply(self._formats))
        known = self._runs.known(self._source.sync_id, self._names())
        fresh = [plan for path, plan in plans.items() if self._plans.get(path) != plan or path not in known]
        removed = self._forget_unwanted()
        if lost := known - plans.keys():
            with self._db.writing() as connection:
                removed += self._runs.mark_gone(connection, self._source.scope, lost, at=self._clock())
        changed = [key for batch in split(fresh, _BATCH) for key in self._take(batch)]
        self._plans = plans
        self._roles = find_roles(plans.values())
        self._unusable = {path: one for path, one in self._unusable.items() if path in self._roles.documents}
        sources = sorted({one.path for plan in fresh for one in plan.files if one.role is Role.POINTS})
        left = tuple(key for key in removed if key not in set(changed))
        return Survey(tuple(changed), left, tuple(plan.path for plan in fresh), tuple(sources))

    @property
    def beside_ends(self) -> Collection[str]:
        """Return the files whose versions ``outdated`` is to be told of: all that tells of runs with excerpts."""
        return self._roles.beside

    def outdated(self, entries: Mapping[str, Entry], held: Mapping[str, Version]) -> dict[str, dict[str, Version]]:
        """Return the runs whose cards were read from something else than is there now, each with all its excerpts.

        That is, from other versions of its excerpts, or together with other documents of the local copy (``held``).
        """
        found: dict[str, dict[str, Version]] = {}
        for plan in self._plans.values():
            present = {path: entries[path].version for path in plan.excerpts if path in entries}
            documents = name_documents(plan, held) if present else ""
            if any(self._is_news(path, version, documents) for path, version in present.items()):
                found[plan.path] = present
        return found

    def _is_news(self, path: str, version: Version, documents: str) -> bool:
        known = self._versions.get(path)
        if known is None or known == name_reading(version, documents):
            return known is None
        size, _, told = known.partition(":")
        is_only_longer = self.has_head_only(path) and HEAD <= int(size) <= version.size
        return not (is_only_longer and told.partition(":")[2] == documents)

    def has_head_only(self, path: str) -> bool:
        """Say whether all that matters of an excerpt is its beginning."""
        return path in self._roles.heads

    def read_cards(
        self, paths: Collection[str], fetched: Mapping[str, tuple[Excerpt, Version]], held: Mapping[str, Version]
    ) -> list[str]:
        """Read the cards of these runs anew; return the keys of those that say something else now.

        ``fetched`` are excerpts that were read on the server, ``held`` the versions of files in the local copy, of
        documents as they were before this call. A card that was read from more than can be had now stays as it was.
        """
        wanted = [self._plans[path] for path in paths if path in self._plans]
        return [key for batch in split(wanted, _BATCH) for key in self._read_batch(batch, fetched, held)]

    # The index

    def _names(self) -> set[str]:
        return {one.FORMAT for one in self._formats}

    def _forget_unwanted(self) -> list[str]:
        """Drop the runs of formats that are not to be recognised any more; return their keys."""
        paths = self._runs.known(self._source.sync_id, self._unwanted) if self._unwanted else set()
        if not paths:
            return []
        with self._db.writing() as connection:
            return self._runs.forget(connection, self._source.sync_id, paths)

    def _take(self, plans: Sequence[RunPlan]) -> list[str]:
        """Give new runs a row, and bring all rows' files in step."""
        sync_id = self._source.sync_id
        with self._db.writing() as connection:
            known = self._runs.load(connection, sync_id, (plan.path for plan in plans))
            rows = [self._make_row(plan, known.get(plan.path)) for plan in plans]
            self._whole.difference_update(run.path for run in rows if known.get(run.path) is not run)
            for path in (path for plan in plans if plan.path not in known for path in plan.excerpts):
                self._versions.pop(path, None)  # what a card said that is no more
            changed = self._runs.upsert(connection, self._source.scope, rows, formats=_ALL)
            ids = self._runs.find_ids(connection, sync_id, (plan.path for plan in plans))
            present = self._files.load(connection, sync_id, ids.values())
            for one in (one for files in present.values() for one in files if one.role is Role.EXCERPT):
                self._versions.setdefault(one.path, one.version)
            is_whole = {run_id for run_id, files in present.items() if any(is_read_whole(one) for one in files)}
            self._whole.update(run.path for run in rows if known.get(run.path) is run and ids[run.path] in is_whole)
            self._replace_files(connection, plans, ids, present)
        return changed

    def _make_row(self, plan: RunPlan, known: Run | None) -> Run:
        if known is not None and known.format == plan.card[0].part.format.FORMAT:
            return known
        return read_card(plan, {}, {}, known)

    def _replace_files(
        self,
        connection: Connection,
        plans: Sequence[RunPlan],
        ids: Mapping[str, int],
        present: Mapping[int, set[RunFile]],
    ) -> None:
        wanted = {ids[plan.path]: {self._make_file(one, plan, ids[plan.path]) for one in plan.files} for plan in plans}
        changed = [run_id for run_id, files in wanted.items() if files != present.get(run_id, set())]
        found = [one for run_id in changed for one in sorted(wanted[run_id], key=lambda one: one.path)]
        self._files.replace(connection, self._source.sync_id, changed, found)

    def _make_file(self, one: PlannedFile, plan: RunPlan, run_id: int) -> RunFile:
        version = self._versions.get(one.path) if one.role is Role.EXCERPT else None
        if one.role is Role.DOCUMENT and plan.path in self._whole:
            version = WHOLE
        return RunFile(one.path, one.role, run_id, one.format, one.name, one.sequence, one.place, version)

    # Cards

    def _read_batch(
        self,
        plans: Sequence[RunPlan],
        fetched: Mapping[str, tuple[Excerpt, Version]],
        held: Mapping[str, Version],
    ) -> list[str]:
        sync_id = self._source.sync_id
        with self._db.reading() as connection:
            known = self._runs.load(connection, sync_id, (plan.path for plan in plans))
        found: list[Run] = []
        versions: dict[str, str] = {}
        completed: list[str] = []
        for plan in plans:
            before = known.get(plan.path)
            documents = self._read_documents(plan)
            excerpts, seen = self._read_excerpts(plan, fetched, held)
            is_whole = len(documents) == len(plan.documents)
            lacks = any(path not in excerpts and self._versions.get(path) is not None for path in plan.excerpts)
            if before is None or lacks:
                continue
            versions |= seen
            if is_whole and plan.path not in self._whole:
                completed.append(plan.path)
            if is_whole or plan.path not in self._whole:
                found.append(read_card(plan, documents, excerpts, before))
        with self._db.writing() as connection:
            changed = self._runs.upsert(connection, self._source.scope, found)
            self._files.set_versions(connection, sync_id, versions)
            if completed:
                self._files.note_whole(connection, self._runs.find_ids(connection, sync_id, completed).values())
        self._versions |= versions
        self._whole.update(completed)
        return changed

    def _read_documents(self, plan: RunPlan) -> dict[str, bytes]:
        """Return those documents that are here, and were not caught half-written."""
        read = {path: read_local(self._source.local_root, path) for path in plan.documents}
        damaged = {path: why for path, data in read.items() if data is not None and (why := find_damage(path, data))}
        if damaged or not self._unusable.keys().isdisjoint(read):
            kept = {path: one for path, one in self._unusable.items() if path not in read}
            self._unusable = kept | {path: Problem(path, ProblemCode.DAMAGED, why) for path, why in damaged.items()}
        return {path: data for path, data in read.items() if data is not None and path not in damaged}

    def _read_excerpts(
        self, plan: RunPlan, fetched: Mapping[str, tuple[Excerpt, Version]], held: Mapping[str, Version]
    ) -> tuple[dict[str, Excerpt], dict[str, str]]:
        excerpts: dict[str, Excerpt] = {}
        versions: dict[str, str] = {}
        told = name_documents(plan, held) if plan.excerpts else ""
        for path in plan.excerpts:
            if path in held:
                excerpt, version = self._read_ends(path), held[path]
            elif path in fetched:
                excerpt, version = fetched[path]
            else:
                continue
            if excerpt is not None:
                excerpts[path] = excerpt
                versions[path] = name_reading(version, told)
        return excerpts, versions

    def _read_ends(self, path: str) -> Excerpt | None:
        """Return the ends of a file of the local copy."""
        try:
            descriptor = open_file(self._source.local_root, path)
        except (OSError, InvalidRequest):
            return None
        try:
            size = os.fstat(descriptor).st_size
            head = os.pread(descriptor, HEAD, 0)
            tail = os.pread(descriptor, TAIL, max(HEAD, size - TAIL)) if size > HEAD else b""
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return Excerpt(head, tail, size)


def is_read_whole(one: RunFile) -> bool:
    """Say whether the card of this document's run has been read with nothing missing."""
    return one.role is Role.DOCUMENT and one.version == WHOLE
