"""How much may still be written to a volume: everything but a reserve, so that a copy never fills somebody's disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from runferry.errors import DiskFull

STRIDE = 64 * 1024 * 1024
"""Bytes written between two looks at the disk, which others fill too."""


class Room:
    """The room on the volume of ``directory`` that leaves ``reserve`` bytes of it free; 0 leaves nothing, unasked."""

    def __init__(self, directory: Path, reserve: int) -> None:
        self._directory = directory
        self._reserve = reserve
        self._granted = 0

    def take(self, count: int) -> None:
        """Count bytes that are about to be written. Raises DiskFull where they would reach into the reserve."""
        if not self._reserve or not count:
            return
        if count > self._granted:
            left = shutil.disk_usage(self._directory).free - self._reserve
            if count > left:
                raise DiskFull(
                    f"The disk of {self._directory} is nearly full: {self._reserve / 1e6:.0f} MB of it stay free "
                    "(disk_reserve_bytes). Free some space, and the sync goes on by itself."
                )
            self._granted = min(left, count + STRIDE)
        self._granted -= count
