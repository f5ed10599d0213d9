"""Directory trees as a training would leave them, for another account to read, and what they look like as a whole."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def public_folder() -> Iterator[Path]:
    """Yield an empty directory that every account may enter (pytest's own ones are the current user's alone)."""
    folder = Path(tempfile.mkdtemp(prefix="rf-test-tree-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(folder)


def write(path: Path, data: bytes | str = b"") -> Path:
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def picture(root: Path) -> dict[str, tuple[int, ...]]:
    """Return everything lstat says of a tree, times of last access excepted."""
    found: dict[str, tuple[int, ...]] = {}
    for path in (root, *root.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(root))] = (
            status.st_mode,
            status.st_ino,
            status.st_nlink,
            status.st_uid,
            status.st_gid,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
    return found


def exchange(one: Path, other: Path) -> None:
    """Let two paths change places in one step (``renameat2`` of Linux), so that neither is ever missing."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, swap = -100, 2
    if libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), swap):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
