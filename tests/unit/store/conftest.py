"""A fresh index per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runferry.store.db import Database


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "data" / "runferry.db")
    database.open()
    yield database
    database.close()
