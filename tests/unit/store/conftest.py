"""A fresh index per test: a copy of one that was brought up to date once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.keeping import make_template

from runferry.store.db import Database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("index") / "runferry.db")


@pytest.fixture
def index(tmp_path: Path, template: Path) -> Iterator[Database]:
    path = tmp_path / "data" / "runferry.db"
    path.parent.mkdir()
    shutil.copy(template, path)
    database = Database(path)
    database.open()
    yield database
    database.close()
