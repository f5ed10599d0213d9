"""The trash: what left the local copies because it is gone from the server, or stood in the way; emptied here alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.store.removal import remove_local

NAME = "trash"


@dataclass(frozen=True, slots=True)
class TrashView:
    """How much is in the trash of all syncs."""

    files: int
    bytes: int


class Trash:
    """The trash folders below the staging directories of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._staging = data_dir / "staging"

    async def view(self) -> TrashView:
        return await in_thread(self._measure)

    async def empty(self) -> TrashView:
        """Remove all that is in it, and tell how much that was. Raises LocalCopyDamaged where something stays."""
        return await in_thread(self._empty)

    def _measure(self) -> TrashView:
        sizes = [size for folder in self._find_folders() for size in measure_files(folder)]
        return TrashView(len(sizes), sum(sizes))

    def _empty(self) -> TrashView:
        found = self._measure()
        for folder in list(self._find_folders()):
            if folder.name == NAME:  # out of the way first: a sync may be adding to it, and gets a new one then
                aside = self._staging / f"{NAME}-{secrets.token_hex(4)}"
                folder = folder.rename(aside)
            remove_local(self._staging, folder.name)
        return found

    def _find_folders(self) -> Iterator[Path]:
        """Yield the folders, and those that a removal which was cut off has left."""
        yield from self._staging.glob(f"*/{NAME}")
        yield from self._staging.glob(f"{NAME}-*")


def measure_files(folder: Path) -> Iterator[int]:
    """Yield the size of each file below a folder; links are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield Path(parent, name).lstat().st_size
