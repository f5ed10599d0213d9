"""Opening and removing files below a directory without ever leaving it: no symbolic link on the way is followed.

Paths are checked as ``files.check_path`` does. Everything here blocks; errors are OSError and InvalidRequest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runferry.store.files import local_parts

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(root: Path, path: str) -> int:
    """Return a descriptor of the regular file at ``path`` below ``root``.

    Raises FileNotFoundError also for anything that is no regular file, or lies behind a link.
    """
    with open_parent(root, path) as (parent, name):
        try:
            descriptor = os.open(name, _FILE, dir_fd=parent)
        except OSError as error:
            raise FileNotFoundError(path) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(path)
        return descriptor


def remove_file(root: Path, path: str) -> None:
    """Remove the regular file at ``path`` below ``root``, if there is one."""
    with suppress(FileNotFoundError), open_parent(root, path) as (parent, name):
        if stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=parent)


@contextmanager
def open_parent(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """Give a descriptor of the directory that holds ``path``, and its local name. Raises FileNotFoundError."""
    *folders, name = local_parts(root, path)
    try:
        current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError as error:
        raise FileNotFoundError(path) from error
    try:
        for folder in folders:
            try:
                below = os.open(folder, _DIRECTORY, dir_fd=current)
            except OSError as error:
                raise FileNotFoundError(path) from error
            os.close(current)
            current = below
        yield current, name
    finally:
        os.close(current)
