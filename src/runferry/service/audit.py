"""Everything that was asked of a server, for its owner or admin to read: commands, requests, and bytes either way.

It is kept in memory, bounded, per connection. It never holds what was read, nor any secret: only names and sizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

MOST_ENTRIES = 2000
LONGEST = 500

LASTING = frozenset({"login", "command", "sftp"})
"""Kept apart: many requests push older ones out, but never what was run."""


@dataclass(slots=True)
class AuditEntry:
    """One thing that was asked, or many alike one after another (``times``). ``bytes`` is what came back."""

    number: int
    at: float
    kind: str
    text: str
    times: int = 1
    bytes: int = 0
    until: float = 0.0


@dataclass(slots=True)
class Traffic:
    """Bytes inside the SSH channels, before encryption: of commands' input and output, and of files over SFTP."""

    sent: int = 0
    received: int = 0


@dataclass(slots=True)
class Audit:
    """One connection's log; ``clock`` gives seconds since the epoch."""

    clock: Callable[[], float]
    traffic: Traffic = field(default_factory=Traffic)
    _entries: deque[AuditEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    _lasting: deque[AuditEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    _numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def entries(self) -> Sequence[AuditEntry]:
        """Return what is kept, oldest first."""
        return sorted([*self._lasting, *self._entries], key=lambda entry: entry.number)

    def note(self, kind: str, text: str, *, size: int = 0) -> AuditEntry:
        """Write down a request; one that is like the one before only adds to it."""
        text, now = text[:LONGEST], self.clock()
        kept = self._lasting if kind in LASTING else self._entries
        last = kept[-1] if kept else None
        if last is not None and last.text == text and last.kind == kind:
            last.times += 1
            last.bytes += size
            last.until = now
            return last
        entry = AuditEntry(next(self._numbers), now, kind, text, 1, size, now)
        kept.append(entry)
        return entry
