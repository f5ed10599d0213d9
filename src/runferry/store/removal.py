"""Removes local bytes for good: a directory or file of a local copy, on the user's word. It touches no index."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from runferry.errors import LocalCopyDamaged
from runferry.store.files import local_parts


def remove_local(root: Path, path: str) -> int:
    """Remove what lies at ``path`` below ``root`` (``""``: all of it); return the bytes of the files removed.

    Symbolic links are removed, never followed. What is missing counts as removed. Raises InvalidRequest for a path that
    leads elsewhere, LocalCopyDamaged where something could not be removed.
    """
    if not path:
        return sum(remove_below(root, [child.name]) for child in root.iterdir()) if root.is_dir() else 0
    return remove_below(root, local_parts(root, path))


def remove_below(root: Path, parts: list[str]) -> int:
    """Do as ``remove_local`` does, for a path by its local names."""
    parents = [root.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
    if any(parent.is_symlink() for parent in parents):
        return 0
    target = root.joinpath(*parts)
    size = measure(target)
    try:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
    except FileNotFoundError:
        return size
    except NotADirectoryError:
        return 0
    except OSError as error:
        raise LocalCopyDamaged(f"{target} could not be removed: {error.strerror}.") from error
    return size


def measure(target: Path) -> int:
    """Return the bytes of the files at or below ``target`` that have no other name outside it."""
    if target.is_symlink() or not target.is_dir():
        paths = [target] if target.is_file() and not target.is_symlink() else []
    else:
        paths = [path for path in target.rglob("*") if path.is_file() and not path.is_symlink()]
    total = 0
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            total += status.st_size if status.st_nlink == 1 else 0
    return total
