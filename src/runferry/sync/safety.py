"""When may a local file be removed because the server no longer has it? Pure: values in, a verdict out.

The rules of DESIGN 4: only when the user asked (``delete``), only after two error-free looks at least 30 s apart
with the same root, never when the root is empty, and never more than a fifth of the tree at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SECOND_LOOK_AFTER = 30.0
"""Seconds between the first and the confirming error-free scan."""

MOST_AT_ONCE = 0.2
"""The share of the known files that may go without the user's word."""

FEW = 5
"""So few deletions are never refused for their share alone: small trees must work too."""


@dataclass(frozen=True, slots=True)
class Look:
    """One scan as far as deletions are concerned. ``present`` counts the files it saw."""

    is_error_free: bool
    is_same_root: bool
    present: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """``removable`` may go to the trash now. ``halt`` is the sentence that says why nothing may, or None."""

    removable: tuple[str, ...] = ()
    halt: str | None = None


def judge_deletions(
    missing_since: Mapping[str, float], look: Look, *, held: int, now: float, after: float = SECOND_LOOK_AFTER
) -> Verdict:
    """Decide over files that are held locally and missing on the server.

    ``missing_since`` maps paths to when they were first missed (seconds, same clock as ``now``); ``held`` counts the
    files the local copy has, the missing ones included; ``after`` seconds lie between the two looks.
    """
    if not missing_since:
        return Verdict()
    if not look.is_same_root:
        return Verdict(halt="The root is another directory than before (unmounted or replaced?); nothing was removed.")
    if look.present == 0:
        return Verdict(halt="The root is empty on the server; nothing was removed from the local copy.")
    if len(missing_since) > max(FEW, held * MOST_AT_ONCE):
        share = round(100 * len(missing_since) / max(held, 1))
        return Verdict(
            halt=f"{count_files(len(missing_since))} gone from the server at once ({share} % of all); none was removed "
            "from the local copy. Remove them there yourself if that is right."
        )
    if not look.is_error_free:
        return Verdict(
            halt=f"Parts of the root cannot be read; {count_files(len(missing_since))} gone from the server, and none "
            "was removed from the local copy."
        )
    due = tuple(path for path, since in missing_since.items() if now - since >= after)
    return Verdict(removable=due)


def count_files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count:,} files are"
