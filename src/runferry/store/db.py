"""The index database: opening it, bringing its schema up to date, transactions; no queries but ``upsert``.

Everything here blocks; asyncio code reaches it through ``blocking.in_thread``. SQLAlchemy's errors leave this
module only as ``DiskFull``, ``DiskFailed`` or ``RunferryError``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Dialect, Engine, FromClause, Insert, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from runferry.errors import DiskFailed, DiskFull, RunferryError
from runferry.store.migrations import HEAD

T = TypeVar("T")

WRITER_WAIT_SECONDS = 60.0
"""How long a writer waits for the one before it: far longer than any single transaction should take."""

MAPPED = 2**30
"""Bytes of the file that may be mapped while much is read; what lies beyond is read as ever."""

_PRAGMAS = (
    "PRAGMA busy_timeout = 10000",  # first: the others may have to wait for another process
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
)


class Database:
    """The index at ``path``. Any thread may read at any time; writers of this process take turns.

    Readers see the last committed state and never wait for the writer (WAL).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Engine | None = None
        self._writer = threading.Lock()

    @property
    def path(self) -> Path:
        return self._path

    def open(self) -> None:
        """Create the database and its directory where missing, and bring the schema to the newest revision.

        Raises RunferryError where the file cannot be used (unwritable, no database, written by a newer
        version) and DiskFull. A second call does nothing.
        """
        if self._engine is not None:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RunferryError(f"Cannot create the data directory {self._path.parent}: {error.strerror}.") from error
        self._engine = _make_engine(self._path)
        try:
            self._bring_up_to_date()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections. May be called again; after it only ``open`` is allowed."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def reading(self, *, is_much: bool = False) -> Iterator[Connection]:
        """Give a connection that sees one unchanging state of the database. Write nothing through it.

        ``is_much``: megabytes will be read. Then the file is mapped meanwhile, which spares copying each page; for good
        it would count as this process's memory.
        """
        with self._translating(), self._need_engine().connect() as connection:
            if is_much:
                connection.exec_driver_sql(f"PRAGMA mmap_size = {MAPPED}")
            try:
                yield connection
            finally:
                if is_much:
                    connection.exec_driver_sql("PRAGMA mmap_size = 0")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the only writing connection: committed at the end, rolled back when the block raises.

        Never nest it within one thread: the inner one would wait for the outer one.
        """
        engine = self._need_engine()
        if not self._writer.acquire(timeout=WRITER_WAIT_SECONDS):
            raise RunferryError(f"The index {self._path} stayed busy for {WRITER_WAIT_SECONDS:.0f} s.")
        try:
            with self._translating(), engine.connect() as plain:
                connection = plain.execution_options(is_writer=True)
                with connection.begin():
                    yield connection
        finally:
            self._writer.release()

    def _need_engine(self) -> Engine:
        if self._engine is None:
            raise RunferryError(f"The index {self._path} is closed.")
        return self._engine

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _translate(error, self._path) from error

    def _bring_up_to_date(self) -> None:
        with self.reading() as connection:
            if _revision(connection) == HEAD:
                return
        with self.writing() as connection:  # asks again: another process may have been faster
            if _revision(connection) != HEAD:
                _migrate(connection, self._path)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    keys: Sequence[str],
    columns: Sequence[str] | None = None,
) -> None:
    """Insert ``rows`` (all with the same fields); where ``keys`` are taken, set ``columns`` to the new ones.

    ``keys`` name a primary key or a unique constraint. Without ``columns`` every other given field is set;
    with an empty list rows that exist already are left alone.
    """
    if not rows:
        return
    chosen = [name for name in rows[0] if name not in keys] if columns is None else columns
    connection.execute(_make_upsert(connection.dialect.name, table, tuple(keys), tuple(chosen)), list(rows))


def upsert_plainly(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[tuple[object, ...]],
    *,
    keys: Sequence[str],
    empty: Sequence[str] = (),
) -> None:
    """Do as ``upsert`` does, for many rows: tuples in the order of ``columns``; ``empty`` columns hold NULL in all.

    The driver gets them as they are. Numbers, text and bytearrays it takes at once, while None, booleans and bytes cost
    it several times as much: of these there should be few.
    """
    one, many, at_once = _write_upsert(connection.dialect, table, tuple(columns), tuple(keys), tuple(empty))
    whole = len(rows) - len(rows) % at_once
    if whole:
        parts = [tuple(chain.from_iterable(rows[at : at + at_once])) for at in range(0, whole, at_once)]
        connection.exec_driver_sql(many, parts)
    if rows[whole:]:
        connection.exec_driver_sql(one, list(rows[whole:]))


_VALUES = 900
"""Values that one statement takes, at most: SQLite's builds of long ago took no more than 999."""


@lru_cache(maxsize=64)
def _write_upsert(
    dialect: Dialect, table: Table, columns: tuple[str, ...], keys: tuple[str, ...], empty: tuple[str, ...]
) -> tuple[str, str, int]:
    """Write the statement for one row, and the one for many and for how many; once, as ``_make_upsert`` does."""
    chosen = tuple(name for name in (*columns, *empty) if name not in keys)
    statement = _make_upsert(dialect.name, table, keys, chosen)
    one = str(statement.compile(dialect=dialect, column_keys=list(columns)))
    row, at_once = f"({', '.join('?' * len(columns))})", max(1, _VALUES // len(columns))
    return one, one.replace(row, ", ".join([row] * at_once), 1), at_once


@cache
def _make_upsert(dialect: str, table: Table, keys: tuple[str, ...], columns: tuple[str, ...]) -> Insert:
    """Make it once: with live runs it is wanted many times a second, and making it takes longer than running it."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table)
    if not columns:
        return statement.on_conflict_do_nothing(index_elements=list(keys))
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in columns}
    )


def split(values: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Yield the values in lists that are short enough for one statement's ``IN``."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


class _Compiler(SQLiteCompiler):
    """Writes the hints of statements (``INDEXED BY ...``), which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


def _make_engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": 10},
        pool_use_lifo=True,  # the one that was read with last has in its memory what is asked for again
        max_overflow=-1,  # as many as there are worker threads; waiting here could only deadlock
    )
    engine.dialect.statement_compiler = _Compiler
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_connection(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins too late for a schema change, and never IMMEDIATE
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    is_writer = connection.get_execution_options().get("is_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def _revision(connection: Connection) -> str | None:
    """Return the schema's revision, or None for a new database."""
    found = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if found.first() is None:
        return None
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if revision is None else str(revision)


def _migrate(connection: Connection, path: Path) -> None:
    from alembic import command  # slow to import, and needed about once in a database's life
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise RunferryError(
            f"The index {path} was written by a newer Runferry (schema {_revision(connection)}, this one"
            f" knows {HEAD}): update Runferry or choose another data directory."
        ) from error


def _translate(error: DBAPIError, path: Path) -> RunferryError:
    reason = str(error.orig)
    if "disk is full" in reason:
        return DiskFull(f"The disk that holds {path} is full: free some space; nothing half-written was kept.")
    if "locked" in reason:
        return RunferryError(f"The index {path} is in use by another program; close it and try again.")
    if "not a database" in reason or "malformed" in reason:
        return RunferryError(f"The index {path} is damaged ({reason}): move it away and sync again.")
    if "disk I/O" in reason or "readonly" in reason or "unable to open" in reason:
        return DiskFailed(f"The index {path} cannot be used: {reason}; it is tried again.")
    return RunferryError(f"The index {path} cannot be used: {reason}.")
