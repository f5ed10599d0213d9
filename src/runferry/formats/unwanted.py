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


def skip_reason(path: str, names_beside: Callable[[str], bool] | None = None) -> str | None:
    """Return a short phrase saying why the file at ``path`` is not worth copying, or None where it is.

    ``names_beside`` tells whether a name exists in the same directory: a database with a journal beside it is
    being written, and its files, copied one after the other, would not fit each other.
    """
    name = path[path.rfind("/") + 1 :]
    reason = _judge(name)
    if reason is not None or not _may_be_database(name):
        return reason
    part = _DATABASE_PART.match(name)
    if part and (_DATABASE.search(part["database"]) or _is_beside(names_beside, part["database"])):
        return "part of a live database"
    if _DATABASE.search(name) and any(_is_beside(names_beside, name + suffix) for suffix in _DATABASE_PARTS):
        return "a live database: its journal lies beside it"
    return None


@lru_cache(_REMEMBERED)
def _judge(name: str) -> str | None:
    if name.endswith(".lock"):
        return "a lock file"
    if _TEMPORARY.search(name):
        return "a temporary file"
    if name == "runicorn.db":
        return "a live database; the files beside it tell the same"
    return None


@lru_cache(_REMEMBERED)
def _may_be_database(name: str) -> bool:
    return _DATABASE.search(name) is not None or _DATABASE_PART.match(name) is not None


def _is_beside(names_beside: Callable[[str], bool] | None, name: str) -> bool:
    return names_beside is not None and names_beside(name)
