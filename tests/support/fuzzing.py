"""Bytes as strangers may send them: what a real writer wrote, changed; and a clock that says how long to go on."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x2C, 0x5B, 0x7B)
NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class Mutator:
    """Changes bytes in the ways that break parsers; the same ``seed`` changes them the same way."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def mutate(self, data: bytes, other: bytes = b"") -> bytes:
        """Return ``data`` after one to eight changes, some of them with pieces of ``other``."""
        changed = bytearray(data)
        for _ in range(self.chance.randint(1, 8)):
            self._change(changed, other or data)
        return bytes(changed)

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Yield ``data`` in pieces of any length, empty ones too."""
        at = 0
        largest = self.chance.choice((1, 7, 100, 5000, 1_000_000)) if len(data) < 3000 else 100_000
        while at < len(data):
            length = self.chance.randint(0, largest)
            yield data[at : at + length]
            at += length

    def _change(self, data: bytearray, other: bytes) -> None:
        chance = self.chance
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice((1, 2, 4, 8, 60, 1000)))
        match chance.randrange(8):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.choice(INTERESTING)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * chance.choice((1, 2, 50))
            case 4:
                start = chance.randint(0, len(other))
                data[at:end] = other[start : start + chance.randint(0, 200)]
            case 5:
                data[at : at + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(NUMBERS))
            case 6:
                del data[at:]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 20))


def seeds_for(seconds: float, first: int) -> Iterator[int]:
    """Yield seeds until the time is over, one at least."""
    end = time.monotonic() + seconds
    seed = first
    while True:
        yield seed
        seed += 1
        if time.monotonic() > end:
            return
