"""Splits TFRecord files, as TensorBoard's event files are, into records. Pushed bytes in, places of records out.

A record is its length (8 bytes), the masked CRC-32C of that, the payload, and the payload's CRC. The checksums of
lengths are all looked at; those of payloads too, as long as they are small (see ``CHECKED``): a large one is an image.
Where a record is damaged, what follows is searched for the next place where a length and its checksum agree.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runferry.formats.wire import crc32c

LONGEST = 64 * 1024 * 1024
"""Bytes of the longest payload that is kept; longer ones are passed over without being held in memory."""

CHECKED = 512
"""Bytes of the longest payload whose checksum is looked at."""

_HEAD, _FOOT = 12, 4
_LENGTH = struct.Struct("<Q")
_WORD = struct.Struct("<I")
_FEW = 24  # up to so many records, one after the other is faster than all at once
_FIRST, _MOST = 8, 1 << 20  # records whose lengths are believed before their checksums are looked at
_WIDTHS = (32, 48, 64, 96, 128, 256, CHECKED)

Numbers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Records:
    """Records of one piece: ``data[starts[i]:ends[i]]`` is a payload; ``at`` is where ``data`` lies in the file.

    ``bad`` says, a sentence each, what was damaged.
    """

    data: bytes
    at: int
    starts: Numbers
    ends: Numbers
    bad: list[str]


class TFRecords:
    """A push splitter of one file. It starts at ``position``, with the ``state`` that another one had there."""

    def __init__(self, position: int = 0, state: Mapping[str, object] | None = None, *, longest: int = LONGEST) -> None:
        given = state or {}
        self._fed = position
        self._parts: list[bytes] = []
        self._kept = 0
        self._needed = _HEAD
        skip = given.get("skip")
        self._skip = skip if isinstance(skip, int) and not isinstance(skip, bool) and skip > 0 else 0
        self._is_lost = given.get("is_lost") is True
        self._longest = longest

    @property
    def position(self) -> int:
        """Return where the first record that is not whole yet begins."""
        return self._fed - self._kept

    @property
    def state(self) -> dict[str, object]:
        state: dict[str, object] = {"skip": self._skip} if self._skip else {}
        return state | {"is_lost": True} if self._is_lost else state

    def feed(self, data: bytes) -> Records:
        """Return the records that end in ``data``."""
        self._fed += len(data)
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        self._parts.append(data)
        self._kept += len(data)
        if self._kept < self._needed:
            return Records(b"", self.position, _NONE, _NONE, [])
        buffer = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        at = self.position
        bad: list[str] = []
        starts, ends, done = self._split(buffer, at, bad)
        self._keep(buffer, done)
        return Records(buffer, at, starts, ends, bad)

    def _keep(self, buffer: bytes, done: int) -> None:
        rest = buffer[done:]
        if self._skip:  # the record that is too long: what is here of it goes, too
            passed = min(self._skip, len(rest))
            self._skip -= passed
            rest = rest[passed:]
        self._parts, self._kept = [rest], len(rest)
        self._needed = _HEAD
        if len(rest) >= _HEAD and not self._is_lost:
            self._needed = _HEAD + _FOOT + int(_LENGTH.unpack_from(rest)[0])

    def _split(self, buffer: bytes, at: int, bad: list[str]) -> tuple[Numbers, Numbers, int]:
        """Return the payloads' places and where the first record that is not whole begins."""
        found: list[tuple[Numbers, Numbers]] = []
        done, limit = 0, _MOST
        while True:
            if self._is_lost:
                done, self._is_lost = _find_record(buffer, done, self._longest)
                limit = _FIRST
                if self._is_lost:
                    break
            starts, ends, next_at, why = self._walk(buffer, done, limit)
            good = _check_payloads(buffer, starts, ends)
            bad += [f"At byte {at + int(start) - _HEAD}: a record's checksum does not fit." for start in starts[~good]]
            found.append((starts[good], ends[good]))
            is_more = len(starts) == limit
            done, limit = next_at, min(limit * 2, _MOST)
            if is_more and not why:
                continue
            if not why:
                break
            bad.append(f"At byte {at + done}: {why}.")
            if self._skip:
                break
            self._is_lost = True
            done += 1
        if len(found) == 1:
            return *found[0], done
        return _join([starts for starts, _ in found]), _join([ends for _, ends in found]), done

    def _walk(self, buffer: bytes, at: int, limit: int) -> tuple[Numbers, Numbers, int, str]:
        """Return the places of whole records from ``at`` on, where they end, and what is wrong there."""
        heads: list[int] = []
        size, unpack, longest = len(buffer) - _HEAD, _LENGTH.unpack_from, self._longest
        place, length = at, 0
        while place <= size and len(heads) < limit:
            (length,) = unpack(buffer, place)
            if length > longest:
                break
            heads.append(place)
            place += length + 16
        places = np.array(heads, dtype=np.int64)
        wrong = _find_wrong_head(buffer, places)
        if wrong is not None:
            places = places[:wrong]
            starts, ends = _payloads(buffer, places)
            return starts, ends, heads[wrong], "the checksum of a record's length does not fit"
        starts, ends = _payloads(buffer, places)
        if length > longest and place <= size:
            if not _is_head(buffer, place):
                return starts, ends, place, "the checksum of a record's length does not fit"
            self._skip = length + 16
            return starts, ends, place, f"a record of {length} bytes, which is too long to be read"
        if len(places) and place > len(buffer):  # the last one is not whole yet
            return starts[:-1], ends[:-1], heads[-1], ""
        return starts, ends, place, ""


_NONE: Numbers = np.empty(0, dtype=np.int64)


def _join(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else _NONE


def _payloads(buffer: bytes, places: Numbers) -> tuple[Numbers, Numbers]:
    if not len(places):
        return _NONE, _NONE
    starts = places + _HEAD
    lengths = rows_at(buffer, places, 8).view("<i8")[:, 0]
    return starts, starts + lengths


def rows_at(buffer: bytes, places: Numbers, width: int) -> npt.NDArray[np.uint8]:
    """Return the ``width`` bytes at each of ``places``, a row each. All must lie inside."""
    whole = np.frombuffer(buffer, np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(whole, width)
    return windows[places]


def _is_head(buffer: bytes, at: int) -> bool:
    return crc32c.masked(buffer[at : at + 8]) == int(_WORD.unpack_from(buffer, at + 8)[0])


def _find_wrong_head(buffer: bytes, places: Numbers) -> int | None:
    if len(places) <= _FEW:
        return next((index for index, place in enumerate(places.tolist()) if not _is_head(buffer, place)), None)
    rows = rows_at(buffer, places, _HEAD)
    wrong = crc32c.masked_of_rows(rows[:, :8]) != np.ascontiguousarray(rows[:, 8:]).view("<u4")[:, 0]
    return int(np.argmax(wrong)) if wrong.any() else None


def _check_payloads(buffer: bytes, starts: Numbers, ends: Numbers) -> npt.NDArray[np.bool_]:
    """Say of each payload whether it fits its checksum; the large ones are taken on trust."""
    good = np.ones(len(starts), dtype=np.bool_)
    if len(starts) <= _FEW:
        for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            if end - start <= CHECKED:
                good[index] = crc32c.masked(buffer[start:end]) == _WORD.unpack_from(buffer, end)[0]
        return good
    lengths = ends - starts
    told = rows_at(buffer, ends, _FOOT).view("<u4")[:, 0]
    first = int(starts[0])
    padded = buffer[first : int(ends[-1])] + bytes(CHECKED)
    least = -1
    for most in _WIDTHS:  # rows of about one length, so that little is padded
        those = np.flatnonzero((lengths > least) & (lengths <= most))
        least = most
        if len(those):
            those = those[np.argsort(-lengths[those], kind="stable")]
            rows = rows_at(padded, starts[those] - first, max(1, int(lengths[those[0]])))
            good[those] = crc32c.masked_of_rows(rows, lengths[those]) == told[those]
    return good


_SUM_OF_NONE = crc32c.masked(bytes(8))
_STRIDES = (64, 1 << 16)  # places looked at together: few at first, the next record is mostly near


def _find_record(buffer: bytes, at: int, longest: int) -> tuple[int, bool]:
    """Return the next place where a length and its checksum agree; else how far there is none, and that it is lost."""
    last = len(buffer) - _HEAD
    stride = _STRIDES[0]
    while at <= last:
        count = min(stride, last - at + 1)
        stride = min(stride * 4, _STRIDES[1])
        rows = rows_at(buffer[at : at + count + _HEAD - 1], np.arange(count), _HEAD)
        lengths = np.ascontiguousarray(rows[:, :8]).view("<u8")[:, 0]
        sums = np.ascontiguousarray(rows[:, 8:]).view("<u4")[:, 0]
        likely = np.flatnonzero((lengths <= longest) & ((lengths > 0) | (sums == _SUM_OF_NONE)))  # files full of zeros
        fits = likely[crc32c.masked_of_rows(rows[likely, :8]) == sums[likely]]
        if len(fits):
            return at + int(fits[0]), False
        at += count
    return at, True
