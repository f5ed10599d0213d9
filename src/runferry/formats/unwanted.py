"""Files that are never worth copying, whatever wrote them. Decided by names alone; nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Callable

_DATABASE = re.compile(r"\.(?:db|db3|sqlite|sqlite3)$", re.IGNORECASE)
_DATABASE_PART = re.compile(r"^(?P<database>.+)-(?:wal|shm|journal)$")
_DATABASE_PARTS = ("-wal", "-shm", "-journal")
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
    name = path.rpartition("/")[2]
    if name.endswith(".lock"):
        return "a lock file"
    if _TEMPORARY.search(name):
        return "a temporary file"
    if name == "runicorn.db":
        return "a live database; the files beside it tell the same"
    part = _DATABASE_PART.match(name)
    if part and (_DATABASE.search(part["database"]) or _is_beside(names_beside, part["database"])):
        return "part of a live database"
    if _DATABASE.search(name) and any(_is_beside(names_beside, name + suffix) for suffix in _DATABASE_PARTS):
        return "a live database: its journal lies beside it"
    return None


def _is_beside(names_beside: Callable[[str], bool] | None, name: str) -> bool:
    return names_beside is not None and names_beside(name)
