"""Half-written files are doubted while they are young, and believed when they are old."""

from __future__ import annotations

from runferry.model import Content, Version
from runferry.sync.settle import looks_torn

NOW = 1_000_000_000_000


def content(path: str, data: bytes, *, age: float) -> Content:
    return Content(path, data, Version(len(data), NOW - int(age * 1e9)), True, NOW)


def test_young_json_is_doubted_until_it_parses() -> None:
    assert looks_torn(content("status.json", b"", age=0.01), waited=0)
    assert looks_torn(content("status.json", b'{"status": "run', age=0.5), waited=1.5)
    assert not looks_torn(content("status.json", b'{"status": "running"}', age=0), waited=0)
    assert not looks_torn(content("summary.json", b'{"loss": NaN}', age=0), waited=0)


def test_old_json_is_what_the_server_has_even_if_broken() -> None:
    assert not looks_torn(content("status.json", b"{", age=2.5), waited=0)


def test_deeply_nested_json_is_not_taken_for_a_torn_one() -> None:
    assert not looks_torn(content("a.json", b"[" * 100_000 + b"]" * 100_000, age=0), waited=0)


def test_a_file_that_cannot_be_checked_must_have_been_left_alone_for_a_moment_but_not_for_ever() -> None:
    assert looks_torn(content("config.yaml", b"a: 1", age=0.01), waited=0)
    assert not looks_torn(content("config.yaml", b"a: 1", age=0.1), waited=0)
    assert not looks_torn(content("config.yaml", b"a: 1", age=0.01), waited=1.1)


def test_without_the_servers_clock_broken_json_is_doubted_for_two_seconds() -> None:
    unknown = Content("status.json", b"{", Version(1, NOW), True, 0)
    assert looks_torn(unknown, waited=1)
    assert not looks_torn(unknown, waited=2.5)
