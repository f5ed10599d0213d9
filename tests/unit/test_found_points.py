"""Files of other tools' runs through the index: what is damaged or rewritten harms nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.foreign_runs import unpack_root
from tests.support.indexing import add_sync, list_local, source_of
from tests.support.seriesing import add_run
from tests.support.tool_files import event_file, scalar_value, summary_event, tensor_value

from runferry.formats.recognition import find_runs, sources_of
from runferry.ingest import Ingest
from runferry.ingest.found_runs import FoundRuns
from runferry.ingest.series import SeriesIngest
from runferry.store.db import Database, upsert
from runferry.store.run_files import Role, RunFile, RunFiles
from runferry.store.series import SeriesStore
from runferry.store.tables import files

TOOLS = (
    "dvclive",
    "generic",
    "hf_trainer",
    "keras_csv",
    "lightning",
    "mlflow",
    "sacred",
    "swanlab",
    "tensorboard",
    "wandb",
)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    db = Database(tmp_path / "index/runferry.db")
    db.open()
    yield db
    db.close()


class Copies:
    """A local copy of other tools' files, and what the index says of them."""

    def __init__(self, index: Database, root: Path) -> None:
        self.index, self.root = index, root
        self.scope = add_sync(index, "gpu1", "/data")
        self.ingest, self.store = SeriesIngest(index), SeriesStore(index)

    def add(self, path: str, found: Mapping[str, tuple[str, str, str]]) -> int:
        """Add a run with these sources: format, name and sequence by path."""
        run_id = add_run(self.index, self.scope, path)
        rows = [RunFile(file, Role.POINTS, run_id, *told, place) for place, (file, told) in enumerate(found.items())]
        with self.index.writing() as connection:
            RunFiles(self.index).replace(connection, self.scope.sync_id, [run_id], rows)
        return run_id

    def land(self, path: str, data: bytes, generation: int = 0) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        row = {
            **{"sync_id": self.scope.sync_id, "path": path, "kind": "file", "size": len(data), "mtime_ns": 0},
            **{"ctime_ns": 0, "inode": 1, "device": 1, "links": 1, "is_racy": False, "generation": generation},
            **{"held_size": len(data), "landed_at": 5.0},
        }
        with self.index.writing() as connection:
            upsert(connection, files, [row], keys=["sync_id", "path"])

    def read_all(self) -> None:
        """Read what is not read yet, as after a start."""
        todo = self.ingest.find_behind(self.scope.sync_id)
        while todo:
            news, looked = self.ingest.read_on(self.scope.sync_id, self.root, todo)
            todo = news.behind + todo[looked:]

    def values(self, run_id: int) -> dict[str, list[float | str]]:
        rows = self.store.list_series(run_id)
        return {row.key: list(points.values) for row in rows if (points := self.store.load(row)) is not None}


@pytest.mark.parametrize("tool", TOOLS)
def test_damaged_files_leave_other_runs_as_they_are(index: Database, tmp_path: Path, tool: str) -> None:
    copies, sample, chance = Copies(index, tmp_path / "copy"), unpack_root(tool, tmp_path), random.Random(7)
    good = copies.add("good", {"good/log.csv": ("plain", "log.csv", "")})
    copies.land("good/log.csv", b"step,loss\n0,0.5\n1,0.25\n")
    for number, run in enumerate(find_runs(sample.listing)):
        found = sources_of(run, sample.listing)
        told = {f"{number}/{one.path}": (one.part.format.FORMAT, one.name, one.sequence) for one in found}
        copies.add(f"{number}", told)
        for generation in range(3):
            for one in found:
                data = bytearray((sample.root / one.path).read_bytes())
                for _ in range(generation * 3):
                    data[chance.randrange(len(data))] = chance.randrange(256)
                copies.land(f"{number}/{one.path}", bytes(data[: chance.randrange(len(data) + 1)]), generation)
            copies.read_all()
    assert copies.values(good) == {"loss": [0.5, 0.25]}


def test_what_is_understood_and_not_shown_is_counted(index: Database, tmp_path: Path) -> None:
    copies = Copies(index, tmp_path)
    path = "one/events.out.tfevents.1.host"
    run_id = copies.add("one", {path: ("tensorboard", path[4:], "")})
    values = (scalar_value("loss", 0.5), tensor_value("weights", b"", "histograms"))
    copies.land(path, event_file(summary_event(1, *values), summary_event(2, *values)))
    copies.read_all()
    assert copies.values(run_id) == {"loss": [0.5, 0.5]}
    (source,) = copies.store.list_sources_of([run_id])[run_id]
    assert (source.unknown_records, source.bad_records) == (2, 0)


def test_a_document_that_is_being_written_keeps_what_it_said(index: Database, tmp_path: Path) -> None:
    copies = Copies(index, tmp_path)
    path = "one/trainer_state.json"
    run_id = copies.add("one", {path: ("hf_trainer", "trainer_state.json", "")})
    copies.land(path, b"")
    copies.read_all()
    copies.land(path, b'{"global_step": 1, "log_history": [{"step": 1, "loss": 0.5}]}', 1)
    copies.read_all()
    before = copies.values(run_id)
    assert [0.5] in before.values()
    copies.land(path, b'{"global_step": 2, "log_history": [{"step": 1, "lo', 2)
    copies.read_all()
    assert copies.values(run_id) == before
    copies.land(path, b'{"global_step": 2, "log_history": [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.1}]}', 2)
    copies.read_all()
    assert [0.5, 0.1] in copies.values(run_id).values()
    assert copies.ingest.find_behind(copies.scope.sync_id) == []


def test_a_document_that_is_as_it_was_stays_read(index: Database, tmp_path: Path) -> None:
    """After a start all files of a run that was just recognised are looked at again."""
    copies = Copies(index, tmp_path)
    path = "one/trainer_state.json"
    data = b'{"global_step": 1, "log_history": [{"step": 1, "loss": 0.5}]}'
    run_id = copies.add("one", {path: ("hf_trainer", "trainer_state.json", "")})
    copies.land(path, data)
    copies.read_all()
    known = copies.store.list_sources_of([run_id])
    news, looked = copies.ingest.read_on(copies.scope.sync_id, tmp_path, [path])
    assert (news.points, news.behind, looked) == ({}, [], 1)
    assert copies.store.list_sources_of([run_id]) == known
    assert [source.position for source in known[run_id]] == [len(data)]


async def test_a_directory_that_becomes_another_tools_run_shows_what_that_reads(
    index: Database, tmp_path: Path
) -> None:
    """A meta.json may come late, and may go."""
    copies = Copies(index, tmp_path)
    source = source_of(copies.scope, tmp_path)
    events = "one/events.jsonl"
    copies.land("one/metrics.csv", b"step,val\n1,0.5\n")
    copies.land(events, b'{"type": "metrics", "ts": 1e9, "data": {"loss": 0.1, "global_step": 1}}\n')
    listing = list_local(tmp_path)
    FoundRuns(index, source).survey(listing)
    copies.read_all()
    (run_id,) = copies.store.find_runs(copies.scope.sync_id, ["one"], {"plain"}).values()
    assert set(copies.values(run_id)) == {"val"}, "events.jsonl is Runicorn's"

    copies.land("one/meta.json", b'{"id": "one", "created_at": 1}')
    await Ingest(index).on_commit(source, changed=["one/meta.json"], gone=[], listing=list_local(tmp_path))
    copies.read_all()
    assert copies.store.find_runs(copies.scope.sync_id, ["one"], {"runicorn"}) == {"one": run_id}
    assert set(copies.values(run_id)) == {"loss"}
    assert RunFiles(index).list_held(copies.scope.sync_id, Role.POINTS) == []

    await Ingest(index).on_commit(source, changed=[], gone=["one/meta.json"], listing=listing)
    FoundRuns(index, source).survey(listing)
    copies.read_all()
    assert set(copies.values(run_id)) == {"val"}
