"""Messages are read as they are encoded; what is none is an error of one kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tool_files import bytes_field, double_field, float_field, number_field, varint

from runferry.formats.wire import crc32c
from runferry.formats.wire.protobuf import WireError, read_fields, read_varint, signed


@given(st.integers(-(2**63), 2**64 - 1))
def test_numbers_are_read_as_written(number: int) -> None:
    data = varint(number)
    value, end = read_varint(data, 0, len(data))
    assert end == len(data)
    assert value == number % 2**64
    assert signed(value) == number or number >= 2**63


@given(number=st.integers(1, 2**29 - 1), data=st.binary(max_size=300))
def test_fields_are_found_where_they_lie(number: int, data: bytes) -> None:
    message = number_field(number, 300) + bytes_field(number, data) + double_field(3, 0.5) + float_field(4, 0.5)
    found = list(read_fields(message))
    assert [(field, kind) for field, kind, _, _ in found] == [(number, 0), (number, 2), (3, 1), (4, 5)]
    assert found[0][2] == 300
    assert message[found[1][2] : found[1][3]] == data


@pytest.mark.parametrize(
    "data", [b"\x80", b"\xff" * 11, b"\x0a\x05abc", b"\x09\x00", b"\x0d\x00", b"\x0b", b"\x0a\xff\xff\xff\xff\xff\x7f"]
)
def test_what_is_no_message_is_an_error(data: bytes) -> None:
    with pytest.raises(WireError):
        list(read_fields(data))


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_a_message(data: bytes) -> None:
    try:
        fields = list(read_fields(data))
    except WireError:
        return
    assert all(stop <= len(data) for _, kind, _, stop in fields if kind != 0)


@given(st.lists(st.binary(min_size=12, max_size=12), min_size=1, max_size=20))
def test_checksums_of_many_are_those_of_each(rows: list[bytes]) -> None:
    array = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), 12)
    assert crc32c.masked_of_rows(array).tolist() == [crc32c.masked(row) for row in rows]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_checksums_of_rows_of_any_lengths_are_those_of_each(rows: list[bytes]) -> None:
    rows.sort(key=len, reverse=True)
    array = np.zeros((len(rows), max(1, len(rows[0]))), np.uint8)
    for place, row in enumerate(rows):
        array[place, : len(row)] = list(row)
    lengths = np.array([len(row) for row in rows])
    assert crc32c.masked_of_rows(array, lengths).tolist() == [crc32c.masked(row) for row in rows]


def test_the_checksum_is_castagnolis() -> None:
    crc = crc32c.masked(b"123456789")
    unmasked = (crc - 0xA282EAD8) & 0xFFFFFFFF
    assert ((unmasked >> 17) | (unmasked << 15)) & 0xFFFFFFFF == 0xE3069283
