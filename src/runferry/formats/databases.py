"""Reads single SQLite files that tools keep runs in, from a snapshot that is ours alone. Bounded in time and size.

A snapshot is a copy that nobody else writes (with its ``-wal`` beside, if there is one): opening it may change it.
What is in it is a stranger's: only plain tables are read, nothing of its schema is run, and a query that takes too long
ends.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runferry.formats.findings import Findings
from runferry.model import Run

LONGEST_VALUE = 16 * 1024 * 1024
"""Bytes of the longest text or blob that is read."""

PATIENCE = 60.0
"""Seconds that reading one database may take."""

_INSTRUCTIONS = 100_000  # between two looks at the clock


@dataclass(slots=True)
class DatabaseRun:
    """One run of a database: its card and the points that are new since the mark that was given."""

    run: Run
    found: Findings = field(default_factory=Findings)


@dataclass(slots=True)
class DatabaseContent:
    """What a database holds. ``mark`` is where to go on next time; ``problem`` says why it is less than all.

    ``is_restart`` says that the mark that was given means nothing any more (rows are gone, or it is another database):
    the points are then all there are, in place of those known before.
    """

    runs: list[DatabaseRun] = field(default_factory=list)
    mark: int = 0
    problem: str | None = None
    is_restart: bool = False


class Unreadable(Exception):
    """The file is no database, is damaged, or takes too long."""


@contextmanager
def open_snapshot(path: Path, *, patience: float = PATIENCE) -> Iterator[sqlite3.Connection]:
    """Open a snapshot for reading. Raises Unreadable, also for what goes wrong while it is read."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise Unreadable(str(error)) from error
    deadline = time.monotonic() + patience
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
        yield connection
    except (sqlite3.Error, OverflowError, UnicodeError) as error:  # SQLite's own messages quote what is damaged
        raise Unreadable(str(error)) from error
    finally:
        connection.close()


def has_table(connection: sqlite3.Connection, name: str, columns: Sequence[str]) -> bool:
    """Say whether there is a plain table (no view, nothing virtual) of this name with these columns."""
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
    row = connection.execute(query, (name,)).fetchone()
    if row is None or not isinstance(row[0], str) or not row[0].upper().lstrip().startswith("CREATE TABLE"):
        return False
    listed = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
    return set(columns) <= {name for name, hidden in listed if hidden == 0}


def check_mark(connection: sqlite3.Connection, content: DatabaseContent) -> int:
    """Return the mark to go on from: 0, and a restart, where the table of metrics has fewer rows than it tells."""
    last = connection.execute("SELECT max(rowid) FROM metrics").fetchone()[0] or 0
    if content.mark > int(last):
        content.mark, content.is_restart = 0, True
    return content.mark
