"""Power failures are told from crashes by the boot id."""

from __future__ import annotations

from pathlib import Path

import pytest

from runferry.store.checkpoint import Checkpoints
from runferry.store.db import Database


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = Database(tmp_path / "runferry.db")
    db.open()
    return db


def test_after_a_crash_nothing_is_in_doubt(db: Database) -> None:
    assert Checkpoints(db, boot_id=lambda: "one").open() is None
    assert Checkpoints(db, boot_id=lambda: "one").open() is None


def test_after_a_power_failure_what_landed_since_the_checkpoint_is_in_doubt(db: Database) -> None:
    synced: list[str] = []
    before = Checkpoints(db, boot_id=lambda: "one", clock=lambda: 1234.5, sync=lambda: synced.append("disk"))
    before.open()
    before.mark()
    assert synced == ["disk"]
    assert Checkpoints(db, boot_id=lambda: "two").open() == 1234.5


def test_without_a_checkpoint_everything_is_in_doubt(db: Database) -> None:
    Checkpoints(db, boot_id=lambda: "one").open()
    assert Checkpoints(db, boot_id=lambda: "two").open() == 0.0


def test_a_machine_without_boot_ids_is_never_trusted(db: Database) -> None:
    Checkpoints(db, boot_id=lambda: "").open()
    assert Checkpoints(db, boot_id=lambda: "").open() == 0.0
