"""What is never worth copying is told by name, with a reason a person understands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.formats import skip_reason


@pytest.mark.parametrize(
    "name",
    [
        "events.jsonl.lock",
        ".lock",
        "model.pt.tmp",
        "state.json.tmp.4242",
        ".~lock.table.ods#",
        ".config.yaml.swp",
        "notes.txt~",
        ".#notes.txt",
        "#notes.txt#",
        ".nfs00000000010203",
        ".fuse_hidden0001",
        "runicorn.db",
        "runicorn.db-wal",
        "runicorn.db-shm",
        "index.sqlite3-journal",
    ],
)
def test_unwanted_files_are_skipped_with_a_reason(name: str) -> None:
    for path in (name, f"deep/er/{name}"):
        reason = skip_reason(path)
        assert reason
        assert not reason.endswith(".")


@pytest.mark.parametrize(
    "name",
    [
        "model.pt",
        "events.jsonl",
        "locked.txt",
        "tmp",
        "template.json",
        "mlflow.db",
        "a.db.json",
        "x-wal",
        "~"[:0] + "a",
    ],
)
def test_everything_else_is_copied(name: str) -> None:
    assert skip_reason(f"run/{name}", lambda _path: False) is None


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("database", ["mlflow.db", "optuna.sqlite3", "cache.SQLITE"])
def test_a_database_is_live_while_its_journal_lies_beside_it(database: str, suffix: str) -> None:
    beside = {f"x/{database}", f"x/{database}{suffix}", "y/another.db", "y/another.db-wal"}
    assert skip_reason(f"x/{database}", beside.__contains__) == "a live database: its journal lies beside it"
    assert skip_reason(f"x/{database}{suffix}", beside.__contains__) == "part of a live database"
    assert skip_reason(f"x/{database}") is None
    assert skip_reason("x/another.db", beside.__contains__) is None, "the journal lies in another directory"


def test_a_journal_beside_a_database_of_any_name_is_part_of_it() -> None:
    assert skip_reason("store-wal", {"store"}.__contains__) == "part of a live database"
    assert skip_reason("run/store-wal", {"run/store"}.__contains__) == "part of a live database"
    assert skip_reason("run/store-wal", {"store"}.__contains__) is None


@settings(deadline=None)
@given(path=st.text())
def test_any_name_has_an_answer(path: str) -> None:
    assert skip_reason(path) is None or skip_reason(path)
