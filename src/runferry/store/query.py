"""The filter language of lists: ``status:running lr<1e-3 "quoted words" -word`` becomes terms. Pure; knows no SQL.

All terms must hold. A word is looked for in key, project and name. ``field:value`` compares a name, any case, ``*``
standing for anything; several values are separated by commas, and naming the same field again allows more of them
(``tag:`` excepted: a run may have many). ``key<number`` compares a parameter, a summary value or a metric's last
value. A ``-`` in front turns a term around. Quotes keep spaces and signs together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from runferry.errors import InvalidRequest

FIELDS = ("status", "server", "project", "name", "tag", "id")
TIMES = ("created", "started", "ended")
MOST_TERMS = 50

_SCAN = re.compile(r'\s+|(?P<text>(?:"(?:[^"\\]|\\.)*"|[^\s"])+)|(?P<open>")')
_SPLIT = re.compile(
    r'(?P<left>(?:"(?:[^"\\]|\\.)*"|[^":<>=!])*)(?P<sign>:|<=|>=|!=|==|<|>|=|!)(?P<right>.*)', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INNER_STAR = re.compile(r".(?<!\\)(?:\\\\)*\*.", re.DOTALL)
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')


@dataclass(frozen=True, slots=True)
class Word:
    """A text to look for."""

    text: str
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A field that must be one of ``values``; in these ``*`` is a wildcard and ``\\`` takes away what a sign means."""

    field: str
    values: tuple[str, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """``key`` compared with a number. ``is_quoted``: a parameter, even where the key is a word of the language."""

    key: str
    sign: str
    number: float
    is_negated: bool = False
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """A time that must be in ``start`` <= time < ``end`` (seconds since the epoch)."""

    key: str
    start: float
    end: float
    is_negated: bool = False


Term = Word | Match | Comparison | Period


def parse_query(text: str, *, zone: tzinfo | None = None) -> tuple[Term, ...]:
    """Return the terms. Days and times are of ``zone``, by default this machine's.

    Raises InvalidRequest, which names what was not understood.
    """
    pieces = list(_scan(text))
    if len(pieces) > MOST_TERMS:
        raise InvalidRequest(f"q: more than {MOST_TERMS} terms.")
    return _join_fields([_read_term(piece, zone) for piece in pieces])


def _scan(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = _SCAN.match(text, position)
        if found is None or found["open"]:
            raise _refuse(text[position:], "a quotation mark is not closed")
        if found["text"]:
            yield found["text"]
        position = found.end()


def _read_term(piece: str, zone: tzinfo | None) -> Term:
    is_negated = piece.startswith("-") and piece != "-"
    body = piece[1:] if is_negated else piece
    if body.startswith("-") or body in ("", "-"):
        raise _refuse(piece, "a word is missing after the -")
    parted = _SPLIT.fullmatch(body)
    if parted is None:
        return Word(_unquote(body), is_negated)
    left, sign, right = parted["left"], parted["sign"], parted["right"]
    if sign == ":" and left.lower() in FIELDS:
        return _read_match(piece, left.lower(), right, is_negated)
    if sign == ":":
        return _read_colon(piece, left, right, is_negated, zone)
    return _read_comparison(piece, left, sign, right, is_negated, zone)


def _read_colon(piece: str, left: str, right: str, is_negated: bool, zone: tzinfo | None) -> Term:
    """Read a term with a colon that begins with no field: a metric such as ``train:loss<1``, or a mistake."""
    parted = _SPLIT.fullmatch(right)
    while parted is not None and parted["sign"] == ":":
        left, parted = f"{left}:{parted['left']}", _SPLIT.fullmatch(parted["right"])
    if parted is None:
        known = ", ".join(f"{field}:" for field in FIELDS)
        raise _refuse(piece, f"{left}: is no field (known: {known}); put the whole in quotes to look for it")
    return _read_comparison(piece, f"{left}:{parted['left']}", parted["sign"], parted["right"], is_negated, zone)


def _read_match(piece: str, field: str, right: str, is_negated: bool) -> Match:
    values = tuple(_unquote(part, keeps_escapes=True) for part in _PART.findall(right))
    if not values or "" in values or '"' in _PART.sub("", right):
        raise _refuse(piece, f"a value is missing after {field}:")
    if field == "tag" and any(_INNER_STAR.search(value) for value in values):
        raise _refuse(piece, "in a tag a * may stand at the beginning and at the end")
    return Match(field, values, is_negated)


def _read_comparison(
    piece: str, left: str, sign: str, right: str, is_negated: bool, zone: tzinfo | None
) -> Comparison | Period:
    key, value = _unquote(left), _unquote(right)
    if not key:
        raise _refuse(piece, f"a name is missing before {sign}")
    if sign == "!":
        raise _refuse(piece, "! is no comparison; there are < <= > >= = !=")
    if left.lower() in TIMES:
        return _read_period(piece, left.lower(), sign, value, is_negated, zone)
    try:
        number = float(value)
    except ValueError:
        raise _refuse(piece, f"what follows {sign} must be a number") from None
    if math.isnan(number):
        raise _refuse(piece, "nothing compares with NaN")
    return Comparison(key, "=" if sign == "==" else sign, number, is_negated, is_quoted='"' in left)


def _read_period(piece: str, key: str, sign: str, value: str, is_negated: bool, zone: tzinfo | None) -> Period:
    """Read a time; a day is compared from its beginning, ``<=`` and ``=`` mean the whole of it."""
    try:
        start = datetime.fromisoformat(value)
        start = start if start.tzinfo else start.replace(tzinfo=zone) if zone else start.astimezone()
        end = start + (timedelta(days=1) if _DAY.fullmatch(value) else timedelta(microseconds=1))
        first, last = start.timestamp(), end.timestamp()
    except (ValueError, OverflowError, OSError):
        raise _refuse(piece, f"what follows {sign} must be a day or a time such as 2026-01-31") from None
    spans = {
        "<": (-math.inf, first),
        "<=": (-math.inf, last),
        ">": (first if _DAY.fullmatch(value) else last, math.inf),
        ">=": (first, math.inf),
    }
    begins, ends = spans.get(sign, (first, last))
    return Period(key, begins, ends, is_negated is not (sign == "!="))


def _join_fields(terms: list[Term]) -> tuple[Term, ...]:
    """Let a field that is named several times be any of its values; a run has one status, but many tags."""
    joined: dict[str, Match] = {}
    others: list[Term] = []
    for term in terms:
        if isinstance(term, Match) and term.field != "tag" and not term.is_negated:
            before = joined.get(term.field)
            joined[term.field] = Match(term.field, (before.values if before else ()) + term.values)
        else:
            others.append(term)
    return (*joined.values(), *others)


def _unquote(text: str, *, keeps_escapes: bool = False) -> str:
    """Take the quotes away. With ``keeps_escapes`` a quoted ``*`` is marked by a backslash as no wildcard."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(_unquote_part(part, keeps_escapes) for part in parts)


def _unquote_part(part: str, keeps_escapes: bool) -> str:
    if not (len(part) >= 2 and part.startswith('"')):
        return part.replace("\\", "\\\\") if keeps_escapes else part
    plain = _ESCAPED.sub(r"\1", part[1:-1])
    return re.sub(r"([\\*])", r"\\\1", plain) if keeps_escapes else plain


def _refuse(piece: str, reason: str) -> InvalidRequest:
    shown = piece if len(piece) <= 80 else f"{piece[:77]}..."
    return InvalidRequest(f"q: {shown!a} was not understood: {reason}.")
