"""Says how much of an SQLite write-ahead log is whole, so that a copy of it can be trusted. Opens nothing.

Follows https://www.sqlite.org/fileformat2.html#walformat. A reader who copied ``.db`` and ``-wal`` while someone was
writing cuts the log after the last whole transaction: what SQLite would make of the pair is then a state that existed.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEADER, FRAME_HEADER = 32, 24
"""Bytes before the first frame, and before each frame's page."""

DATABASE_HEADER = 100
"""Bytes of a database that ``read_database_header`` needs."""

_LITTLE, _BIG = 0x377F0682, 0x377F0683
_VERSION = 3007000
_MAGIC = b"SQLite format 3\x00"
_CHUNK = 256  # frames at a time

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class DatabaseHeader:
    """``pages`` is the size the header tells; ``is_wal`` whether the database is written through a log."""

    page_size: int
    pages: int
    change_counter: int
    is_wal: bool


@dataclass(frozen=True, slots=True)
class WalPrefix:
    """The whole part of a log: ``length`` bytes that end with a committed transaction.

    ``frames`` counts the frames in it; ``database_pages`` is the database's size after them (0 without any).
    ``salts`` change when the log starts over; with other ones than before, offsets into the log mean nothing now.
    """

    page_size: int
    salts: tuple[int, int]
    frames: int
    length: int
    database_pages: int


def read_database_header(data: bytes) -> DatabaseHeader | None:
    """Read the first 100 bytes of a database; None where they are none of one."""
    if len(data) < DATABASE_HEADER or not data.startswith(_MAGIC):
        return None
    page_size = int.from_bytes(data[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    if not _is_page_size(page_size):
        return None
    counter, pages = struct.unpack_from(">II", data, 24)
    return DatabaseHeader(page_size, pages, counter, data[18] == 2 and data[19] == 2)


def find_whole_prefix(wal: bytes) -> WalPrefix | None:
    """Return what of a log SQLite itself would take; None where its header is not whole or of no known version.

    An empty log is a whole one: no frames. Where not even one transaction is whole, ``length`` is 0.
    """
    if not wal:
        return WalPrefix(0, (0, 0), 0, 0, 0)
    if len(wal) < HEADER:
        return None
    magic, version, page_size, _, salt1, salt2, sum0, sum1 = struct.unpack_from(">8I", wal)
    if magic not in (_LITTLE, _BIG) or version != _VERSION or not _is_page_size(page_size):
        return None
    order = ">u4" if magic == _BIG else "<u4"
    start = _advance(np.zeros(2, np.uint32), np.frombuffer(wal, order, 6).astype(np.uint32)[None, :])[0]
    if (int(start[0]), int(start[1])) != (sum0, sum1):
        return None
    frames, pages = _count_frames(wal, page_size, order, start)
    length = HEADER + frames * (FRAME_HEADER + page_size) if frames else 0
    return WalPrefix(page_size, (salt1, salt2), frames, length, pages)


def _count_frames(wal: bytes, page_size: int, order: str, state: Words) -> tuple[int, int]:
    """Return how many frames, up to the last commit among the whole ones, there are, and the size it tells."""
    size = FRAME_HEADER + page_size
    there = (len(wal) - HEADER) // size
    salts = np.frombuffer(wal, ">u4", 2, 16)
    committed = pages = 0
    for first in range(0, there, _CHUNK):
        count = min(_CHUNK, there - first)
        words = np.frombuffer(wal, order, count * size // 4, HEADER + first * size).reshape(count, size // 4)
        heads = np.frombuffer(wal, ">u4", count * size // 4, HEADER + first * size).reshape(count, size // 4)[:, :6]
        summed = np.concatenate((words[:, :2], words[:, 6:]), axis=1).astype(np.uint32)
        states = _advance(state, summed)
        good = (heads[:, 2:4] == salts).all(axis=1) & (heads[:, 4:6] == states).all(axis=1) & (heads[:, 0] != 0)
        whole = count if good.all() else int(np.argmin(good))
        commits = np.flatnonzero(heads[:whole, 1])
        if len(commits):
            committed, pages = first + int(commits[-1]) + 1, int(heads[commits[-1], 1])
        if whole < count:
            break
        state = states[-1]
    return committed, pages


def _advance(state: Words, rows: Words) -> Words:
    """Return the running checksum after each row of words, beginning with ``state``.

    SQLite adds pair by pair: ``s0 += x0 + s1; s1 += x1 + s0``. All is linear modulo 2**32, so a whole row is four
    products with fixed weights, and only rows have to follow each other.
    """
    weights, power = _weights(rows.shape[1] // 2)
    even, odd = rows[:, 0::2], rows[:, 1::2]
    added = np.empty((len(rows), 2), np.uint32)
    for index in range(2):
        added[:, index] = (even * weights[index, 0] + odd * weights[index, 1]).sum(axis=1, dtype=np.uint32)
    states = np.empty((len(rows), 2), np.uint32)
    s0, s1 = int(state[0]), int(state[1])
    for row, (a0, a1) in enumerate(added.tolist()):
        s0, s1 = (
            (power[0] * s0 + power[1] * s1 + a0) & 0xFFFF_FFFF,
            (power[2] * s0 + power[3] * s1 + a1) & 0xFFFF_FFFF,
        )
        states[row] = s0, s1
    return states


@functools.lru_cache(maxsize=8)
def _weights(pairs: int) -> tuple[Words, tuple[int, int, int, int]]:
    """Return what the words of each pair count for in the sums after ``pairs`` pairs, and what the state counts for."""
    weights = np.empty((2, 2, pairs), np.uint32)
    a, b, c, d = 1, 0, 0, 1  # the matrix ((1, 1), (1, 2)) to the power of the pairs that still follow
    for pair in range(pairs - 1, -1, -1):
        # a pair adds (x0, x0 + x1)
        weights[0, 0, pair], weights[0, 1, pair] = (a + b) & 0xFFFF_FFFF, b
        weights[1, 0, pair], weights[1, 1, pair] = (c + d) & 0xFFFF_FFFF, d
        a, b, c, d = (value & 0xFFFF_FFFF for value in (a + b, a + 2 * b, c + d, c + 2 * d))
    return weights, (a, b, c, d)


def _is_page_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0
