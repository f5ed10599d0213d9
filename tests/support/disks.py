"""A disk that is small: as large as a test says, and as full as what lies below a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def shrink_disk(monkeypatch: pytest.MonkeyPatch, folder: Path, *, size: int) -> None:
    """Let Runferry believe that ``folder`` lies on a disk of ``size`` bytes with nothing else on it."""

    def measure(path: Path) -> Usage:
        used = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        return Usage(size, used, max(0, size - used))

    monkeypatch.setattr(shutil, "disk_usage", measure)
