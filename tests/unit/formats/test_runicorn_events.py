"""Runicorn's events: every value lands in a series, whatever the pieces it comes in and wherever it is cut."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.columns import Gathered, gather, gather_cut

from runferry.formats import runicorn_events
from runferry.formats.runicorn_events import EventsParser, make_parser
from runferry.model import MediaItem


def read(*lines: str | bytes) -> Gathered:
    """Read lines, each with its newline."""
    data = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    return gather(make_parser(), data)


def metrics(data: object, ts: object = 1.5) -> str:
    return json.dumps({"ts": ts, "type": "metrics", "data": data})


# What becomes of values


def test_every_field_but_the_step_and_the_time_is_a_series() -> None:
    found = read(metrics({"loss": 0.5, "lr": 1, "global_step": 7, "time": 9.0, "stage": "train"}, ts=100.25))
    assert set(found.series) == {("loss", "number"), ("lr", "number"), ("stage", "text")}
    assert (found.values("loss"), found.steps("loss"), found.times("loss")) == ([0.5], [7.0], [100.25])
    assert found.values("lr") == [1.0]
    assert found.values("stage", "text") == ["train"]


def test_a_key_has_a_series_for_each_kind_of_its_values() -> None:
    found = read(*(metrics({"x": value, "global_step": 1}) for value in (1, True, "a", None, [1, 2.5], {"k": [None]})))
    assert found.values("x") == [1.0]
    assert found.values("x", "boolean") == [1.0]
    assert found.values("x", "text") == ["a", "null", "[1,2.5]", '{"k":[null]}']
    assert found.bad == 0


def test_nan_and_infinity_are_values() -> None:
    found = read('{"ts": 1, "type": "metrics", "data": {"x": NaN, "y": Infinity, "z": -Infinity, "global_step": 1}}')
    assert math.isnan(float(found.values("x")[0]))
    assert found.values("y") + found.values("z") == [math.inf, -math.inf]


def test_several_lines_of_one_step_are_all_kept() -> None:
    found = read(*(metrics({"x": value, "global_step": 3}) for value in (1, 2, 1)))
    assert found.values("x") == [1.0, 2.0, 1.0]
    assert found.steps("x") == [3.0, 3.0, 3.0]


def test_without_a_step_a_key_goes_on_from_its_own_last_one() -> None:
    found = read(metrics({"x": 0}), metrics({"x": 0}), metrics({"x": 0, "global_step": 10}), metrics({"x": 0, "y": 0}))
    assert found.steps("x") == [0.0, 1.0, 10.0, 11.0]
    assert found.steps("y") == [0.0]


@pytest.mark.parametrize("step", ["5", None, True, [1]])
def test_a_step_that_is_no_number_is_a_value_like_others(step: object) -> None:
    found = read(metrics({"x": 1, "global_step": step}))
    assert found.steps("x") == [0.0]
    assert sum(len(points) for name, points in found.series.items() if name[0] == "global_step") == 1


def test_the_time_is_that_of_the_line_else_that_of_its_data_else_unknown() -> None:
    found = read(metrics({"x": 1, "time": 5.0}, ts="late"), metrics({"x": 1}, ts=None), metrics({"x": 1}, ts=7))
    assert found.times("x")[0::2] == [5.0, 7.0]
    assert math.isnan(found.times("x")[1])


def test_whole_numbers_beyond_64_bits_become_floats_and_the_very_long_ones_infinite() -> None:
    digits = "9" * 5000
    found = read(*(f'{{"type": "metrics", "data": {{"x": {n}}}}}' for n in (2**53 + 1, 10**30, digits, f"-{digits}")))
    assert found.values("x") == [float(2**53), 1e30, math.inf, -math.inf]


def test_a_long_text_is_cut_and_says_so() -> None:
    text = read(metrics({"x": "ä" * 100_000})).values("x", "text")[0]
    assert text == "ä" * 65536 + "… [100000 characters]"


# What is not a metrics line


def test_images_become_media() -> None:
    data = {"key": "sample", "path": "media/1.png", "step": 20, "caption": "ein Quadrat ✓"}
    found = read(json.dumps({"ts": 2.5, "type": "image", "data": data}))
    assert found.media == [MediaItem("image", "sample", "media/1.png", 20.0, 2.5, "ein Quadrat ✓")]


def test_an_image_needs_a_path_and_nothing_else() -> None:
    found = read('{"type": "image", "data": {"path": "a.png"}}', '{"type": "image", "data": {"key": "k"}}')
    assert found.media == [MediaItem("image", "", "a.png")]
    assert found.bad == 1


def test_unknown_events_are_counted_and_are_no_errors() -> None:
    found = read('{"type": "audio", "data": {}}', '{"data": {}}', '{"type": ["metrics"]}', metrics({"x": 1}))
    assert (found.unknown, found.bad, found.values("x")) == (3, 0, [1.0])


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "42",
        "[1, 2]",
        '"text"',
        '{"type": "metrics"}',
        '{"type": "metrics", "data": [1]}',
        '{"type": "metrics", "data": {"x": 1}',
        '{"type": "metrics", "data": {"' + "k" * 3000 + '": 1}}',
    ],
)
def test_a_record_that_is_none_is_counted_and_the_others_are_read(line: str) -> None:
    found = read(metrics({"x": 1}), line, metrics({"x": 2}))
    assert found.values("x") == [1.0, 2.0]
    assert found.bad == 1
    assert found.first_bad is not None
    assert found.first_bad.startswith(f"At byte {len(metrics({'x': 1})) + 1}: ")


def test_blank_lines_and_carriage_returns_mean_nothing() -> None:
    found = read(b"", metrics({"x": 1}).encode() + b"\r", b"  \t\r", b"\xef\xbb\xbf" + metrics({"x": 2}).encode())
    assert (found.values("x"), found.bad) == ([1.0, 2.0], 0)


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    found = read(b'{"type": "metrics", "data": {"x": "a\xff\xe2b", "k\xfe": 1}}')
    assert found.values("x", "text") == ["a\ufffd\ufffdb"]
    assert found.values("k\ufffd") == [1.0]


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    found = read('{"type": "metrics", "data": {"x": "\\ud83d", "y": "\\ud83d\\ude00"}}')
    assert found.values("x", "text") == ["\ufffd"]
    assert found.values("y", "text") == ["😀"]


def test_nesting_without_end_is_a_bad_record() -> None:
    deep = '{"type": "metrics", "data": {"x": ' + "[" * 10_000 + "]" * 10_000 + ', "y": 1}}'
    found = read(deep, metrics({"x": 1}))
    assert (found.bad, found.values("x")) == (1, [1.0])


def test_a_value_that_is_too_deep_costs_the_others_of_its_line_nothing() -> None:
    value = "[" * 300 + "]" * 300
    found = read('{"type": "metrics", "data": {"x": ' + value + ', "y": 1, "global_step": 4}}')
    assert (found.bad, found.values("y"), found.steps("y")) == (1, [1.0], [4.0])


def test_a_line_of_ten_megabytes_is_read() -> None:
    found = read(metrics({"x": list(range(1_500_000)), "y": 2}))
    assert found.values("y") == [2.0]
    assert str(found.values("x", "text")[0]).endswith("characters]")


def test_a_line_beyond_the_limit_is_one_bad_record_and_is_not_kept() -> None:
    parser = EventsParser(longest=1000)
    found = gather(parser, *[b"y" * 300] * 20, b"\n" + metrics({"x": 1}).encode() + b"\n")
    assert (found.bad, found.values("x")) == (1, [1.0])
    assert not parser.state.get("is_skipping")


# The end of the file


def test_a_last_line_without_newline_counts_when_it_is_whole() -> None:
    parser = make_parser()
    line = metrics({"x": 1}).encode()
    assert gather(parser, line).values("x") == [1.0]
    assert parser.position == len(line)
    assert gather(parser, b"\n" + line + b"\n").values("x") == [1.0]


def test_a_last_line_that_is_not_whole_waits() -> None:
    parser = make_parser()
    line = metrics({"x": 1, "y": {"z": 2}}).encode()
    for end in range(1, len(line)):
        assert gather(make_parser(), line[:end]).series == {}
    assert gather(parser, line[:-1]).bad == 0
    assert parser.position == 0


def test_what_follows_an_object_on_its_line_is_a_record_of_its_own() -> None:
    found = read(metrics({"x": 1}) + metrics({"x": math.nan}) + "torn")
    assert len(found.values("x")) == 2
    assert found.bad == 1


# Any pieces, any cut

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=8),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
DATA = st.dictionaries(
    st.sampled_from(["loss", "acc", "stage", "global_step", "time", "é"]) | st.text(max_size=4), VALUES, max_size=5
)
EVENTS = st.builds(
    lambda kind, data, ts, ascii: json.dumps({"ts": ts, "type": kind, "data": data}, ensure_ascii=ascii).encode(
        "utf-8", "surrogatepass"
    ),
    st.sampled_from(["metrics", "metrics", "metrics", "image", "audio"]),
    DATA | st.dictionaries(st.sampled_from(["key", "path", "step", "caption"]), VALUES),
    st.one_of(st.floats(), st.none(), st.integers(0, 2**40)),
    st.booleans(),
)
JUNK = st.binary(max_size=12) | st.sampled_from([b"", b"\r", b"{", b"}", b'{"a": 1}', b"NaN", b"[1]"])
FILES = st.builds(
    lambda lines, end: b"".join(lines) + end,
    st.lists(
        st.builds(
            lambda line, more, end: line + more + end, EVENTS | JUNK, JUNK, st.sampled_from([b"\n", b"\r\n", b""])
        )
    ),
    EVENTS | JUNK,
)


@given(FILES, st.lists(st.integers(0, 600), max_size=8))
def test_any_pieces_give_the_same(data: bytes, ends: list[int]) -> None:
    places = [0, *sorted(min(end, len(data)) for end in ends), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    one, other = make_parser(), make_parser()
    assert gather(one, *pieces) == gather(other, data)
    assert (one.position, one.state) == (other.position, other.state)


@given(FILES, st.lists(st.integers(0, 600), max_size=8))
def test_any_cut_and_resumption_gives_the_same(data: bytes, ends: list[int]) -> None:
    ends = [min(end, len(data)) for end in ends]
    whole, cut = gather(make_parser(), data), gather_cut(make_parser, data, ends)
    assert (cut.series, cut.media, cut.unknown) == (whole.series, whole.media, whole.unknown)
    assert cut.bad == whole.bad


@given(st.binary(max_size=400))
def test_nothing_raises_and_nothing_is_taken_twice(data: bytes) -> None:
    parser = make_parser()
    gather(parser, data)
    assert 0 <= parser.position <= len(data)


def test_a_source_is_an_events_file_in_a_run_directory() -> None:
    assert runicorn_events.find_run_dir("a/runs/1/events.jsonl", {"a/runs/1"}.__contains__) == "a/runs/1"
    assert runicorn_events.find_run_dir("a/runs/1/events.jsonl", lambda path: False) is None
    assert runicorn_events.find_run_dir("events.jsonl", {""}.__contains__) == ""
    assert not runicorn_events.is_source("a/my-events.jsonl")
    assert not runicorn_events.is_source("a/events.jsonl.lock")
