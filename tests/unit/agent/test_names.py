"""Which names may be spoken about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.agent import names


@pytest.mark.parametrize("name", ["a", ".hidden", "..a", "a b", "ü", "new\nline", "a" * 255, "ü" * 127, "ab:c", "1:"])
def test_ordinary_names_are_fine(name: str) -> None:
    assert names.is_fine(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\0", "C:", "c:x", "a" * 256, "ü" * 128, "bad-\udcff", "\ud800"]
)
def test_names_that_cannot_be_held_safely_are_not(name: str) -> None:
    assert not names.is_fine(name)


def test_paths_are_relative_and_not_too_deep() -> None:
    assert names.is_fine_path("")
    assert names.is_fine_path("a/b")
    assert names.is_fine_path("/".join("a" * 64))
    assert not names.is_fine_path("/".join("a" * 65))
    assert not any(names.is_fine_path(path) for path in ("/a", "a/", "a//b", "a/../b", "./a"))


def test_what_is_too_long_leaves_nothing_behind() -> None:
    before = names._is_fine.cache_info().currsize, names._is_fine_directory.cache_info().currsize
    assert not names.is_fine("a" * 100_000)
    assert not names.is_fine_path("a" * 100_000 + "/b")
    assert not names.is_fine_path("/".join("a" * 100_000) + "/b/" + "c" * 256)
    assert (names._is_fine.cache_info().currsize, names._is_fine_directory.cache_info().currsize) == before


@given(st.lists(st.sampled_from(["a", "", ".", "..", "C:", "a\\b", "ü" * 127, "ü" * 128, "\ud800", "a\0"]), max_size=5))
def test_a_path_is_as_fine_as_its_parts(parts: list[str]) -> None:
    path = "/".join(parts)
    assert names.is_fine_path(path) == (path == "" or all(map(names.is_fine, parts)))


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_a_server_can_have_goes_to_text_and_back(name: bytes) -> None:
    text = names.decode(name)
    assert names.encode(text) == name
    assert names.escape(text).isprintable()
    if names.is_fine(text):
        assert text.encode() == name


@given(st.text())
def test_escaping_makes_any_text_printable_and_leaves_printable_text_alone(text: str) -> None:
    assert names.escape(text).isprintable()
    assert names.escape(names.escape(text)) == names.escape(text)


def test_bytes_that_are_not_utf8_are_shown_as_hexadecimal() -> None:
    assert names.escape(names.decode(b"run-\xff\x1b[0m")) == "run-\\xff\\x1b[0m"


def test_joining_and_taking_apart() -> None:
    assert names.join("", "a") == "a"
    assert names.join("a", "b") == "a/b"
    assert (names.parent("a"), names.parent("a/b/c")) == ("", "a/b")
    assert (names.depth(""), names.depth("a"), names.depth("a/b")) == (0, 1, 2)
