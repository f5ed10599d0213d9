"""Which files of a look that comes in parts are considered once more at its end."""

from __future__ import annotations

from runferry.sync.telling import Telling


def names_of(*paths: str) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for path in paths:
        names.setdefault(path.rpartition("/")[0], set()).add(path)
    return names


def test_what_came_in_one_part_is_done() -> None:
    telling = Telling()
    telling.add(["a", "a/1", "a/2"], ["a/1", "a/2"])
    assert telling.end([], names_of("a/1", "a/2")) == {"a", "a/1", "a/2"}


def test_a_directory_beside_the_files_makes_no_difference() -> None:
    telling = Telling()
    telling.add(["a", "a/1", "a/b"], ["a/1"], ["a", "a/b"])
    assert telling.end([], names_of("a/1")) == {"a", "a/1", "a/b"}


def test_one_that_comes_in_another_part_does() -> None:
    telling = Telling()
    telling.add(["a/1", "b/1"], ["a/1", "b/1"])
    telling.add(["a/b"], [], ["a/b"])
    assert telling.end([], names_of("a/1", "b/1")) == {"a/b", "b/1"}


def test_a_directory_in_two_parts_is_looked_at_again_as_a_whole() -> None:
    telling = Telling()
    telling.add(["a/1", "b/1"], ["a/1", "b/1"])
    telling.add(["a/2"], ["a/2"])
    assert telling.end([], names_of("a/1", "a/2", "b/1")) == {"b/1"}


def test_so_is_one_with_names_that_were_there_before() -> None:
    telling = Telling()
    telling.add(["a/1", "a/2"], ["a/2"])
    assert telling.end([], names_of("a/1", "a/2")) == set()


def test_so_is_one_of_which_the_end_tells_more_or_less() -> None:
    for altered in ("a/2", "a/gone"):
        telling = Telling()
        telling.add(["a/1", "b/1"], ["a/1", "b/1"])
        assert telling.end([altered], names_of("a/1", "a/2", "b/1")) == {"b/1"}


def test_what_was_there_and_is_as_it_was_is_done() -> None:
    telling = Telling()
    telling.add(["a/1", "a/2"], [])
    assert telling.end([], names_of("a/1", "a/2")) == {"a/1", "a/2"}


def test_the_next_look_begins_anew() -> None:
    telling = Telling()
    telling.add(["a/1"], ["a/1"])
    telling.end([], names_of("a/1"))
    assert telling.end([], names_of("a/1")) == set()
