"""Other tools' runs in the index: when the ends of their files are read again, and what damaged documents leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.indexing import add_sync
from tests.support.tool_files import event_file, scalar_value, summary_event, wandb_exit, wandb_file

from runferry.formats.run_format import HEAD, Excerpt
from runferry.ingest.documents import SyncSource
from runferry.ingest.found_runs import FoundRuns
from runferry.model import Entry, Kind, ProblemCode, Version
from runferry.store.db import Database
from runferry.store.runs import RunStore

EVENTS = "tb/events.out.tfevents.1700000000.host"
RECORDS = "wandb/offline-run-20260101_000000-abc/run-abc.wandb"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    db = Database(tmp_path / "index/runferry.db")
    db.open()
    yield db
    db.close()


def make_entry(path: str, size: int, mtime_ns: int = 1) -> Entry:
    return Entry(path, Kind.FILE, Version(size, mtime_ns, mtime_ns, 1, 1))


def make_runs(index: Database, root: Path) -> FoundRuns:
    scope = add_sync(index, "gpu1", "/data")
    return FoundRuns(index, SyncSource(scope.sync_id, scope.server_id, "/data", root))


def paths_in(outdated: Mapping[str, Mapping[str, Version]]) -> set[str]:
    return {path for versions in outdated.values() for path in versions}


def test_beginnings_that_tell_all_are_read_once_and_ends_whenever_a_file_has_grown(
    index: Database, tmp_path: Path
) -> None:
    found = make_runs(index, tmp_path)
    heads = {
        EVENTS: event_file(summary_event(1, scalar_value("loss", 0.5))),
        RECORDS: wandb_file(wandb_exit(0)),
    }
    for size, outdated in ((1000, {EVENTS, RECORDS}), (HEAD, {EVENTS, RECORDS}), (3 * HEAD, {RECORDS})):
        entries = {path: make_entry(path, size, size) for path in heads}
        found.survey(entries)
        assert paths_in(found.outdated(entries, {})) == outdated
        fetched = {path: (Excerpt(heads[path], b"", size), entries[path].version) for path in outdated}
        found.read_cards(list(found.plans), fetched, {})
        assert found.outdated(entries, {}) == {}
    again = {path: make_entry(path, 100, 9) for path in heads}
    assert paths_in(found.outdated(again, {})) == {EVENTS, RECORDS}


def test_a_damaged_document_is_told_and_what_it_said_stays(index: Database, tmp_path: Path) -> None:
    found = make_runs(index, tmp_path)
    config = tmp_path / "job/.hydra/config.yaml"
    config.parent.mkdir(parents=True)
    entries = {path: make_entry(path, 5) for path in ("job/.hydra/config.yaml", "job/metrics.csv")}
    for text, problems in (("lr: 1\n", set()), ("lr: [1\n\t", {"job/.hydra/config.yaml"}), ("lr: 1\n", set())):
        config.write_text(text)
        found.survey(entries)
        found.read_cards(list(found.plans), {}, {})
        assert {one.path for one in found.problems if one.code is ProblemCode.DAMAGED} == problems
        with index.reading() as connection:
            (run,) = RunStore(index).load(connection, 1, ["job"]).values()
        assert run.meta["params"] == {"lr": 1}
    found.survey({})
    assert found.problems == []


def test_what_a_damaged_document_said_stays_over_a_restart(index: Database, tmp_path: Path) -> None:
    scope = add_sync(index, "gpu1", "/data")
    source = SyncSource(scope.sync_id, scope.server_id, "/data", tmp_path)
    config = tmp_path / "job/.hydra/config.yaml"
    config.parent.mkdir(parents=True)
    entries = {path: make_entry(path, 5) for path in ("job/.hydra/config.yaml", "job/metrics.csv")}

    def start(text: str) -> object:
        config.write_text(text)
        found = FoundRuns(index, source)
        found.survey(entries)
        found.read_cards(list(found.plans), {}, {})
        with index.reading() as connection:
            (run,) = RunStore(index).load(connection, scope.sync_id, ["job"]).values()
        return run.meta.get("params")

    assert start("lr: [1\n\t") is None, "it was never whole"
    assert start("lr: 1\n") == {"lr": 1}
    for _ in range(2):
        assert start("lr: [1\n\t") == {"lr": 1}
    assert start("lr: 2\n") == {"lr": 2}


def test_a_model_saved_in_a_run_neither_names_it_nor_changes_its_parameters(index: Database, tmp_path: Path) -> None:
    scope = add_sync(index, "gpu1", "/data")
    found = FoundRuns(index, SyncSource(scope.sync_id, scope.server_id, "/data", tmp_path))
    names = [f"exp{inner}/{name}" for inner in ("", "/final") for name in ("hparams.yaml", "metrics.csv")]
    for name, text in zip(names, ("lr: 1\n", "", "lr: 2\nbest: 7\n", ""), strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found.survey({name: make_entry(name, 5) for name in names})
    found.read_cards(list(found.plans), {}, {})
    with index.reading() as connection:
        (run,) = RunStore(index).load(connection, scope.sync_id, ["exp", "exp/final"]).values()
    assert (run.path, run.name) == ("exp", "exp")
    assert run.meta["params"] == {"lr": 1, "best": 7}
