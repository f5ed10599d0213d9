"""A server's bytes -> frames, strictly. It never resynchronises: a violation ends the connection.

What login scripts print before the agent's marker is kept for diagnostics, up to a limit. Payloads stay in
the pieces they arrived in, so that a megabyte is copied once, where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runferry.agent import wire

NOISE_LIMIT = 1024 * 1024
_KEPT_NOISE = 4096


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; the payload is ``pieces`` joined, ``size`` bytes as they crossed the wire."""

    kind: int
    request: int
    pieces: list[bytes]
    size: int
    compressed: bool

    def data(self) -> bytes:
        """Return the payload as bytes; raise Violation where it is compressed and damaged."""
        payload = b"".join(self.pieces)
        return wire.inflate(payload) if self.compressed else payload


class FrameDecoder:
    """``feed`` it bytes as they come and take the frames they complete."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._is_open = False
        self._noise = bytearray()
        self._head = bytearray()
        self._pieces: list[bytes] = []
        self._frame: tuple[int, bool, int, int] | None = None
        self._missing = 0

    @property
    def noise(self) -> str:
        """What came before the marker, printable, its last 4 KiB."""
        end = self._noise.find(self._marker)
        text = bytes(self._noise if end < 0 else self._noise[:end])[-_KEPT_NOISE:].decode("utf-8", "replace")
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in text).strip()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that ``data`` completes; raise Violation (then never feed again)."""
        if not self._is_open:
            data = self._skip_noise(data)
        at = 0
        while at < len(data):
            if self._frame is None:
                take = wire.HEADER.size - len(self._head)
                self._head += data[at : at + take]
                at += take
                if len(self._head) < wire.HEADER.size:
                    return
                self._frame = wire.unpack_header(bytes(self._head))
                self._head.clear()
                self._missing = self._frame[3]
            piece = data[at : at + self._missing] if at or len(data) - at > self._missing else data
            at += len(piece)
            self._missing -= len(piece)
            if piece:
                self._pieces.append(piece)
            if not self._missing:
                yield self._complete(self._frame)

    def _complete(self, header: tuple[int, bool, int, int]) -> Frame:
        kind, compressed, request, length = header
        pieces, self._pieces, self._frame = self._pieces, [], None
        return Frame(kind, request, pieces, length, compressed)

    def _skip_noise(self, data: bytes) -> bytes:
        searched = max(0, len(self._noise) - len(self._marker))
        self._noise += data
        found = self._noise.find(self._marker, searched)
        if found < 0:
            if len(self._noise) > NOISE_LIMIT:
                raise wire.Violation("the server's login scripts print without end")
            return b""
        self._is_open = True
        rest = bytes(self._noise[found + len(self._marker) :])
        del self._noise[found:]
        return rest
