"""The index of runs: kept in step by ``ingest``, asked by everyone else. It reads no run files and asks no server.

Everything here blocks. Calls that take a connection are part of the caller's writing transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    bindparam,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)

from runferry.errors import Ambiguous, NotFound, RunferryError
from runferry.model import Liveness, ProcessQuestion, ProcessState, Run, RunStatus
from runferry.store.db import Database, split, upsert_plainly
from runferry.store.recycle import find_recycled, is_restorable
from runferry.store.run_keys import assign_keys
from runferry.store.run_list import (
    Listed,
    RunFilter,
    check_page,
    find_few,
    order_by,
    select_count,
    select_listed,
    select_page,
    select_visible,
)
from runferry.store.run_values import derive_columns, write_facts
from runferry.store.run_walk import fetch_total, select_first
from runferry.store.tables import artifacts, hidden_artifacts, run_files, runs, servers, sources, syncs
from runferry.store.verdict import Check

_DOCUMENTS = ("summary", "meta", "environment", "assets")
_LIVENESS = ("liveness", "liveness_evidence", "liveness_checked_at")
_WRITER = ("status", "pid", "hostname", "started_at")  # another of these is another process
_NEVER = 253_402_300_799.0
_UNSHOWN = (*_DOCUMENTS, "best_score", "tags", "search", "state", "length")
_WRITTEN = tuple(column.name for column in runs.c if column is not runs.c.id and column.computed is None)
_NARROW = [column for column in runs.c if column.name not in _UNSHOWN]


@dataclass(frozen=True, slots=True)
class SyncScope:
    """The sync that a row belongs to; ``remote_root`` is absolute on the server."""

    sync_id: int
    server_id: int
    remote_root: str

    def remote_dir(self, path: str) -> str:
        root = self.remote_root.rstrip("/")
        return f"{root}/{path}" if path else root or "/"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the index has it. ``status`` is what the tool wrote: ``verdict.judge`` says what it is worth.

    ``path`` is relative to the sync's root, ``local_dir`` (the sync's) to the data directory.
    """

    id: int
    key: str
    run_id: str
    server_id: int
    server: str
    sync_id: int
    mode: str
    remote_root: str
    local_dir: str
    last_sync_at: float | None
    path: str
    remote_dir: str
    format: str
    project: str
    name: str
    created_at: float | None
    status: str
    started_at: float | None
    ended_at: float | None
    exit_reason: str | None
    pid: int | None
    hostname: str
    check: Check | None
    best_metric_value: float | None
    best_metric_name: str | None
    artifacts_created: int
    artifacts_used: int
    deleted_at: float | None
    gone_at: float | None
    recycled_at: float | None = None


@dataclass(frozen=True, slots=True)
class RunDocuments:
    """The wide part of a run, for its own page; JSON values."""

    summary: Mapping[str, object]
    meta: Mapping[str, object]
    environment: Mapping[str, object]
    assets: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A run whose files say "running": ``row_id`` and ``key`` tell which, ``question`` what to ask its server."""

    row_id: int
    key: str
    question: ProcessQuestion


class RunStore:
    """The runs of all servers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def list_runs(self, chosen: RunFilter) -> tuple[list[RunRow], int]:
        """Return one page and how many runs there are on all pages. Raises InvalidRequest (sort, order, range)."""
        check_page(chosen)
        with self._db.reading() as connection:
            listed = find_few(connection, chosen, select_listed(connection, chosen))
            found = _fetch_page(connection, chosen, listed)
            rows = [_read_row(row) for row in found]
            is_last = chosen.limit is None or len(rows) < chosen.limit
            if is_last and (rows or not chosen.offset):
                return rows, chosen.offset + len(rows)
            if found and found[0].total is not None:
                return rows, int(found[0].total)
            return rows, fetch_total(connection, chosen, listed)

    def find(self, id_or_key: str) -> RunRow:
        """Return the run with this key, or the only one with this id. Raises NotFound and Ambiguous.

        What the user deleted counts as not there; the error says where it is.
        """
        with self._db.reading() as connection:
            return self._find(connection, select_visible(connection), id_or_key)

    def find_many(self, ids_or_keys: Iterable[str]) -> dict[str, RunRow | RunferryError]:
        """Do as ``find`` does for many; what it would raise stands where there is no run."""
        found: dict[str, RunRow | RunferryError] = {}
        with self._db.reading() as connection:
            visible = select_visible(connection)
            for id_or_key in ids_or_keys:
                try:
                    found[id_or_key] = self._find(connection, visible, id_or_key)
                except (NotFound, Ambiguous) as error:
                    found[id_or_key] = error
        return found

    def _find(self, connection: Connection, visible: ColumnElement[bool], id_or_key: str) -> RunRow:
        is_meant = or_(runs.c.key == id_or_key, runs.c.run_id == id_or_key)
        query = _ROWS.where(is_meant).order_by(runs.c.gone_at.is_(None).desc(), runs.c.key)
        shown = [_read_row(row) for row in connection.execute(query.where(visible))]
        other = [] if shown else connection.execute(query).all()
        found = shown or [_read_row(row) for row in other if row.recycled_at is None][:1]
        exact = [row for row in found if row.key == id_or_key]
        if exact or len(found) == 1:
            return (exact or found)[0]
        if not found and other:
            raise NotFound(f"The run {other[0].key} is in the recycle bin; restore it to see it.")
        if not found:
            raise NotFound("Run not found")
        keys = [row.key for row in found]
        raise Ambiguous(f"Several runs have the id {id_or_key}: use one of {', '.join(keys)}.", candidates=keys)

    def find_recycled(self, id_or_key: str | None = None) -> list[RunRow]:
        """Return the runs in the recycle bin that were deleted here, or those with this key or id; newest first."""
        with self._db.reading() as connection:
            query = _ROWS.where(select_visible(connection, is_recycled=True), is_restorable())
            if id_or_key is not None:
                query = query.where(or_(runs.c.key == id_or_key, runs.c.run_id == id_or_key))
            rows = connection.execute(query.order_by(runs.c.recycled_at.desc(), runs.c.key))
            return [_read_row(row) for row in rows]

    def documents(self, row_id: int) -> RunDocuments:
        """Return the wide part of one run. Raises NotFound."""
        with self._db.reading() as connection:
            row = connection.execute(select(*(runs.c[name] for name in _DOCUMENTS)).where(runs.c.id == row_id)).first()
        if row is None:
            raise NotFound("Run not found")
        return RunDocuments(*(orjson.loads(text) for text in row))

    def running(self, server_id: int) -> list[OpenQuestion]:
        """Return the runs of one server whose process should be asked for.

        Not those whose process is known to be gone: it does not come back, and an answer is forgotten as soon as
        the run's files change.
        """
        wanted = (
            (runs.c.server_id == server_id)
            & (runs.c.status == RunStatus.RUNNING.value)
            & runs.c.pid.is_not(None)
            & runs.c.deleted_at.is_(None)
            & runs.c.gone_at.is_(None)
            & or_(runs.c.liveness.is_(None), runs.c.liveness != Liveness.GONE.value)
        )
        with self._db.reading() as connection:
            rows = connection.execute(select(*_NARROW).where(wanted, select_visible(connection))).all()
        return [OpenQuestion(row.id, row.key, _ask(row)) for row in rows]

    def set_liveness(self, answers: Iterable[tuple[OpenQuestion, ProcessState]], *, checked_at: float) -> list[str]:
        """Record what a server said of processes; return the keys of the runs whose state it changed.

        An answer about a process that is no longer the run's is dropped.
        """
        changed: list[str] = []
        with self._db.writing() as connection:
            for asked, state in answers:
                is_same = (runs.c.key == asked.key) & (runs.c.pid == state.pid)
                before = connection.execute(select(runs.c.liveness).where(is_same)).first()
                values = dict(zip(_LIVENESS, (state.liveness.value, state.evidence, checked_at), strict=True))
                connection.execute(update(runs).where(is_same).values(**values))
                if before is not None and before.liveness != state.liveness.value:
                    changed.append(asked.key)
        return changed

    def counts(self, server_id: int | None = None) -> tuple[int, int]:
        """Return how many runs and how many artifacts (by type and name) lists show, of one server or of all."""
        with self._db.reading() as connection:
            runs_query = select_count(RunFilter(), select_listed(connection, RunFilter()))
            is_hidden = exists().where(
                hidden_artifacts.c.server_id == artifacts.c.server_id,
                hidden_artifacts.c.remote_dir == artifacts.c.remote_dir,
            )
            names = select(artifacts.c.server_id, artifacts.c.type, artifacts.c.name).where(
                artifacts.c.gone_at.is_(None), not_(is_hidden)
            )
            if server_id is not None:
                runs_query = runs_query.where(runs.c.server_id + 0 == server_id)  # by the index of lists
                names = names.where(artifacts.c.server_id == server_id)
            artifacts_query = select(func.count()).select_from(names.distinct().subquery())
            return connection.execute(runs_query).scalar_one(), connection.execute(artifacts_query).scalar_one()

    def load(self, connection: Connection, sync_id: int, paths: Iterable[str]) -> dict[str, Run]:
        """Return the runs of one sync in these directories, gone ones included."""
        return {row.path: _read_run(row) for row in _load_rows(connection, sync_id, paths)}

    def known(self, sync_id: int, formats: Collection[str]) -> set[str]:
        """Return the directories of one sync's runs of these formats that are not gone."""
        with self._db.reading() as connection:
            rows = connection.execute(_KNOWN, {"sync_id": sync_id})
            return {path for path, name in rows if name in formats}

    def known_among(self, sync_id: int, formats: Collection[str], paths: Iterable[str]) -> set[str]:
        """Do as ``known`` does for some directories."""
        found: set[str] = set()
        with self._db.reading() as connection:
            for part in split(paths):
                rows = connection.execute(_KNOWN_AMONG, {"sync_id": sync_id, "paths": part})
                found.update(path for path, name in rows if name in formats)
        return found

    def list_paths(self, connection: Connection, sync_id: int, formats: Collection[str]) -> list[str]:
        """Return the directories of one sync's runs of these formats, gone ones included."""
        query = select(runs.c.path).where(runs.c.sync_id == sync_id, runs.c.format.in_(formats))
        return list(connection.execute(query).scalars())

    def find_ids(self, connection: Connection, sync_id: int, paths: Iterable[str]) -> dict[str, int]:
        """Return the row ids of one sync's runs in these directories."""
        return {row.path: row.id for row in _load_rows(connection, sync_id, paths)}

    def upsert(
        self,
        connection: Connection,
        scope: SyncScope,
        found: Sequence[Run],
        *,
        formats: Collection[str] | None = None,
    ) -> list[str]:
        """Bring the rows of ``found`` in step, bring back those that were gone; return the keys of what changed.

        Rows that were of none of these ``formats`` keep their keys, and lose what was read of them.
        """
        label = connection.execute(_LABEL, {"server_id": scope.server_id}).scalar_one()
        before = {row.path: row for row in _load_rows(connection, scope.sync_id, (run.path for run in found))}
        if formats is not None:
            _drop_read(connection, [row.id for row in before.values() if row.format not in formats])
        places = {scope.remote_dir(run.path): run.id for run in found}
        recycled = find_recycled(connection, scope.server_id, places)
        keys = assign_keys(connection, scope.server_id, label, places)
        changed: dict[str, dict[str, object]] = {}
        for run in found:
            directory = scope.remote_dir(run.path)
            row = _make_row(run, scope, keys[directory]) | {"recycled_at": recycled.get(directory)}
            if _carry_liveness(row, before.get(run.path)):
                changed[run.path] = row
        rows = [tuple(row[name] for name in _WRITTEN) for row in changed.values()]
        upsert_plainly(connection, runs, _WRITTEN, rows, keys=("sync_id", "path"))
        outdated = [before[path].id for path in changed if path in before]
        told = [run for run in found if run.path in changed]
        write_facts(connection, scope.sync_id, scope.server_id, told, outdated=outdated)
        return [str(row["key"]) for row in changed.values()]

    def forget(self, connection: Connection, sync_id: int, paths: Collection[str]) -> list[str]:
        """Drop one sync's rows of runs that are none, with all that was derived from them; return their keys."""
        keys: list[str] = []
        for part in split(paths):
            is_meant = (runs.c.sync_id == sync_id) & runs.c.path.in_(part)
            keys.extend(connection.execute(select(runs.c.key).where(is_meant)).scalars())
            connection.execute(delete(runs).where(is_meant))
        return keys

    def mark_gone(self, connection: Connection, scope: SyncScope, paths: Collection[str], *, at: float) -> list[str]:
        """Mark the runs in these directories as gone from the server; return the keys of those that were there.

        It is a fact about the server: what other syncs have of the same directories is marked too.
        """
        keys: list[str] = []
        for part in split(scope.remote_dir(path) for path in paths):
            is_meant = (runs.c.server_id == scope.server_id) & runs.c.remote_dir.in_(part) & runs.c.gone_at.is_(None)
            keys.extend(connection.execute(select(runs.c.key).where(is_meant).distinct()).scalars())
            connection.execute(update(runs).where(is_meant).values(gone_at=at))
        return keys


# What every commit asks is made once: making it takes longer than running it.
_LABEL = select(servers.c.label).where(servers.c.id == bindparam("server_id"))
_KNOWN = select(runs.c.path, runs.c.format).where(runs.c.sync_id == bindparam("sync_id"), runs.c.gone_at.is_(None))
_AMONG = runs.c.path.in_(bindparam("paths", expanding=True))
_KNOWN_AMONG = _KNOWN.where(_AMONG)
_IN_DIRECTORIES = select(runs).where(runs.c.sync_id == bindparam("sync_id"), _AMONG)

_OF_SYNC = (syncs.c.mode, syncs.c.remote_root, syncs.c.local_dir, syncs.c.last_sync_at)
_ROWS: Select[Any] = (
    select(*_NARROW, servers.c.label.label("server"), *_OF_SYNC)
    .join(servers, servers.c.id == runs.c.server_id)
    .join(syncs, syncs.c.id == runs.c.sync_id)
)


def _fetch_page(connection: Connection, chosen: RunFilter, listed: Listed) -> Sequence[Row[Any]]:
    for page in select_first(chosen, listed):
        found = _fetch_rows(connection, chosen, page)
        if len(found) == chosen.limit:
            return found
    return _fetch_rows(connection, chosen, select_page(chosen, listed))


def _fetch_rows(connection: Connection, chosen: RunFilter, page: Subquery) -> Sequence[Row[Any]]:
    query = _ROWS.add_columns(page.c.total).join(page, page.c.id == runs.c.id)
    return connection.execute(query.order_by(*order_by(chosen, page))).all()


def _read_row(row: Row[Any]) -> RunRow:
    values = dict(row._mapping)
    values.pop("total", None)
    liveness, evidence, checked_at = (values.pop(name) for name in _LIVENESS)
    check = None if liveness is None else Check(Liveness(liveness), evidence or "", checked_at or 0.0)
    return RunRow(check=check, **values)


def _load_rows(connection: Connection, sync_id: int, paths: Iterable[str]) -> list[Row[Any]]:
    asked = ({"sync_id": sync_id, "paths": part} for part in split(paths))
    return [row for one in asked for row in connection.execute(_IN_DIRECTORIES, one)]


def _make_row(run: Run, scope: SyncScope, key: str) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(run, name) for name in _RUN_FIELDS}
    values.update({name: orjson.dumps(getattr(run, name)).decode() for name in _DOCUMENTS})
    return {
        **values,
        **derive_columns(run, key),
        "sync_id": scope.sync_id,
        "server_id": scope.server_id,
        "key": key,
        "run_id": run.id,
        "remote_dir": scope.remote_dir(run.path),
        "gone_at": None,
    }


_RUN_FIELDS = [name for name in Run.__dataclass_fields__ if name not in ("id", *_DOCUMENTS)]


def _read_run(row: Row[Any]) -> Run:
    values = {name: row._mapping[name] for name in _RUN_FIELDS}
    documents = {name: orjson.loads(row._mapping[name]) for name in _DOCUMENTS}
    return Run(id=row.run_id, **values, **documents)


def _drop_read(connection: Connection, row_ids: Sequence[int]) -> None:
    for part in split(row_ids):
        connection.execute(delete(sources).where(sources.c.run_id.in_(part)))
        connection.execute(delete(run_files).where(run_files.c.run_id.in_(part)))


def _carry_liveness(row: dict[str, object], before: Row[Any] | None) -> bool:
    """Complete ``row`` with what is known of its process, and say whether it differs from the row before.

    What was said of another process says nothing; and a run that writes on was not gone.
    """
    known = None if before is None else before._mapping
    is_changed = known is None or any(known[name] != value for name, value in row.items())
    is_same = known is not None and all(known[name] == row[name] for name in _WRITER)
    is_refuted = known is not None and is_changed and known["liveness"] == Liveness.GONE.value
    is_kept = is_same and not is_refuted
    row.update({name: known[name] if known is not None and is_kept else None for name in _LIVENESS})
    return is_changed


def _ask(row: Row[Any]) -> ProcessQuestion:
    started = row.started_at if row.started_at is not None else row.created_at
    return ProcessQuestion(row.pid, row.hostname, _NEVER if started is None else started)
