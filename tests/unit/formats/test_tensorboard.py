"""Event files of every shape: many tags, tensors, restarts, damage; the quick way and the slow one agree."""

from __future__ import annotations

import math
import random
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tool_files import (
    bytes_field,
    double_field,
    event_file,
    float_field,
    number_field,
    scalar_value,
    start_event,
    summary_event,
    tensor_value,
    tfrecord,
)

from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.overlap import join, keep_last, purge
from runferry.formats.recognition import find_runs, sources_of
from runferry.formats.run_format import Excerpt
from runferry.formats.tensorboard import TensorBoard, is_hparams_child
from runferry.formats.tensorboard_events import EventsParser
from runferry.formats.wire.crc32c import masked
from runferry.model import SeriesKind

Points = dict[str, list[tuple[float, float, float]]]


def read(data: bytes) -> Findings:
    return EventsParser().feed(data)


def points_of(*batches: Findings) -> Points:
    columns = join(batch.columns for batch in batches)
    return {
        key: list(zip(column.steps, column.times, column.values, strict=True))  # type: ignore[arg-type]
        for (key, kind), column in columns.items()
        if kind is SeriesKind.NUMBER
    }


def single(value: float) -> float:
    """Return what is left of a number in four bytes."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@pytest.mark.parametrize("tags", [1, 7, 300])
def test_many_records_at_once_are_read_as_one_by_one(tags: int) -> None:
    chance = random.Random(tags)
    events, logged = [], Points()
    for row in range(3000):
        tag, step, value = f"metric/{row % tags:03d}", row // tags - 5, chance.gauss(0, 1e3)
        events.append(summary_event(step, scalar_value(tag, value), wall=1.7e9 + row / 7))
        logged.setdefault(tag, []).append((float(step), 1.7e9 + row / 7, single(value)))
    data = event_file(*events)
    assert points_of(read(data)) == logged
    parser = EventsParser()
    pieces = [parser.feed(data[at : at + 100]) for at in range(0, len(data), 100)]
    assert points_of(*pieces) == logged


def test_what_is_not_finite_keeps_being_so() -> None:
    values = [math.nan, math.inf, -math.inf, -0.0, 1e-45]
    data = event_file(*(summary_event(step, scalar_value("x", values[step % 5])) for step in range(100)))
    (column,) = read(data).columns.values()
    assert np.array_equal(
        np.array(column.values), np.array([single(values[s % 5]) for s in range(100)]), equal_nan=True
    )
    assert math.copysign(1.0, column.values[3]) == -1.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        (number_field(1, 1) + float_field(5, 0.5), 0.5),
        (number_field(1, 1) + bytes_field(5, struct.pack("<f", 0.5)), 0.5),
        (number_field(1, 1) + bytes_field(4, struct.pack("<f", 0.5)), 0.5),
        (number_field(1, 2) + double_field(6, 0.1), 0.1),
        (number_field(1, 2) + bytes_field(6, struct.pack("<d", 0.1)), 0.1),
        (number_field(1, 2) + bytes_field(4, struct.pack("<d", 0.1)), 0.1),
        (number_field(1, 9) + bytes_field(10, b"\x05"), 5.0),
        (number_field(1, 3) + number_field(7, -5), -5.0),
        (number_field(1, 9) + bytes_field(4, struct.pack("<q", -7)), -7.0),
        (number_field(1, 10) + bytes_field(4, b"\x01"), 1.0),
        (number_field(1, 19) + bytes_field(4, struct.pack("<e", 1.5)), 1.5),
    ],
)
@pytest.mark.parametrize("count", [1, 50])
def test_a_scalar_may_be_a_tensor_of_any_kind(tensor: bytes, value: float, count: int) -> None:
    for plugin in ("scalars", ""):
        data = event_file(*(summary_event(step, tensor_value("t", tensor, plugin)) for step in range(count)))
        assert [point[2] for point in points_of(read(data))["t"]] == [value] * count


def test_what_is_no_scalar_is_counted_and_gives_no_point() -> None:
    matrix = number_field(1, 1) + bytes_field(4, struct.pack("<6f", *range(6)))
    found = read(
        event_file(
            summary_event(1, tensor_value("h", matrix, "histograms")),
            summary_event(1, tensor_value("pr", matrix, "pr_curves"), bytes_field(1, b"old") + bytes_field(5, b"")),
            summary_event(1, tensor_value("audio", number_field(1, 7) + bytes_field(8, b"RIFF"), "audio")),
        )
    )
    assert found.points == 0
    assert found.bad == 0
    assert found.skipped == {"histogram": 2, "pr_curves": 1, "audio": 1}


def test_several_values_in_one_event_are_as_many_points() -> None:
    data = event_file(*(summary_event(s, scalar_value("a", s), scalar_value("b", -s)) for s in range(100)))
    found = points_of(read(data))
    assert [point[2] for point in found["a"]] == list(range(100))
    assert [point[2] for point in found["b"]] == [-s for s in range(100)]


def test_a_restart_takes_back_what_it_goes_over_again() -> None:
    events = [summary_event(step, scalar_value("x", step)) for step in range(40)]
    again = [summary_event(step, scalar_value("x", -step)) for step in range(30, 50)]
    text = summary_event(35, tensor_value("note", number_field(1, 7) + bytes_field(8, b"old"), "text"))
    found = read(event_file(*events, text, start_event(30), *again))
    assert [p[2] for p in points_of(found)["x"]] == [*range(30), *(-s for s in range(30, 50))]
    assert list(found.superseded["x", SeriesKind.NUMBER].values) == list(range(30, 40))
    assert list(found.superseded["note", SeriesKind.TEXT].values) == ["old"]
    assert found.purge_from == 30.0


@settings(max_examples=60, deadline=None)
@given(logged=st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=60), cut=st.integers(0, 3000))
def test_a_restart_means_the_same_wherever_reading_was_cut(logged: list[tuple[bool, int]], cut: int) -> None:
    events = [
        start_event(step) if is_start and step else summary_event(step, scalar_value("x", place))
        for place, (is_start, step) in enumerate(logged)
    ]
    data = event_file(*events)
    whole = read(data)
    parser = EventsParser()
    first = parser.feed(data[:cut])
    second = EventsParser(parser.position, parser.state).feed(data[parser.position :])
    columns = join([first.columns])
    if second.purge_from is not None:
        columns = {key: purge(column, key[1], second.purge_from)[0] for key, column in columns.items()}
    joined = join([columns, second.columns])
    key = ("x", SeriesKind.NUMBER)
    assert list(joined[key].values if key in joined else ()) == list(
        whole.columns[key].values if key in whole.columns else ()
    )


def test_of_points_at_one_step_the_last_counts() -> None:
    data = event_file(*(summary_event(step, scalar_value("x", place)) for place, step in enumerate([0, 1, 2, 1, 2, 3])))
    kept, left = keep_last(read(data).columns["x", SeriesKind.NUMBER], SeriesKind.NUMBER)
    assert list(zip(kept.steps, kept.values, strict=True)) == [(0, 0), (1, 3), (2, 4), (3, 5)]
    assert list(zip(left.steps, left.values, strict=True)) == [(1, 1), (2, 2)]


@pytest.mark.parametrize("count", [5, 200])
def test_a_damaged_record_is_left_out_and_noted(count: int) -> None:
    events = [tfrecord(summary_event(step + 1, scalar_value("x", step))) for step in range(count)]
    for where in (3, 9, 15, len(events[2]) - 1):  # in the length, its checksum, the payload, the payload's checksum
        broken = bytearray(events[2])
        broken[where] ^= 0x10
        data = b"".join([*events[:2], bytes(broken), *events[3:]])
        for piece in (len(data), 7):
            parser = EventsParser()
            batches = [parser.feed(data[at : at + piece]) for at in range(0, len(data), piece)]
            assert [p[2] for p in points_of(*batches)["x"]] == [float(s) for s in range(count) if s != 2]
            assert sum(batch.bad for batch in batches) == 1
            assert parser.position == len(data)


def test_a_record_that_is_too_long_is_passed_over_without_being_kept() -> None:
    head = struct.pack("<Q", 10**9)
    after = tfrecord(summary_event(1, scalar_value("x", 1)))
    parser = EventsParser()
    first = parser.feed(event_file() + head + struct.pack("<I", masked(head)) + bytes(1000))
    assert first.bad == 1
    state = parser.state
    left = state["skip"]
    assert isinstance(left, int)
    other = EventsParser(parser.position, state)
    assert other.feed(bytes(5000)).bad == 0
    jumped = EventsParser(parser.position + left - 10, {"skip": 10})
    assert points_of(jumped.feed(bytes(10) + after)) == {"x": [(1.0, 1.7e9, 1.0)]}


def test_a_file_full_of_damage_is_read_in_its_own_time() -> None:
    good = tfrecord(summary_event(1, scalar_value("x", 1)))
    data = b"".join(bytes([place % 251]) + good for place in range(5000))
    begin = time.process_time()
    found = read(data)
    assert (found.points, found.bad) == (5000, 5000)
    assert time.process_time() - begin < 10  # it was minutes when each gap was searched from afar


def test_records_of_many_lengths_are_read() -> None:
    events = [summary_event(1, scalar_value("x" * (place % 450), place)) for place in range(3000)]
    found = read(event_file(*events) + tfrecord(b"") * 100)
    assert (found.points, found.bad) == (3000, 0)
    spoilt = bytearray(event_file(*events))
    spoilt[-1] ^= 1
    assert read(bytes(spoilt)).points == 2999


def test_series_begin_in_the_order_of_their_records() -> None:
    events = [summary_event(step, scalar_value(tag, 1.0)) for step in range(30) for tag in ("train/loss", "acc", "lr")]
    data = event_file(*events)
    assert list(points_of(read(data))) == ["train/loss", "acc", "lr"]


def test_zeros_at_the_end_of_a_file_that_grows_are_no_records() -> None:
    data = event_file(summary_event(1, scalar_value("x", 1)))
    parser = EventsParser()
    assert parser.feed(data + bytes(100)).points == 1
    assert parser.feed(tfrecord(summary_event(2, scalar_value("x", 2)))).points == 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_garbage_is_never_an_exception(data: bytes, piece: int) -> None:
    for bytes_ in (data, event_file() + data, tfrecord(data), tfrecord(bytes_field(5, data)) * 30):
        parser = EventsParser()
        for at in range(0, len(bytes_), piece):
            parser.feed(bytes_[at : at + piece])
        assert parser.position <= len(bytes_)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_changed_bytes_are_never_an_exception_and_never_invent_tags(seed: int, count: int) -> None:
    chance = random.Random(seed)
    data = bytearray(
        event_file(*(summary_event(s, scalar_value("loss", s), scalar_value("acc", s)) for s in range(60)))
    )
    for place in chance.sample(range(len(data)), count):
        data[place] ^= 1 << chance.randrange(8)
    found = read(bytes(data))
    assert set(points_of(found)) <= {"loss", "acc"}
    assert 0 < found.points <= 120
    assert found.bad >= 1


HPARAMS = bytes_field(
    3,
    bytes_field(1, bytes_field(1, b"lr") + bytes_field(2, double_field(2, 0.5)))
    + bytes_field(1, bytes_field(1, b"opt") + bytes_field(2, bytes_field(3, b"adam"))),
)


def test_hyperparameters_are_the_runs_whose_directory_is_above() -> None:
    plugin = bytes_field(1, b"hparams") + bytes_field(2, HPARAMS)
    child = event_file(summary_event(0, bytes_field(1, b"_hparams_/s") + bytes_field(9, bytes_field(1, plugin))))
    names = ["events.out.tfevents.20.h", "events.out.tfevents.9.h", "1795374291.79/events.out.tfevents.21.h"]
    names = [f"run/{name}" for name in names]
    listing = Listing(names)
    (run,) = find_runs(listing)
    assert run.path == "run"
    assert [(s.path, s.sequence) for s in sources_of(run, listing)] == [
        (names[1], ""),
        (names[0], ""),
        (names[2], "1795374291.79"),
    ]
    assert is_hparams_child(child)
    assert not is_hparams_child(event_file())
    excerpts = {"1795374291.79/events.out.tfevents.21.h": Excerpt(child, b"", len(child))}
    assert TensorBoard().read_card("run", {}, excerpts).meta["params"] == {"lr": 0.5, "opt": "adam"}


def test_an_empty_event_file_is_a_run() -> None:
    listing = Listing(["a/events.out.tfevents.1795374291.host.with.dots"])
    (run,) = find_runs(listing)
    card = TensorBoard().read_card("a", {}, {"events.out.tfevents.1795374291.host.with.dots": Excerpt(b"")})
    assert (run.path, card.name, card.started_at, card.status) == ("a", "a", None, "")
