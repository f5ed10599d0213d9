"""Frames: what one side packs, the other unpacks, and nothing else passes."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.agent import wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8), inner, max_size=8),
    max_leaves=60,
)


@given(JSON, st.integers(0, 2**32 - 1))
def test_any_message_goes_there_and_back(body: object, request_id: int) -> None:
    frame = wire.pack(wire.RESULT, request_id, body)
    kind, compressed, number, length = wire.unpack_header(frame[: wire.HEADER.size])
    assert (kind, number, length) == (wire.RESULT, request_id, len(frame) - wire.HEADER.size)
    assert wire.unpack(frame[wire.HEADER.size :], compressed) == body


def test_long_messages_are_compressed() -> None:
    frame = wire.pack(wire.PART, 1, ["the same again"] * 1000)
    assert len(frame) < 1000
    assert wire.unpack_header(frame[: wire.HEADER.size])[1]


def test_a_frame_longer_than_allowed_is_a_violation() -> None:
    with pytest.raises(wire.Violation):
        wire.unpack_header(wire.HEADER.pack(wire.DATA, 1, wire.MAX_PAYLOAD + 1))


def test_a_message_that_grows_without_end_is_a_violation() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    with pytest.raises(wire.Violation):
        wire.inflate(bomb)


@given(st.binary(max_size=200), st.booleans())
def test_nonsense_is_a_violation_or_json_but_never_another_error(payload: bytes, compressed: bool) -> None:
    try:
        wire.unpack(payload, compressed)
    except wire.Violation:
        return


def test_a_stream_that_is_cut_or_goes_on_is_a_violation() -> None:
    whole = zlib.compress(b"x" * 1000)
    assert wire.inflate(whole) == b"x" * 1000
    with pytest.raises(wire.Violation):
        wire.inflate(whole[:-3])
    with pytest.raises(wire.Violation):
        wire.inflate(whole + b"more")
