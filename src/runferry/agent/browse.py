"""Directories as a person browses them: links followed for their type, any absolute path. It opens no file."""

import errno
import os
import stat
from typing import List, Tuple

from .names import decode, encode, escape
from .scan import DIR, FILE, LINK, OTHER

Row = Tuple[str, int, int, int, bool]
"""Name, kind, size, mtime in seconds, is a link."""


def resolve(path: str) -> bytes:
    """Return a directory's absolute path, free of links; relative ones start at the home directory. Raises
    OSError, also where it may not be read.
    """
    home = os.path.expanduser(b"~")
    full = os.path.expanduser(encode(path)) if path.startswith("~") else encode(path)
    if b"\0" in full:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    real = os.path.realpath(os.path.join(home, full))
    if not stat.S_ISDIR(os.stat(real).st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if escape(decode(real)) != decode(real):
        raise OSError(errno.EILSEQ, "its path cannot be printed")
    with os.scandir(real):
        pass  # it may be read
    return real


def list_rows(directory: bytes) -> List[Row]:
    """Return what a directory holds. Raises OSError where it cannot be read."""
    rows = []
    with os.scandir(directory) as items:
        for item in items:
            name = decode(item.name)
            is_link = item.is_symlink()
            try:
                status = item.stat()
            except FileNotFoundError:
                if not is_link:
                    continue
                rows.append((escape(name), LINK, 0, 0, True))
                continue
            except OSError:
                rows.append((escape(name), LINK if is_link else OTHER, 0, 0, is_link))
                continue
            kind = _kind(status.st_mode) if name == escape(name) else OTHER
            size = 0 if kind == DIR else status.st_size
            rows.append((escape(name), kind, size, int(status.st_mtime), is_link))
    return rows


def _kind(mode: int) -> int:
    if stat.S_ISDIR(mode):
        return DIR
    return FILE if stat.S_ISREG(mode) else OTHER
