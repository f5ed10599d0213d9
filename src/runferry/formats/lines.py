"""Splits pushed bytes into lines, whatever the pieces they come in. It looks at nothing but newlines and lengths."""

from __future__ import annotations

LONGEST = 32 * 1024 * 1024
"""Bytes of the longest line that is read; a longer one is skipped without being kept in memory."""


class Lines:
    """A push splitter. It starts at ``position`` of a file, inside a line that is too long if ``is_skipping``."""

    def __init__(self, position: int = 0, *, is_skipping: bool = False, longest: int = LONGEST) -> None:
        self._fed = position
        self._longest = longest
        self._parts: list[bytes] = []
        self._kept = 0
        self.is_skipping = is_skipping

    @property
    def position(self) -> int:
        """Return where the line that has not ended yet begins (or, of a skipped one, where what was fed ends)."""
        return self._fed - self._kept

    @property
    def rest(self) -> bytes:
        """Return what there is of the line that has not ended yet."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the lines that end in ``data``, without their newlines; None stands for one that is too long."""
        self._fed += len(data)
        if self.is_skipping:
            end = data.find(b"\n")
            if end < 0:
                return []
            self.is_skipping, data = False, data[end + 1 :]
        first, newline, others = data.partition(b"\n")
        self._keep(first)
        found: list[bytes | None] = []
        if newline:
            whole: list[bytes] = [self.rest, *others.split(b"\n")]
            self._drop()
            self._keep(whole.pop())
            found += (line if len(line) <= self._longest else None for line in whole)
        if self._kept > self._longest:
            self._drop()
            self.is_skipping = True
            found.append(None)
        return found

    def take(self, length: int) -> None:
        """Take the first bytes of ``rest`` for a line of their own."""
        left = self.rest[length:]
        self._drop()
        self._keep(left)

    def _keep(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._kept += len(part)

    def _drop(self) -> None:
        self._parts, self._kept = [], 0
