"""Bytes from a server become frames, whatever pieces they come in, or a violation."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.agent import wire
from runferry.remote.frames import NOISE_LIMIT, Frame, FrameDecoder

MARKER = b"\n--marker--\n"


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


def decode(pieces: list[bytes]) -> tuple[list[Frame], FrameDecoder]:
    decoder = FrameDecoder(MARKER)
    return [frame for piece in pieces for frame in decoder.feed(piece)], decoder


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2**32 - 1), st.binary(max_size=50)), max_size=8),
    st.binary(max_size=60).filter(lambda noise: MARKER not in noise + MARKER[:-1]),
    st.lists(st.integers(0, 30), max_size=30),
)
def test_any_pieces_give_the_same_frames(frames: list[tuple[int, int, bytes]], noise: bytes, sizes: list[int]) -> None:
    stream = noise + MARKER
    for kind, number, payload in frames:
        stream += wire.HEADER.pack(kind, number, len(payload)) + payload
    found, _ = decode(cut(stream, sizes))
    assert [(frame.kind, frame.request, frame.data()) for frame in found] == frames


def test_what_login_scripts_print_is_kept_for_diagnostics() -> None:
    _, decoder = decode([b"Welcome!\x1b[31m quota\n", b"\xff full" + MARKER + b"rest"])
    assert decoder.noise == "Welcome!?[31m quota\n\ufffd full"


def test_a_server_that_prints_without_end_is_a_violation() -> None:
    decoder = FrameDecoder(MARKER)
    for _ in range(NOISE_LIMIT // 10_000):
        assert not list(decoder.feed(b"y\n" * 5000))
    with pytest.raises(wire.Violation):
        list(decoder.feed(b"y\n" * 5000))


def test_a_frame_that_is_too_long_is_a_violation_before_it_is_kept() -> None:
    with pytest.raises(wire.Violation):
        decode([MARKER + wire.HEADER.pack(wire.DATA, 1, wire.MAX_PAYLOAD + 1)])


def test_compressed_payloads_are_unpacked_with_a_limit() -> None:
    frame = wire.pack(wire.PART, 7, ["text"] * 500)
    [found], _ = decode([MARKER + frame])
    assert found.compressed
    assert wire.unpack(found.data(), compressed=False) == ["text"] * 500


def test_large_frames_are_not_copied_while_they_arrive() -> None:
    data = os.urandom(1024 * 1024)
    stream = MARKER + wire.HEADER.pack(wire.DATA, 1, len(data)) + data
    pieces = cut(stream, [32_768] * 33)
    [frame], _ = decode(pieces)
    assert b"".join(frame.pieces) == data
    assert any(piece is pieces[5] for piece in frame.pieces)
