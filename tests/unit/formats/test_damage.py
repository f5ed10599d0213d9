"""Files of every format that hold anything but what they should: never an exception, never memory without end."""

from __future__ import annotations

import json
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.foreign_runs import Sample, take_excerpt, unpack_root

from runferry.formats.recognition import FORMATS_BY_NAME, find_runs, sources_of
from runferry.formats.run_format import RunFormat
from runferry.formats.wire.crc32c import masked

SAMPLED = ("dvclive", "generic", "hf_trainer", "hydra", "keras_csv", "lightning", "mlflow", "sacred", "swanlab")
TOOLS = (*SAMPLED, "tensorboard", "wandb")
MIB = 1024 * 1024
MOST_MEMORY, MOST_FOR_DOCUMENTS = 96 * MIB, 256 * MIB
"""Bytes that a parser may take; those of JSON documents as a whole need more (see ``whole_document.LONGEST``)."""

MADE = {
    ("ray_tune", "result.json"): b'{"training_iteration": 1, "loss": 0.5, "config": {"lr": 1}}\n' * 20,
    ("mmengine", "vis_data/scalars.json"): b'{"loss": 0.5, "iter": 3, "step": 3}\n' * 20,
    ("llama_factory", "trainer_log.jsonl"): b'{"current_steps": 3, "loss": 0.5}\n' * 20,
    ("ultralytics", "results.csv"): b"  epoch, train/box_loss\n" + b"  1, 0.5\n" * 20,
    ("own", '{"name": "a.dat", "step": "It"}'): b"It\tLoss\n" + b"1\t0.5\n" * 20,
}
"""Files of formats that have no sample, by format and source."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    """One or two files with points of every format, by format and source."""
    found = dict(MADE)
    for tool in TOOLS:
        sample = unpack_root(tool, tmp_path_factory.mktemp("root"))
        for run in find_runs(sample.listing)[:2]:
            for source in sources_of(run, sample.listing)[:2]:
                data = (sample.root / source.path).read_bytes()
                found[source.part.format.FORMAT, source.name] = data[:20_000]
    return found


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return [unpack_root(tool, tmp_path_factory.mktemp("root")) for tool in TOOLS]


def damage(data: bytes, chance: random.Random) -> bytes:
    """Change a file as disks, killed writers and strangers do."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.randint(0, 200))
        some = bytes(chance.choice([b"\xff\xfe", b'"', b"\n", b"{[", b"1e999", b"NaN", bytes(9), chance.randbytes(40)]))
        match chance.randrange(5):
            case 0:
                changed[at:at] = some
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = changed[at:end]
            case 3:
                changed[at : at + len(some)] = some
            case _:
                changed[at:end] = b""
                del changed[chance.randrange(len(changed) + 1) :]
    return bytes(changed)


def feed_in_pieces(one: RunFormat, source: str, data: bytes, chance: random.Random) -> int:
    """Feed a file in pieces, reading cut and gone on with now and then; return how many bad records it holds."""
    parser, at, bad = one.make_parser(source), 0, 0
    while at < len(data):
        length = chance.randint(1, 4000)
        bad += parser.feed(data[at : at + length]).bad
        at += length
        assert 0 <= parser.position <= min(at, len(data))
        if chance.random() < 0.1 and parser.position:
            parser, at = one.make_parser(source, parser.position, json.loads(json.dumps(parser.state))), parser.position
    return bad + parser.flush().bad


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_of_any_format_is_read_to_its_end(files: dict[tuple[str, str], bytes], seed: int) -> None:
    chance = random.Random(seed)
    assert {name for name, _ in files} == FORMATS_BY_NAME.keys() - {"hydra"}  # whose points lie in other formats' files
    for (name, source), data in files.items():
        feed_in_pieces(FORMATS_BY_NAME[name], source, damage(data, chance), chance)


def test_what_is_nothing_but_garbage_is_noted_in_every_format(files: dict[tuple[str, str], bytes]) -> None:
    chance = random.Random(5)
    garbage = b"\xff" + chance.randbytes(3000) + b"\n\xfe\n"
    unnoted = [key for key in files if not feed_in_pieces(FORMATS_BY_NAME[key[0]], key[1], garbage, chance)]
    assert unnoted == []


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_cards_are_read_from_damaged_documents(samples: list[Sample], seed: int) -> None:
    chance = random.Random(seed)
    for sample in samples:
        for run in find_runs(sample.listing)[:2]:
            one, directory = run.parts[0].format, sample.root / run.parts[0].path
            names = sample.listing.below(run.parts[0].path)
            there = [name for name in one.documents(names) if (directory / name).is_file()]
            documents = {name: damage((directory / name).read_bytes(), chance) for name in there}
            ends = {name: damage((directory / name).read_bytes(), chance) for name in one.excerpts(names)}
            card = one.read_card(run.path, documents, {name: take_excerpt(data) for name, data in ends.items()})
            assert card.format == one.FORMAT
            assert card.name


def repeat(piece: bytes, count: int, head: bytes = b"") -> Iterator[bytes]:
    yield head
    for _ in range(count):
        yield bytes(bytearray(piece))  # bytes of its own, as they are read


def lying_record() -> Iterator[bytes]:
    length = struct.pack("<Q", 2**62)
    return repeat(bytes(MIB), 40, length + struct.pack("<I", masked(length)))


def endless_chunks() -> Iterator[bytes]:
    data = bytes(32768 - 7)
    middle = struct.pack("<IHB", zlib.crc32(b"\x03" + data), len(data), 3) + data
    begin = struct.pack("<IHB", zlib.crc32(b"\x02" + data[7:]), len(data) - 7, 2) + data[7:]
    return repeat(middle * 32, 40, b":W&B\xe1\xbe\x00" + begin)


TEXTS, RECORDS = ("dvclive", "hf_trainer", "mlflow", "plain", "ray_tune", "sacred"), ("swanlab", "tensorboard", "wandb")
BOMBS: dict[str, tuple[tuple[str, ...], Callable[[], Iterable[bytes]]]] = {
    "a line without end": (TEXTS, lambda: repeat(b"a" * MIB, 40)),
    "blank lines": (TEXTS, lambda: repeat(b"\n" * (MIB // 4), 1)),
    "a quote without end": (TEXTS, lambda: repeat(b'1,"' + (b" " * 999 + b"\n") * 1000, 12, b"step,loss\n")),
    "brackets without end": (TEXTS, lambda: repeat(b"[" * MIB, 40)),
    "objects without end": (TEXTS, lambda: repeat(b'{"a":' * (MIB // 5), 40)),
    "small lists": (TEXTS, lambda: [*repeat(b"[1]," * (MIB // 4), 31, b"["), b"0]"]),
    "many numbers": (TEXTS, lambda: [*repeat(b"1.5," * (MIB // 4), 4, b"["), b"0]"]),
    "many columns": (TEXTS, lambda: repeat(b"c," * (MIB // 2), 8)),
    "zeros": ((*TEXTS, *RECORDS), lambda: repeat(bytes(MIB), 8)),
    "a record that lies about its length": (RECORDS, lying_record),
    "a record of chunks without end": (RECORDS[::2], endless_chunks),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_bomb_takes_memory_without_end(files: dict[tuple[str, str], bytes], bomb: str) -> None:
    sources = {name: source for name, source in files}
    peaks: dict[str, int] = {}
    names, make = BOMBS[bomb]
    for name in names:
        tracemalloc.start()
        parser = FORMATS_BY_NAME[name].make_parser(sources[name])
        for piece in make():
            parser.feed(piece)
        parser.flush()
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    limits = dict.fromkeys(("hf_trainer", "sacred"), MOST_FOR_DOCUMENTS)
    assert {name: peak // MIB for name, peak in peaks.items() if peak > limits.get(name, MOST_MEMORY)} == {}


def test_a_hundred_columns_with_quotes_and_newlines_are_read_as_they_are() -> None:
    names = [f'a "quoted" name, {place}\nin two lines' for place in range(100)]
    quoted = ['"{}"'.format(name.replace('"', '""')) for name in names]
    rows = [",".join([str(step), *(f'"{step + place / 128}"' for place in range(100))]) for step in range(50)]
    text = "\n".join([",".join(["step", *quoted]), *rows]) + "\n"
    found = FORMATS_BY_NAME["plain"].make_parser("metrics.csv").feed(text.encode())
    assert (found.bad, len(found.columns), found.points) == (0, 100, 5000)
    assert all(list(column.steps) == [float(step) for step in range(50)] for column in found.columns.values())
