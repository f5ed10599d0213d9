"""Parses files that are rewritten whole: nothing of them counts before all is here. Opens nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runferry.formats.findings import Findings
from runferry.formats.values import MISSING, read_json

LONGEST = 32 * 1024 * 1024
"""Bytes of the largest document that is read: reading JSON whole takes a dozen times as much memory."""

MOST_OBJECTS = 1_000_000
"""Objects and lists in a document: small ones take twenty times as much memory as they take text."""

Take = Callable[[object, Findings], None]
"""Puts what a document's JSON value says into findings. Never raises."""


class DocumentParser:
    """One JSON document. ``position`` stays 0 until it was whole: another parser begins at the beginning again.

    A file that was replaced is another one: its caller makes a new parser for it.
    """

    def __init__(self, take: Take, *, longest: int = LONGEST) -> None:
        self._take = take
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0
        self._tried = 0
        self._position = 0

    @property
    def position(self) -> int:
        return self._position

    @property
    def state(self) -> Mapping[str, object]:
        return {}

    def feed(self, data: bytes) -> Findings:
        self._size += len(data)
        if self._size <= self._longest:
            self._parts.append(data)
        else:
            self._parts = []
        return Findings()

    def flush(self) -> Findings:
        """Read the document, if what was fed is one."""
        found = Findings()
        if self._size == self._tried:
            return found
        self._tried = self._size
        if self._size > self._longest:
            found.note_bad(f"The document has more than {self._longest // 2**20} MiB.")
            return found
        self._parts = [b"".join(self._parts)]
        if self._parts[0].count(b"{") + self._parts[0].count(b"[") > MOST_OBJECTS:
            found.note_bad(f"The document has more than {MOST_OBJECTS:,} objects and lists.")
            return found
        value = read_json(self._parts[0])
        if value is MISSING:
            found.note_bad("The document is not JSON, or not whole.")
            return found
        self._take(value, found)
        self._position = self._size
        return found
