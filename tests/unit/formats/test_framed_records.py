"""W&B's and SwanLab's files: framing, items of all shapes, ends of large files, damage."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.foreign_runs import take_excerpt
from tests.support.tool_files import (
    bytes_field,
    double_field,
    log_file,
    number_field,
    wandb_exit,
    wandb_file,
    wandb_history,
    wandb_item,
)

from runferry.formats.findings import Findings
from runferry.formats.swanlab import SwanLab
from runferry.formats.swanlab_records import RecordsParser as SwanLabParser
from runferry.formats.wandb import Wandb
from runferry.formats.wandb_records import RecordsParser
from runferry.formats.wire.leveldb import BLOCK, LogRecords
from runferry.model import SeriesKind

HEADER = b":W&B\xe1\xbe\x00"
RUN = bytes_field(17, bytes_field(1, b"abc") + bytes_field(3, b"proj") + bytes_field(8, b"warm-star"))


def read(data: bytes) -> Findings:
    return RecordsParser().feed(data)


def points_of(found: Findings) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    return {
        (key, str(kind)): list(zip(column.steps, column.values, strict=True))
        for (key, kind), column in found.columns.items()
    }


RECORDS = st.lists(
    st.integers(0, 3).flatmap(lambda kind: st.binary(max_size=(10, 200, 40_000, 90_000)[kind])), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(records=RECORDS, seed=st.integers(0, 2**32))
def test_records_come_out_as_they_went_in_whatever_the_pieces_and_cuts(records: list[bytes], seed: int) -> None:
    data = log_file(HEADER, *records)
    chance = random.Random(seed)
    splitter, found, at = LogRecords(b":W&B"), list[bytes](), 0
    while at < len(data):
        length = chance.choice((1, 7, 1000, 50_000))
        found += splitter.feed(data[at : at + length])
        at += length
        assert not splitter.bad
        if chance.random() < 0.2:
            at = splitter.position
            splitter = LogRecords(b":W&B", at, splitter.state)
    assert found == records
    assert splitter.position == len(data)


def test_after_damage_reading_goes_on_with_the_next_block() -> None:
    records = [bytes([number]) * 5000 for number in range(40)]
    data = bytearray(log_file(HEADER, *records))
    data[2 * BLOCK + 17_000] ^= 1
    for piece in (len(data), 999):
        splitter, found, bad = LogRecords(b":W&B"), list[bytes](), list[str]()
        for at in range(0, len(data), piece):
            found += splitter.feed(bytes(data[at : at + piece]))
            bad += splitter.bad
        assert len(bad) == 1
        assert len(found) >= 35
        assert set(found) < set(records)
        assert found == sorted(found)


def test_a_record_that_is_too_long_is_passed_over() -> None:
    data = log_file(HEADER, b"a" * 10, b"b" * 300_000, b"c" * 10)
    splitter = LogRecords(b":W&B", longest=100_000)
    assert splitter.feed(data) == [b"a" * 10, b"c" * 10]
    assert len(splitter.bad) == 1


def test_a_block_that_is_not_written_yet_is_waited_for() -> None:
    data = log_file(HEADER, b"a" * 10)
    splitter = LogRecords(b":W&B")
    assert splitter.feed(data + bytes(5000)) == [b"a" * 10]
    assert splitter.position == len(data)
    assert splitter.feed(bytes(BLOCK - len(data) - 5000) + log_file(bytes(BLOCK), b"b")[BLOCK:]) == [b"b"]
    assert not splitter.bad


def test_a_file_of_another_kind_is_noted_once() -> None:
    parser = RecordsParser()
    assert parser.feed(b"PK\x03\x04 not this").bad == 1
    assert parser.feed(bytes(1000)).bad == 0
    assert RecordsParser(parser.position, parser.state).feed(bytes(1000)).bad == 0


def test_history_items_of_every_shape_are_read() -> None:
    row = (
        wandb_item(("loss",), 0.5)
        + wandb_item(("flat",), 2, is_flat=True)
        + wandb_item(("val", "top", "k5"), 1)
        + wandb_item(("a/b",), math.nan)
        + wandb_item(("inf",), -math.inf)
        + wandb_item(("old",), "Infinity")
        + wandb_item(("ok",), True)
        + wandb_item(("label",), "mid")
        + wandb_item(("none",), None)
        + wandb_item(("k" * 130,), 3)
        + wandb_item(("_timestamp",), 1.7e9)
        + wandb_item(("_runtime",), 5)
        + bytes_field(1, bytes_field(2, b"typed") + double_field(6, 0.25))
    )
    found = read(wandb_file(*[bytes_field(2, row + bytes_field(2, number_field(1, 7)))] * 3))
    points = points_of(found)
    assert math.isnan(points.pop(("a/b", "number"))[0][1])
    assert points == {
        ("loss", "number"): [(7, 0.5)] * 3,
        ("flat", "number"): [(7, 2)] * 3,
        ("val.top.k5", "number"): [(7, 1)] * 3,
        ("inf", "number"): [(7, -math.inf)] * 3,
        ("old", "number"): [(7, math.inf)] * 3,
        ("ok", "boolean"): [(7, 1)] * 3,
        ("label", "text"): [(7, "mid")] * 3,
        ("k" * 130, "number"): [(7, 3)] * 3,
    }
    assert set(found.columns["loss", SeriesKind.NUMBER].times) == {1.7e9}


def test_images_are_counted_and_their_fields_are_no_metrics() -> None:
    flat = wandb_item(("pic",), {"_type": "image-file", "path": "media/images/a.png", "caption": "x", "width": 8})
    nested = b"".join(
        wandb_item(("im.g", name), value)
        for name, value in (("width", 8), ("_type", "image-file"), ("path", "media/images/b.png"))
    )
    histogram = wandb_item(("h",), {"_type": "histogram", "values": [1]})
    found = read(wandb_file(bytes_field(2, flat + nested + histogram + wandb_item(("loss",), 1))))
    assert [(item.key, item.path) for item in found.media] == [
        ("pic", "files/media/images/a.png"),
        ("im.g", "files/media/images/b.png"),
    ]
    assert set(points_of(found)) == {("loss", "number")}
    assert found.skipped == {"histogram": 1}


@pytest.mark.parametrize(("code", "status"), [(0, "finished"), (1, "failed"), (255, "failed")])
def test_both_ends_of_a_large_file_tell_name_and_status(code: int, status: str) -> None:
    rows = [wandb_history(step, {"loss": step / 7, "_step": step}) for step in range(12_000)]
    data = wandb_file(RUN, *rows, wandb_exit(code))
    excerpt = take_excerpt(data)
    assert not excerpt.is_whole
    run = Wandb().read_card("wandb/offline-run-20261122_191102-abc", {}, {"run-abc.wandb": excerpt})
    assert (run.id, run.name, run.project, run.status) == ("abc", "warm-star", "proj", status)
    killed = wandb_file(RUN, *rows)
    run = Wandb().read_card("wandb/offline-run-20261122_191102-abc", {}, {"run-abc.wandb": take_excerpt(killed)})
    assert run.status == "running"


def test_a_run_of_seven_bytes_is_called_after_its_directory() -> None:
    run = Wandb().read_card("wandb/offline-run-20261122_191102-abc-1", {}, {"r": take_excerpt(HEADER)})
    assert (run.name, run.status) == ("1", "running")
    run = SwanLab().read_card(
        "swanlog/run-20261122_191102-xyz", {"files/config.yaml": b"lr: {value: 1}\n"}, {"r": take_excerpt(b"")}
    )
    assert (run.id, run.name, run.status, run.meta["params"]) == ("xyz", "xyz", "running", {"lr": 1})


def test_online_runs_tell_themselves_in_documents() -> None:
    documents = {
        "files/config.yaml": b"wandb_version: 1\n_wandb:\n  value: {}\nlr:\n  desc: null\n  value: 0.5\n",
        "files/wandb-summary.json": json.dumps({"loss": 0.5, "_step": 3}).encode(),
        "files/wandb-metadata.json": json.dumps({"host": "gpu", "program": "t.py"}).encode(),
    }
    run = Wandb().read_card("wandb/run-20261122_191102-abc", documents, {})
    assert (run.meta["params"], run.summary, run.hostname) == ({"lr": 0.5}, {"loss": 0.5}, "gpu")


def test_swanlabs_zero_is_a_value_and_nothing_is_none() -> None:
    scalar = bytes_field(1, b"loss") + number_field(2, 3) + bytes_field(5, b"")
    system = bytes_field(1, b"__swanlab__.cpu") + bytes_field(5, double_field(1, 1.0))
    data = log_file(
        b":SWL\xd6\xe1\x02", *(bytes_field(13, record) for record in (scalar, system, bytes_field(1, b"x")))
    )
    found = SwanLabParser().feed(data)
    assert points_of(found) == {("loss", "number"): [(3, 0.0)]}
    assert found.skipped == {"value": 1}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=500), st.integers(1, 60))
def test_garbage_is_never_an_exception(data: bytes, piece: int) -> None:
    kinds = [bytes_field(number, data) for number in (2, 3, 4, 5, 13, 17, 18, 26, 10, 11, 14, 16)]
    for bytes_ in (data, HEADER + data, wandb_file(data, *kinds)):
        for parser in (RecordsParser(), SwanLabParser()):
            signed = bytes_.replace(b":W&B", b":SWL", 1) if isinstance(parser, SwanLabParser) else bytes_
            for at in range(0, len(signed), piece * 20):
                parser.feed(signed[at : at + piece * 20])
            assert parser.position <= len(signed)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 6))
def test_changed_bytes_never_invent_points(seed: int, count: int) -> None:
    chance = random.Random(seed)
    rows = [wandb_history(step, {"loss": float(step)}) for step in range(50)]
    data = bytearray(wandb_file(*rows))
    for place in chance.sample(range(7, len(data)), count):
        data[place] ^= 1 << chance.randrange(8)
    found = read(bytes(data))
    assert set(points_of(found)) <= {("loss", "number")}
    assert all(step == value for step, value in points_of(found).get(("loss", "number"), []))
