"""Landing files: contained, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.disks import shrink_disk
from tests.support.failing_disk import FailingDisk

from runferry.errors import DiskFull, InvalidRequest, LocalCopyDamaged
from runferry.store.files import Landing, LocalTree, check_path, content_hash


@pytest.fixture
def tree(tmp_path: Path) -> LocalTree:
    tree = LocalTree(tmp_path / "copy", tmp_path / "staging")
    tree.open()
    return tree


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a\0b", "a\\..\\b", "x/" * 65]
)
def test_a_path_that_could_leave_the_tree_is_refused(tree: LocalTree, path: str) -> None:
    with pytest.raises(InvalidRequest):
        tree.locate(path)


@given(st.text(max_size=40))
def test_every_path_that_is_accepted_stays_below_the_root(path: str) -> None:
    try:
        check_path(path)
    except InvalidRequest:
        return
    assert os.path.normpath(f"/root/{path}").startswith("/root/")


def test_a_landed_file_has_its_bytes_and_its_remote_time(tree: LocalTree) -> None:
    assert tree.land_many([Landing("a/b/c.json", b"{}", 1_700_000_000_000_000_000)]) == []
    landed = tree.root / "a/b/c.json"
    assert landed.read_bytes() == b"{}"
    assert landed.stat().st_mtime_ns == 1_700_000_000_000_000_000
    assert list(tree.staging.iterdir()) == []


def test_a_name_that_is_too_long_for_this_disk_is_a_problem_and_the_others_land(tree: LocalTree) -> None:
    problems = tree.land_many([Landing("x" * 300, b"1", 0), Landing("ok", b"2", 0)])
    assert [problem.path for problem in problems] == ["x" * 300]
    assert (tree.root / "ok").read_bytes() == b"2"


class GrudgingDisk(FailingDisk):
    """Takes three bytes at a time."""

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int, /) -> int:
        return super().pwrite(fd, data[:3], offset)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_what_a_disk_takes_bit_by_bit_is_written_whole(landed: bytes, appended: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = LocalTree(Path(folder) / "copy", Path(folder) / "staging", GrudgingDisk())
        tree.open()
        assert tree.land_many([Landing("f", landed, 0)]) == []
        tree.append("f", appended, offset=len(landed), mtime_ns=0)
        assert (tree.root / "f").read_bytes() == landed + appended


def test_a_file_becomes_a_directory_and_back(tree: LocalTree) -> None:
    tree.land_many([Landing("a", b"file", 0)])
    tree.land_many([Landing("a/b", b"below", 0)])
    assert (tree.root / "a/b").read_bytes() == b"below"
    tree.land_many([Landing("a", b"file again", 0)])
    assert (tree.root / "a").read_bytes() == b"file again"


def test_a_link_planted_in_the_tree_is_not_followed(tree: LocalTree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tree.root / "a").symlink_to(outside)
    tree.land_many([Landing("a/b", b"x", 0)])
    assert list(outside.iterdir()) == []
    assert (tree.root / "a/b").read_bytes() == b"x"


def test_appending_cuts_what_was_never_committed(tree: LocalTree) -> None:
    tree.land_many([Landing("log", b"0123456789", 0)])
    tree.append("log", b"abc", offset=4, mtime_ns=5_000_000_000)
    assert (tree.root / "log").read_bytes() == b"0123abc"


def test_appending_behind_the_end_is_refused(tree: LocalTree) -> None:
    tree.land_many([Landing("log", b"0123", 0)])
    with pytest.raises(LocalCopyDamaged):
        tree.append("log", b"abc", offset=5, mtime_ns=0)


@given(st.binary(max_size=20_000), st.data())
def test_window_digests_are_those_of_the_bytes_before_the_offset(data: bytes, draw: st.DataObject) -> None:
    offset = draw.draw(st.integers(1, max(1, len(data))))
    data = data.ljust(1, b"x")
    landed = draw.draw(st.integers(0, offset))
    with tempfile.TemporaryDirectory() as folder:
        tree = LocalTree(Path(folder) / "copy", Path(folder) / "staging")
        tree.open()
        tree.land_many([Landing("f", data[:landed], 0)])
        head, tail = tree.window_digests("f", offset, data[landed:offset])
    assert head == blake2b(data[:offset], digest_size=16).digest()
    assert tail == blake2b(data[max(0, offset - 4096) : offset], digest_size=16).digest()


def test_a_staged_file_continues_where_it_was_left(tree: LocalTree) -> None:
    first = tree.stage("b-1")
    first.add([b"hello", b" "])
    first.close()
    second = tree.stage("b-1")
    assert second.length == 6
    second.add([b"world"])
    second.close()
    assert second.content_hash == content_hash(b"hello world")
    tree.land_staged("b-1", "model.pt", mtime_ns=7)
    assert (tree.root / "model.pt").read_bytes() == b"hello world"


def test_a_hard_links_twin_shares_its_bytes_and_a_copy_does_not(tree: LocalTree) -> None:
    tree.land_many([Landing("a", b"12", 0)])
    tree.link("a", "twin", is_copy=False)
    tree.link("a", "copy", is_copy=True)
    assert (tree.root / "a").stat().st_ino == (tree.root / "twin").stat().st_ino
    assert (tree.root / "a").stat().st_ino != (tree.root / "copy").stat().st_ino
    assert (tree.root / "copy").read_bytes() == b"12"


def trash_of(tree: LocalTree) -> dict[str, bytes]:
    """Return the files in the trash by their path below the day."""
    trash = tree.staging / "trash"
    found = (path for path in trash.rglob("*") if path.is_file())
    return {"/".join(path.relative_to(trash).parts[1:]): path.read_bytes() for path in found}


def test_the_trash_keeps_the_path_and_everything_that_ever_had_it(tree: LocalTree) -> None:
    for data in (b"first", b"second", b"third"):
        tree.land_many([Landing("a/b.txt", data, 0)])
        assert tree.discard_many(["a/b.txt", "not/there"]) == []
        assert tree.find_absent(["a/b.txt", "a"]) == ["a/b.txt"]
    tree.land_many([Landing("a", b"in the way", 0)])  # the empty directory gives way, to the trash
    assert tree.discard_many(["a"]) == []
    kept = [path.read_bytes() for path in (tree.staging / "trash").rglob("*") if path.is_file()]
    assert sorted(kept) == [b"first", b"in the way", b"second", b"third"]
    assert set(trash_of(tree)) == {"a", "a/b.txt"}
    tree.sweep(frozenset())
    assert len(trash_of(tree)) == 2, "tidying up leaves it alone"


def test_what_cannot_be_moved_to_the_trash_is_a_problem_of_its_own(tree: LocalTree) -> None:
    tree.land_many([Landing("a.txt", b"a", 0)])
    (tree.staging / "trash").write_bytes(b"a file where the trash should be")
    (problem,) = tree.discard_many(["a.txt"])
    assert (problem.path, "cannot be moved to the trash" in problem.message) == ("a.txt", True)
    assert (tree.root / "a.txt").read_bytes() == b"a"


def test_only_empty_directories_are_removed(tree: LocalTree) -> None:
    tree.land_many([Landing("full/a.txt", b"a", 0)])
    tree.make_directory("bare/inner")
    tree.remove_empty(["bare/inner", "bare", "full", "none"])
    assert not (tree.root / "bare").exists()
    assert (tree.root / "full/a.txt").exists()
    tree.land_many([Landing("bare/inner/b.txt", b"b", 0)])
    assert (tree.root / "bare/inner/b.txt").read_bytes() == b"b"


def test_what_would_reach_into_the_reserve_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_disk(monkeypatch, tmp_path, size=5000)
    tree = LocalTree(tmp_path / "copy", tmp_path / "staging", reserve=1000)
    tree.open()
    tree.land_many([Landing("log.txt", b"x" * 3000, 1)])
    staged = tree.stage("big")
    for write in (
        lambda: tree.land_many([Landing("more.txt", b"x" * 1001, 1)]),
        lambda: tree.append("log.txt", b"x" * 1001, offset=3000, mtime_ns=2),
        lambda: staged.add([b"x" * 1001]),
        lambda: tree.link("log.txt", "twin.txt", is_copy=True),
    ):
        with pytest.raises(DiskFull, match="disk_reserve_bytes"):
            write()
    assert (tmp_path / "copy" / "log.txt").stat().st_size == 3000
    tree.append("log.txt", b"x" * 1000, offset=3000, mtime_ns=2)
    staged.close()
    (tmp_path / "copy" / "log.txt").unlink()
    tree.land_many([Landing("after.txt", b"x" * 3000, 1)])
