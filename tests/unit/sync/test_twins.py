"""One file under several names crosses the wire once."""

from __future__ import annotations

from runferry.model import Entry, Kind, Version
from runferry.store.sync_state import Held
from runferry.sync.twins import Twins

VERSION = Version(9, 5, 5, 7, 1)


def named(path: str, *, links: int = 2, version: Version = VERSION) -> Entry:
    return Entry(path, Kind.FILE, version, links=links)


def held(version: Version, *, is_racy: bool = False) -> Held:
    return Held(version, b"", 0, is_racy, 0.0)


def test_other_names_wait_for_the_first_and_find_its_bytes() -> None:
    twins = Twins()
    first, second = named("a"), named("b")
    assert not twins.must_wait(first)
    assert twins.must_wait(second)
    assert not twins.must_wait(first), "the first never waits for itself"
    twins.settle("a", held(first.version))
    assert twins.release("a") == ["b"]
    assert twins.home_of(second) == "a"


def test_when_the_first_fails_another_takes_its_place() -> None:
    twins = Twins()
    twins.must_wait(named("a"))
    twins.must_wait(named("b"))
    twins.must_wait(named("c"))
    assert twins.release("a") == ["b", "c"]
    assert not twins.must_wait(named("b"))
    assert twins.must_wait(named("c"))


def test_a_renamed_file_is_found_by_its_version_and_a_racy_one_is_not() -> None:
    twins = Twins()
    entry = named("new", links=1)
    twins.settle("old", held(entry.version, is_racy=True))
    assert twins.home_of(entry) is None
    twins.settle("old", held(entry.version))
    assert twins.home_of(entry) == "old"


def test_versions_without_an_inode_have_no_home() -> None:
    twins = Twins()
    version = Version(9, 5)
    twins.settle("old", held(version))
    assert twins.home_of(named("new", version=version)) is None
    assert not twins.must_wait(named("new", version=version))
