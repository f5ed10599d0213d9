"""Knowing, after a start, which landed files a power failure may have torn. See docs/adr/0003-power-loss.md.

Blocks; asyncio code reaches it through ``blocking.in_thread``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from runferry.store.db import Database, upsert
from runferry.store.tables import facts

EVERY = 60.0
"""Seconds between checkpoints while files land (tune)."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def local_boot_id() -> str:
    """Return what tells one boot of this machine from the next; empty where the system has nothing like it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Checkpoints:
    """When everything that had landed was last known to be on the disk itself, and under which boot."""

    def __init__(
        self,
        db: Database,
        *,
        boot_id: Callable[[], str] = local_boot_id,
        sync: Callable[[], None] = os.sync,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._boot_id = boot_id
        self._sync = sync
        self._clock = clock

    def open(self) -> float | None:
        """Return since when landed files are in doubt, or None when no power failure can have happened since."""
        statement = select(facts.c.name, facts.c.value).where(facts.c.name.in_(("boot_id", "checkpoint_at")))
        with self._db.reading() as connection:
            known = {row.name: row.value for row in connection.execute(statement)}
        boot_id = self._boot_id()
        self._write({"boot_id": boot_id})
        if not known or (boot_id and known.get("boot_id") == boot_id):
            return None
        return float(known.get("checkpoint_at", 0.0))

    def mark(self) -> None:
        """Bring everything that has landed to the disk, then note when that was begun."""
        began = self._clock()
        self._sync()
        self._write({"checkpoint_at": repr(began)})

    def _write(self, values: dict[str, str]) -> None:
        rows = [{"name": name, "value": value} for name, value in values.items()]
        with self._db.writing() as connection:
            upsert(connection, facts, rows, keys=("name",))
