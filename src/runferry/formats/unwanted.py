"""Files that are never worth copying, whatever wrote them. Decided by names alone; nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_DATABASE = re.compile(r"\.(?:db|db3|sqlite|sqlite3)$", re.IGNORECASE)
_DATABASE_PART = re.compile(r"^(?P<database>.+)-(?:wal|shm|journal)$")
_DATABASE_PARTS = ("-wal", "-shm", "-journal")
_REMEMBERED = 4096
"""Names whose judgement is kept: those of one run's files come back in the next run."""

_TEMPORARY = re.compile(
    r"""^\.~ | ^\.\# | ^\#.*\#$ | ^~\$     # editors and office programs while a file is open
      | ^\.nfs[0-9a-f]+$ | ^\.fuse_hidden  # deleted, but still held open somewhere
      | \.tmp$ | \.tmp[.-][^.]+$ | \.temp$ | \.sw[op]$ | ~$""",
    re.VERBOSE | re.IGNORECASE,
)


def skip_reason(path: str, has: Callable[[str], bool] | None = None) -> str | None:
    """Return a short phrase saying why the file at ``path`` is not worth copying, or None where it is.

    ``has`` tells whether a path is there, too: a database with a journal beside it is being written, and its files,
    copied one after the other, would not fit each other.
    """
    reason, may_be_database = _judge(path[path.rfind("/") + 1 :])
    return _judge_database(path, has) if may_be_database else reason


def _judge_database(path: str, has: Callable[[str], bool] | None) -> str | None:
    start = path.rfind("/") + 1
    directory, name = path[:start], path[start:]
    part = _DATABASE_PART.match(name)
    if part and (_DATABASE.search(part["database"]) or (has is not None and has(directory + part["database"]))):
        return "part of a live database"
    if has is not None and _DATABASE.search(name) and any(has(path + suffix) for suffix in _DATABASE_PARTS):
        return "a live database: its journal lies beside it"
    return None


@lru_cache(_REMEMBERED)
def _judge(name: str) -> tuple[str | None, bool]:
    """Return why a name alone tells that it is unwanted, and, if it does not, whether it may be of a database."""
    if name.endswith(".lock"):
        return "a lock file", False
    if _TEMPORARY.search(name):
        return "a temporary file", False
    if name == "runicorn.db":
        return "a live database; the files beside it tell the same", False
    return None, _DATABASE.search(name) is not None or _DATABASE_PART.match(name) is not None
