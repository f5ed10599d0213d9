"""What the bytes of a log's line look like as text. Pure; no files.

A line ends with a newline, or a carriage return and a newline. Colours and carriage returns within it are kept. Bytes
that are no UTF-8 become U+FFFD. A line longer than ``LONGEST`` is folded as a terminal would show it (what follows
its last carriage return) and cut where that is still too long.
"""

from __future__ import annotations

LONGEST = 64 * 1024
"""Bytes of a line that are shown as they are."""

MARK = " [cut: the line has "

LAST_BYTES = 4
"""Bytes of the longest character in UTF-8."""


class Fold:
    """A long line, pushed in pieces: keeps its last state between carriage returns, ``LONGEST`` bytes of it at most."""

    def __init__(self) -> None:
        self._state = bytearray()
        self._state_length = 0
        self._is_closed = False
        self._length = 0

    def feed(self, piece: bytes) -> None:
        """Take in the next bytes of the line; none of them is a newline."""
        self._length += len(piece)
        body = piece.rstrip(b"\r")
        if body:
            start = body.rfind(b"\r") + 1
            if start or self._is_closed:
                self._state.clear()
                self._state_length = 0
            self._state_length += len(body) - start
            self._state += body[start : start + LONGEST - len(self._state)]
            self._is_closed = False
        if len(body) < len(piece):
            self._is_closed = True

    def show(self) -> str:
        """Return the line as it is shown, with a mark where it was cut."""
        text = decode(bytes(self._state))
        if self._state_length <= LONGEST:
            return text
        return f"{decode(whole_characters(bytes(self._state)))}{MARK}{self._length:,} bytes]"


def show_line(raw: bytes) -> str:
    """Return a line, given without its newline, as text."""
    if len(raw) <= LONGEST:
        return decode(raw.removesuffix(b"\r"))
    fold = Fold()
    fold.feed(raw)
    return fold.show()


def strip_mark(text: str, length: int) -> str:
    """Return what the log says in a line as shown, without our mark; ``length`` is that of the line, in bytes."""
    return text if length <= LONGEST or MARK not in text else text.rpartition(MARK)[0]


def decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def whole_characters(data: bytes) -> bytes:
    """Return ``data`` without the first bytes of a character whose others are yet to come."""
    for back in range(1, min(LAST_BYTES, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return data[:-back] if needed > back else data
    return data
