"""What a commit makes true in the local copy becomes true in the index: runs, artifacts, and their leaving."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.indexing import add_sync, list_local, source_of
from tests.support.samples import unpack_sample

from runferry.formats.cards import make_run
from runferry.ingest import DOCUMENT_LIMIT, Ingest, IngestResult
from runferry.ingest.documents import NO_OBJECT
from runferry.model import Entry
from runferry.store.artifacts import ArtifactStore
from runferry.store.db import Database
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunRow, RunStore, SyncScope


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "data" / "runferry.db")
    database.open()
    yield database
    database.close()


class Copy:
    """A local copy that a test writes into, and the commits it tells of. The remote tree has just the same files."""

    def __init__(self, index: Database, root: Path) -> None:
        self.index = index
        self.root = root
        self.scope: SyncScope = add_sync(index, "gpu1", "/data/root")
        self.source = source_of(self.scope, root)
        self.ingest = Ingest(index, clock=lambda: 77.0)
        self.extra: dict[str, Entry] = {}

    def write(self, path: str, content: object) -> str:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def write_run(self, directory: str, status: object = "finished", **meta: object) -> list[str]:
        run_id = directory.rpartition("/")[2]
        return [
            self.write(f"{directory}/meta.json", {"id": run_id, "project": "p", "name": "n", "created_at": 1, **meta}),
            self.write(f"{directory}/status.json", {"status": status, "started_at": 2.0}),
        ]

    def remove(self, path: str) -> set[str]:
        """Remove a path; return all that is gone with it, as a scan would say."""
        target = self.root / path
        below = {found.relative_to(self.root).as_posix() for found in target.rglob("*")} | {path}
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        return below

    async def commit(
        self, changed: Collection[str] = (), gone: Collection[str] = (), listed: Collection[str] = ()
    ) -> IngestResult:
        return await self.ingest.on_commit(self.source, changed=changed, gone=gone, listed=listed, listing=self.listing)

    @property
    def listing(self) -> Mapping[str, Entry]:
        return {**list_local(self.root), **self.extra}

    @property
    def runs(self) -> dict[str, RunRow]:
        rows, _ = RunStore(self.index).list_runs(RunFilter(deleted=None))
        return {row.key: row for row in rows}

    @property
    def versions(self) -> list[str]:
        rows = ArtifactStore(self.index).list_versions()
        return [f"{row.version.type}/{row.version.name}:{row.version.version}" for row in rows]


@pytest.fixture
def copy(index: Database, tmp_path: Path) -> Copy:
    root = tmp_path / "copy"
    root.mkdir()
    return Copy(index, root)


@pytest.mark.parametrize(("version", "count", "artifacts"), [("0.4", 8, 2), ("0.7", 6, None)])
async def test_a_recorded_root_is_indexed_whole(
    index: Database, tmp_path: Path, version: str, count: int, artifacts: int | None
) -> None:
    copy = Copy(index, unpack_sample(version, tmp_path / "sample"))
    result = await copy.commit(copy.listing)
    expected = {path.parent.name for path in copy.root.rglob("meta.json")}
    assert {row.run_id for row in copy.runs.values()} == expected
    assert sorted(result.changed) == sorted(f"gpu1/{run_id}" for run_id in expected)
    assert RunStore(index).counts()[0] == count
    assert RunStore(index).counts()[1] == artifacts or artifacts is None
    for row in copy.runs.values():
        status = json.loads((copy.root / row.path / "status.json").read_text())
        assert (row.status, row.ended_at) == (status["status"], status.get("ended_at"))
        assert row.remote_dir == f"/data/root/{row.path}"
    assert await copy.commit(copy.listing) == IngestResult()
    assert await copy.ingest.rebuild(copy.source, copy.listing) == IngestResult()
    for artifact in ArtifactStore(index).list_versions():
        assert (copy.root / artifact.version.path).exists()


async def test_a_run_appears_with_its_meta_json_and_follows_its_documents(copy: Copy) -> None:
    status = copy.write("p/n/runs/r1/status.json", {"status": "running", "started_at": 2.0})
    assert await copy.commit([status]) == IngestResult()
    meta, _ = copy.write_run("p/n/runs/r1", "running")
    assert await copy.commit([meta]) == IngestResult(changed=("gpu1/r1",))
    assert copy.runs["gpu1/r1"].status == "running"
    copy.write_run("p/n/runs/r1")
    assert await copy.commit([status]) == IngestResult(changed=("gpu1/r1",))
    assert copy.runs["gpu1/r1"].status == "finished"
    assert await copy.commit([status]) == IngestResult()


async def test_a_listed_meta_json_that_is_not_here_yet_shows_no_run(copy: Copy) -> None:
    meta, status = copy.write_run("r1")
    copy.extra = {meta: copy.listing[meta]}
    copy.remove(meta)
    assert await copy.commit([status], listed=[meta]) == IngestResult()
    copy.write_run("r1")
    assert (await copy.commit([meta])).changed == ("gpu1/r1",)


async def test_events_that_are_only_listed_make_a_directory_a_run(copy: Copy) -> None:
    meta = copy.write("r1/meta.json", {"id": "r1"})
    assert await copy.commit([meta]) == IngestResult()
    copy.write("r1/events.jsonl", b"")
    assert (await copy.commit(listed=["r1/events.jsonl"])).changed == ("gpu1/r1",)
    copy.write("r1/meta.json", {"id": "r1", "project": "other"})
    assert await copy.commit(["r1/events.jsonl"]) == IngestResult()


@pytest.mark.parametrize("torn", [b"", b'{"status": "fin'])
async def test_a_half_written_status_says_what_it_said_before(copy: Copy, torn: bytes) -> None:
    paths = copy.write_run("r1", "running", pid=42)
    await copy.commit(paths)
    copy.write("r1/status.json", torn)
    damage = {"r1/status.json": NO_OBJECT}
    assert await copy.commit(["r1/status.json"]) == IngestResult(damage=damage)
    assert await copy.commit(["r1/status.json"]) == IngestResult()
    assert copy.ingest.list_damaged(copy.source.sync_id) == damage
    assert (copy.runs["gpu1/r1"].status, copy.runs["gpu1/r1"].started_at) == ("running", 2.0)
    copy.write_run("r1", "finished", pid=42)
    assert await copy.commit(["r1/status.json"]) == IngestResult(changed=("gpu1/r1",), damage={})
    assert copy.runs["gpu1/r1"].status == "finished"


async def test_a_damaged_document_that_goes_is_told_no_more(copy: Copy) -> None:
    await copy.commit(copy.write_run("r1"))
    path = copy.write("r1/environment.json", b"{")
    assert (await copy.commit([path])).damage == {path: NO_OBJECT}
    copy.remove(path)
    assert (await copy.commit([], gone=[path])).damage == {}


async def test_a_document_that_is_listed_and_not_here_says_what_it_said_before(copy: Copy) -> None:
    await copy.commit(copy.write_run("r1", "running"))
    copy.extra = {"r1/status.json": copy.listing["r1/status.json"]}
    copy.remove("r1/status.json")
    summary = copy.write("r1/summary.json", {"best_metric_value": 0.5})
    await copy.commit([summary])
    row = copy.runs["gpu1/r1"]
    assert (row.status, row.best_metric_value) == ("running", 0.5)


async def test_a_document_that_was_removed_on_the_server_is_forgotten(copy: Copy) -> None:
    await copy.commit([*copy.write_run("r1"), copy.write("r1/.deleted", {"deleted_at": 5.0})])
    assert copy.runs["gpu1/r1"].deleted_at == 5.0
    assert (await copy.commit(gone=copy.remove("r1/.deleted"))).changed == ("gpu1/r1",)
    assert copy.runs["gpu1/r1"].deleted_at is None


async def test_a_run_whose_directory_goes_is_marked_and_comes_back(copy: Copy) -> None:
    for path in ("p/n/runs/r1", "p/n/runs/r2", "q/r3"):
        await copy.commit(copy.write_run(path))
    assert (await copy.commit(gone=copy.remove("p/n"))).removed == ("gpu1/r1", "gpu1/r2")
    assert {key: row.gone_at for key, row in copy.runs.items()} == {
        "gpu1/r1": 77.0,
        "gpu1/r2": 77.0,
        "gpu1/r3": None,
    }
    assert (await copy.commit(copy.write_run("p/n/runs/r1"))).changed == ("gpu1/r1",)
    assert copy.runs["gpu1/r1"].gone_at is None


async def test_the_topmost_gone_directory_says_enough(copy: Copy) -> None:
    await copy.commit(copy.write_run("p/n/runs/r1"))
    copy.remove("p")
    assert (await copy.commit(gone=["p"])).removed == ("gpu1/r1",)


async def test_a_run_that_loses_only_its_meta_json_is_gone(copy: Copy) -> None:
    await copy.commit(copy.write_run("r1"))
    assert (await copy.commit(gone=copy.remove("r1/meta.json"))).removed == ("gpu1/r1",)
    assert (await copy.commit(gone=copy.remove("r1/status.json"))).removed == ()


async def test_a_lost_meta_json_takes_no_run_of_another_tool_with_it(copy: Copy) -> None:
    other = make_run("deep/demo.db#first", "trackio", {"name": "first"}, {})
    with copy.index.writing() as connection:
        RunStore(copy.index).upsert(connection, copy.scope, [other])
    assert await copy.commit(gone={"meta.json"}) == IngestResult()
    assert [run.gone_at for run in copy.runs.values()] == [None]


async def test_other_files_going_leave_the_run(copy: Copy) -> None:
    await copy.commit([*copy.write_run("r1"), copy.write("r1/logs.txt", b"x")])
    assert await copy.commit(gone=copy.remove("r1/logs.txt")) == IngestResult()
    assert copy.runs["gpu1/r1"].gone_at is None


async def test_a_renamed_directory_is_the_same_run(copy: Copy) -> None:
    await copy.commit(copy.write_run("old/runs/r1"))
    (copy.root / "new").mkdir()
    (copy.root / "old" / "runs").rename(copy.root / "new" / "runs")
    result = await copy.commit(
        ["new/runs/r1/meta.json", "new/runs/r1/status.json"],
        gone=["old/runs", "old/runs/r1", "old/runs/r1/meta.json", "old/runs/r1/status.json"],
    )
    assert result == IngestResult(changed=("gpu1/r1",))
    assert {key: row.path for key, row in copy.runs.items()} == {"gpu1/r1": "new/runs/r1"}


async def test_the_synced_root_may_be_a_run_itself(copy: Copy) -> None:
    changed = [copy.write("meta.json", {"id": "mine"}), copy.write("status.json", {"status": "finished"})]
    assert (await copy.commit(changed)).changed == ("gpu1/mine",)
    assert copy.runs["gpu1/mine"].remote_dir == "/data/root"


async def test_rebuilding_heals_an_index_that_fell_behind(copy: Copy) -> None:
    await copy.commit(copy.write_run("a/r1", "running") + copy.write_run("a/r2"))
    artifact = copy.write("artifacts/model/m/v1/metadata.json", {"name": "m"})
    await copy.commit([artifact])
    copy.write_run("a/r1", "finished")
    copy.write_run("b/r3")
    copy.remove("a/r2")
    copy.remove("artifacts")
    copy.write("artifacts/model/n/v1/metadata.json", {"name": "n"})
    result = await copy.ingest.rebuild(copy.source, copy.listing)
    assert (result.changed, result.removed) == (("gpu1/r1", "gpu1/r3"), ("gpu1/r2",))
    assert copy.runs["gpu1/r2"].gone_at == 77.0
    assert copy.versions == ["model/n:1"]
    assert await copy.ingest.rebuild(copy.source, copy.listing) == IngestResult()


async def test_the_version_list_decides_which_versions_there_are(copy: Copy) -> None:
    directory = "artifacts/model/m"
    own = [copy.write(f"{directory}/v{n}/metadata.json", {"name": "m", "version": n}) for n in (1, 2, 3)]
    await copy.commit(own)
    assert copy.versions == ["model/m:1", "model/m:2", "model/m:3"]
    listed = {
        "artifact_name": "m",
        "versions": [{"version": 2}, {"version": 3}, {"version": 9}],
        "aliases": {"best": 2},
    }
    await copy.commit([copy.write(f"{directory}/versions.json", listed)])
    assert copy.versions == ["model/m:2", "model/m:3"]
    assert ArtifactStore(copy.index).list_versions()[0].version.aliases == ("best",)
    await copy.commit(own)
    assert copy.versions == ["model/m:2", "model/m:3"]
    await copy.commit([copy.write(f"{directory}/v2/.deleted", {})])
    assert copy.versions == ["model/m:3"]
    await copy.commit(gone=copy.remove(f"{directory}/v2/.deleted"))
    assert copy.versions == ["model/m:2", "model/m:3"]
    await copy.commit(gone=copy.remove(f"{directory}/v3"))
    assert copy.versions == ["model/m:2"]
    await copy.commit([copy.write(f"{directory}/versions.json", b"{")])
    assert copy.versions == ["model/m:2"]


async def test_what_a_run_archived_is_an_artifact_while_it_is_there(copy: Copy) -> None:
    archived = "archive/outputs/rolling/r1/aa_model.pt"
    output = {"name": "model.pt", "archive_path": f"/data/root/{archived}", "archived_at": 3}
    changed = copy.write_run("runs/cv/r1", path="cv")
    changed.append(copy.write("runs/cv/r1/assets.json", {"outputs": [output]}))
    await copy.commit(changed)  # the archived file is not even listed yet
    assert copy.versions == ["output/cv/model.pt:1"]
    await copy.commit([copy.write(archived, b"weights")])
    await copy.commit(gone=copy.remove(archived))
    assert copy.versions == []
    await copy.commit(changed)
    assert copy.versions == []
    copy.write(archived, b"weights")
    await copy.commit([archived, *changed])
    assert copy.versions == ["output/cv/model.pt:1"]


async def test_nothing_outside_the_copy_and_nothing_special_is_read(copy: Copy, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"id": "stolen"}')
    copy.write("r1/status.json", {})
    (copy.root / "r1/meta.json").symlink_to(secret)
    copy.write("r2/status.json", {})
    os.mkfifo(copy.root / "r2/meta.json")
    copy.write("r3/status.json", {})
    copy.write("r3/meta.json", b"{}" + b" " * DOCUMENT_LIMIT)
    (copy.root / "r4/meta.json").mkdir(parents=True)
    assert await copy.commit(["r1/meta.json", "r2/meta.json", "r3/meta.json", "r4/meta.json"]) == IngestResult()
    hostile = "../secret/meta.json"
    copy.extra = {hostile: copy.listing["r1/meta.json"], "../secret/status.json": copy.listing["r1/meta.json"]}
    assert await copy.commit([hostile]) == IngestResult()


async def test_an_empty_commit_costs_nothing(copy: Copy) -> None:
    copy.index.close()
    assert await copy.commit() == IngestResult()


async def test_thousands_of_runs_are_indexed_in_one_go(copy: Copy) -> None:
    many = 3000
    changed = [path for number in range(many) for path in copy.write_run(f"p/n/runs/{number}")]
    listing = copy.listing
    started = time.process_time()
    result = await copy.ingest.on_commit(copy.source, changed=changed, gone=[], listing=listing)
    assert len(result.changed) == many
    assert await copy.ingest.rebuild(copy.source, listing) == IngestResult()
    gone = [*changed, *(f"p/n/runs/{number}" for number in range(many))]
    removed = await copy.ingest.on_commit(copy.source, changed=[], gone=gone, listing={})
    assert len(removed.removed) == many
    assert time.process_time() - started < 5.0  # about 1.3 s; a query per run would take many times that
