"""Splits LevelDB's log framing, as W&B and SwanLab write it, into records. Pushed bytes in, records out.

After a header of seven bytes, the file is blocks of 32 KiB counted from its start. A block holds chunks: a checksum
(CRC-32 over type and data, neither Castagnoli's nor masked), a length, a type, the data. A record is one full chunk or
a first one, any middle ones and a last one. After damage, reading goes on with the next block.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

BLOCK = 32768
HEADER = 7
"""Bytes of the file's header, and of a chunk's."""

LONGEST = 64 * 1024 * 1024
"""Bytes of the longest record that is kept; longer ones are passed over."""

_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_SEEDS = tuple(zlib.crc32(bytes([kind])) for kind in range(5))


class LogRecords:
    """A push splitter. ``position`` is that of a record, or 0: there the file's header is looked for."""

    def __init__(
        self, signature: bytes, position: int = 0, state: Mapping[str, object] | None = None, *, longest: int = LONGEST
    ) -> None:
        self._signature = signature
        self._longest = longest
        self._buffer = bytearray()
        self._next = position  # where in the file the buffer begins
        self._parts: list[bytes] = []
        self._size = 0
        self._start = position  # of the record that is being put together, or of the next one
        self._is_passing = (state or {}).get("is_passing") is True  # what is left of a record that has no beginning
        self.is_foreign = (state or {}).get("is_foreign") is True
        self.bad: list[str] = []

    @property
    def position(self) -> int:
        """Return where the first record that is not whole yet begins."""
        return self._start

    @property
    def state(self) -> dict[str, object]:
        state: dict[str, object] = {"is_passing": True} if self._is_passing else {}
        return state | {"is_foreign": True} if self.is_foreign else state

    def feed(self, data: bytes) -> list[bytes]:
        """Return the records that end in ``data``; ``bad`` says until the next call what was damaged."""
        self.bad = []
        if self.is_foreign:
            self._next += len(data)
            self._start = self._next
            return []
        self._buffer += data
        if self._next == 0 and not self._read_header():
            return []
        records: list[bytes] = []
        buffer, at = bytes(self._buffer), 0
        while True:
            used = self._read_chunk(buffer, at, records)
            if not used:
                break
            at += used
        del self._buffer[:at]
        self._next += at
        if not self._parts:
            self._start = self._next
        return records

    def _read_header(self) -> bool:
        if len(self._buffer) < HEADER:
            return False
        if not self._buffer.startswith(self._signature):
            self.bad.append(f"At byte 0: the file does not begin with {self._signature.decode()}.")
            self.is_foreign = True
            self._next = self._start = len(self._buffer)
            self._buffer.clear()
            return False
        del self._buffer[:HEADER]
        self._next = self._start = HEADER
        return True

    def _read_chunk(self, buffer: bytes, at: int, records: list[bytes]) -> int:
        """Read what lies at ``at``; return how many bytes it has, or 0 where more are needed."""
        place = self._next + at
        left = BLOCK - place % BLOCK
        there = len(buffer) - at
        if left < HEADER:
            return left if there >= left else 0
        if there < HEADER:
            return 0
        checksum, length, kind = map(int, _CHUNK.unpack_from(buffer, at))
        if not _FULL <= kind <= _LAST or length > left - HEADER:
            return self._pass_block(buffer, at, left, "no chunk's header")
        if there < HEADER + length:
            return 0
        data = buffer[at + HEADER : at + HEADER + length]
        if zlib.crc32(data, _SEEDS[kind]) != checksum:
            return self._pass_block(buffer, at, left, "a checksum that does not fit")
        if kind == _FULL:
            self._begin(place)
            records.append(data)
            self._drop()
        else:
            self._join(kind, data, place, records)
        return HEADER + length

    def _pass_block(self, buffer: bytes, at: int, left: int, why: str) -> int:
        """Go on with the next block, once this one is all there: until then it may be nothing worse than unwritten."""
        if len(buffer) - at < left:
            return 0
        if any(buffer[at : at + left]) or self._parts:
            self.bad.append(f"At byte {self._next + at}: {why}; the rest of the block is passed over.")
        self._drop()
        self._is_passing = True
        return left

    def _begin(self, place: int) -> None:
        if self._parts:
            self.bad.append(f"At byte {self._start}: a record that is not whole.")
        self._drop()
        self._start = place
        self._is_passing = False

    def _join(self, kind: int, data: bytes, place: int, records: list[bytes]) -> None:
        if kind == _FIRST:
            self._begin(place)
        elif not self._parts:
            if not self._is_passing:
                self.bad.append(f"At byte {place}: a part of a record without its beginning.")
                self._is_passing = True
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._longest:
            self.bad.append(f"At byte {self._start}: a record of more than {self._longest // 2**20} MiB.")
            self._drop()
            self._is_passing = True
        elif kind == _LAST:
            records.append(b"".join(self._parts))
            self._drop()

    def _drop(self) -> None:
        self._parts, self._size = [], 0
