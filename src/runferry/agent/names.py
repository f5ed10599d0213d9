"""Which names and paths of a tree are safe to speak about, how to print the others. It touches no file."""

import re
from functools import lru_cache

MAX_BYTES = 255
MAX_DEPTH = 64
_LONGEST = MAX_DEPTH * (MAX_BYTES + 1)

_PART = "(?!\\.{1,2}(?:/|\\Z))(?![A-Za-z]:)[^/\\\\\\x00\\ud800-\\udfff]{1,255}"
_FINE = re.compile(_PART + "\\Z")
_FINE_DIRECTORY = re.compile("%s(?:/%s){0,%d}\\Z" % (_PART, _PART, MAX_DEPTH - 2))


def decode(name: bytes) -> str:
    """Return a name as text whatever the server's locale; bytes that are not UTF-8 become lone surrogates."""
    return name.decode("utf-8", "surrogateescape")


def encode(path: str) -> bytes:
    """Return the bytes that ``decode`` was given."""
    return path.encode("utf-8", "surrogateescape")


def is_fine(name: str) -> bool:
    """Say whether ``name`` can be one part of a path: UTF-8, 1 to 255 bytes, no ``/``, backslash, NUL or
    drive prefix.
    """
    return len(name) <= MAX_BYTES and _is_fine(name)  # what is longer is not remembered


@lru_cache(4096)  # most names come back: those of one run's files in the next run
def _is_fine(name: str) -> bool:
    return _FINE.match(name) is not None and (len(name) < 64 or len(name.encode("utf-8")) <= MAX_BYTES)


def is_fine_path(path: str) -> bool:
    """Say whether ``path`` is relative, has fine parts only and at most 64 of them; ``""`` (the root) is
    fine.
    """
    directory, slash, name = path.rpartition("/")
    if not is_fine(name):
        return not path
    return not slash or (len(directory) < _LONGEST and _is_fine_directory(directory))


@lru_cache(1024)  # of one directory many files are spoken about, one after the other
def _is_fine_directory(path: str) -> bool:
    """Say whether ``path`` has fine parts only, at least one, and may hold another one."""
    if _FINE_DIRECTORY.match(path) is None:
        return False
    return len(path) < 64 or len(path.encode("utf-8")) == len(path) or all(map(is_fine, path.split("/")))


def join(directory: str, name: str) -> str:
    """Return the path of ``name`` in ``directory``, which may be the root (``""``)."""
    return directory + "/" + name if directory else name


def parent(path: str) -> str:
    """Return the directory that holds ``path``: ``""`` for what lies directly in the root."""
    return path.rpartition("/")[0]


def depth(path: str) -> int:
    """Return how many parts ``path`` has."""
    return path.count("/") + 1 if path else 0


def escape(text: str) -> str:
    """Return ``text`` printable: bytes that are not UTF-8 and control characters become ``\\xNN`` or
    ``\\uNNNN``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape_one(c) for c in text)


def _escape_one(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return "\\x%02x" % (number - 0xDC00)
    return character.encode("unicode_escape").decode("ascii")
