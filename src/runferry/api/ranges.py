"""Conditional and partial requests (RFC 9110, 13 and 14): header texts in, decisions out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` up to ``end``; not ``is_partial``: all there are."""

    start: int
    end: int
    is_partial: bool = False

    @property
    def length(self) -> int:
        return self.end - self.start


class Unsatisfiable(Exception):
    """A well-formed range that lies wholly behind the end (416)."""


def choose_span(size: int, etag: str, *, wanted: str | None, only_if: str | None) -> Span:
    """Return what to send of ``size`` bytes: for one range that part, for several, odd or stale ones everything.

    ``wanted`` is the Range header, ``only_if`` the If-Range header: an entity tag is compared strongly, a date never
    counts as a match. Raises Unsatisfiable.
    """
    whole = Span(0, size)
    if wanted is None or (only_if is not None and only_if.strip() != f'"{etag}"'):
        return whole
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not any(found.groups()):
        return whole
    first, last = found.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return Span(max(0, size - int(last)), size, is_partial=True)
    if last and int(last) < int(first):
        return whole
    if int(first) >= size:
        raise Unsatisfiable
    return Span(int(first), min(size, int(last) + 1) if last else size, is_partial=True)


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Say whether the client has this version already (304). Compared weakly, as the RFC wants it."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)
