"""What the user deleted is remembered by its place on the server, whoever syncs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.support.indexing import add_sync, lose_runs, make_run, put_runs

from runferry.errors import InvalidRequest, NotFound
from runferry.store.db import Database
from runferry.store.recycle import Place, RecycleStore, find_refused_paths, find_relative
from runferry.store.removal import remove_local
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunStore, SyncScope
from runferry.store.tables import run_values, runs


def recycle(index: Database, run_id: str, at: float = 5.0) -> Place:
    row = RunStore(index).find(run_id)
    place = Place(row.server_id, row.remote_dir)
    RecycleStore(index).put(place, key=row.key, run_id=row.run_id, at=at)
    return place


def ids(index: Database) -> list[str]:
    return sorted(row.run_id for row in RunStore(index).list_runs(RunFilter())[0])


def test_a_deleted_run_is_in_the_bin_only_whatever_sync_sees_it(index: Database) -> None:
    mirror, smart = add_sync(index, "gpu1", "/data"), add_sync(index, "gpu1", "/data/cv", mode="smart")
    put_runs(index, mirror, make_run("cv/r1"), make_run("cv/r2"))
    recycle(index, "r1")
    put_runs(index, mirror, make_run("cv/r1", status="failed"))
    put_runs(index, smart, make_run("r1"), make_run("r2"))
    store = RunStore(index)
    assert ids(index) == ["r2"]
    assert store.counts()[0] == 1
    assert [row.key for row in store.find_recycled()] == ["gpu1/r1"]
    assert store.find_recycled("r2") == []
    with pytest.raises(NotFound, match="gpu1/r1 is in the recycle bin"):
        store.find("r1")
    RecycleStore(index).take_back(Place(mirror.server_id, "/data/cv/r1"))
    assert ids(index) == ["r1", "r2"]
    assert store.find("r1").status == "failed"


def test_a_deleted_run_that_is_renamed_stays_deleted_and_a_copy_does_not(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    put_runs(index, scope, make_run("old/r1"))
    recycle(index, "r1")
    put_runs(index, scope, make_run("copy/r1"))
    assert [row.path for row in RunStore(index).list_runs(RunFilter())[0]] == ["copy/r1"]
    lose_runs(index, scope, "old/r1")
    put_runs(index, scope, make_run("new/r1"))
    put_runs(index, scope, make_run("copy/r1", status="failed"))
    assert [row.path for row in RunStore(index).list_runs(RunFilter())[0]] == ["copy/r1"]


def test_two_servers_keep_their_own_bins(index: Database) -> None:
    for host in ("gpu1", "gpu2"):
        put_runs(index, add_sync(index, host, "/data"), make_run("r1"))
    recycle(index, "gpu1/r1")
    assert RunStore(index).find("r1").server == "gpu2"


def test_letting_go_is_finished_after_an_abrupt_end(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    put_runs(index, scope, make_run("r1", meta={"config": {"lr": 1}}), make_run("r2", meta={"config": {"lr": 1}}))
    place = recycle(index, "r1")
    store = RecycleStore(index)
    assert store.unfinished() == []
    store.mark_emptied([place], at=6.0)
    assert RunStore(index).find_recycled() == []
    assert store.unfinished() == [place]
    assert store.refused(scope.server_id) == {"/data/r1"}
    (located,) = store.locate(place)
    assert (located.sync_id, located.path) == (scope.sync_id, "r1")
    store.forget(place)
    assert store.unfinished() == []
    assert store.refused(scope.server_id) == {"/data/r1"}
    with index.reading() as connection:
        assert connection.execute(select(func.count()).select_from(runs)).scalar() == 1
        assert connection.execute(select(func.count()).select_from(run_values)).scalar() == 1


@pytest.mark.parametrize(
    ("place", "root", "path"),
    [
        ("/data/cv/r1", "/data", "cv/r1"),
        ("/data/cv/r1", "/data/", "cv/r1"),
        ("/data", "/data", ""),
        ("/data2/r1", "/data", None),
        ("/data", "/data/cv", None),
        ("/r1", "/", "r1"),
        ("/", "/", ""),
    ],
)
def test_places_are_found_below_roots(place: str, root: str, path: str | None) -> None:
    assert find_relative(place, root) == path


def test_a_sync_inside_a_refused_place_refuses_all() -> None:
    assert find_refused_paths(["/data/r1", "/other", "/data/cv"], "/data") == {"r1", "cv"}
    assert find_refused_paths(["/data/r1"], "/data/r1/media") == {""}
    assert find_refused_paths(["/data/r1"], "/data/r1") == {""}
    assert find_refused_paths(["/data/r1"], "/data/r10") == frozenset()


@pytest.fixture
def scope(index: Database) -> SyncScope:
    return add_sync(index, "gpu1", "/data")


def test_only_what_lies_below_the_root_is_removed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    run = root / "a" / "r1"
    run.mkdir(parents=True)
    (run / "data").write_bytes(b"12345")
    (run / "link").symlink_to(outside)
    (root / "way").symlink_to(outside)
    assert remove_local(root, "way/precious") == 0
    assert remove_local(root, "a/r1") == 5
    assert not run.exists()
    assert remove_local(root, "a/r1") == 0
    assert remove_local(root, "a/none/deeper") == 0
    remove_local(root, "way")
    assert (outside / "precious").exists()
    with pytest.raises(InvalidRequest):
        remove_local(root, "../outside")
    (root / "more").write_bytes(b"123")
    assert remove_local(root, "") == 3
    assert list(root.iterdir()) == []
