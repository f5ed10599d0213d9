"""Unpacks the recorded experiment roots of ``tests/data`` as ``tar`` does: with hard links and times."""

from __future__ import annotations

import tarfile
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"


def unpack_sample(version: str, target: Path) -> Path:
    """Unpack the root written by Runicorn ``version`` below ``target`` and return the root."""
    with tarfile.open(DATA / f"runicorn-{version}.tar.gz") as archive:
        archive.extractall(target, filter="data")
    (root,) = (path for path in target.iterdir() if path.is_dir())
    return root


def list_tree(root: Path) -> list[str]:
    """Return every path below ``root``, relative, as a listing names them."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
