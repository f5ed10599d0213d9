"""Lines of logs for a terminal: colours stay, everything else that could act on it is taken away. Pure.

Logs are written by strangers: what moves the cursor, sets the title or reaches the clipboard must never arrive.
"""

from __future__ import annotations

import re
import unicodedata

from runferry.cli.text import HIDDEN, escape

RESET = "\x1b[0m"

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"  # strings: title, clipboard, ..
    r"|\x1b[ -/]*[0-~]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
_DROPPED = frozenset("\x07\x08\x7f\x00")
_KEPT = frozenset("\t\u200c\u200d")  # a tab, and what joins letters and emoji


def tame(text: str, *, has_colours: bool) -> str:
    """Return a line as a terminal would have shown it in the end, with its colours or without, and nothing else."""
    state = find_last_state(text)
    if state.isascii() and state.isprintable():
        return state
    shown, at, is_coloured = [], 0, False
    for found in _SEQUENCE.finditer(state):
        shown.append(tame_plain(state[at : found.start()]))
        at = found.end()
        if has_colours and _COLOUR.fullmatch(found[0]):
            shown.append(found[0])
            is_coloured = True
    shown.append(tame_plain(state[at:]))
    return "".join(shown) + (RESET if is_coloured else "")


def find_last_state(text: str) -> str:
    """Return what follows the last carriage return that anything follows."""
    return next((part for part in reversed(text.split("\r")) if part), "")


def tame_plain(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(tame_character, text))


def tame_character(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in HIDDEN:
        return character
    return "" if character in _DROPPED else escape(character)
