"""What people are told of a format: what it is called, and what of it is not as one might think. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runferry.formats import mlflow_db, runicorn, trackio
from runferry.formats.recognition import FORMATS_BY_NAME

LAST_WINS = "Of several points at one step the one written last counts; the others are drawn on demand."
SNAPSHOTS = "It is read from snapshots of a database."
ALL_COUNT = "All points at one step count."


@dataclass(frozen=True, slots=True)
class About:
    """``notes`` are sentences."""

    title: str
    notes: tuple[str, ...] = ()


_OTHERS: Mapping[str, About] = {
    runicorn.FORMAT: About("Runicorn", (ALL_COUNT,)),
    trackio.FORMAT: About(trackio.TITLE, (SNAPSHOTS, "It tells no status.", ALL_COUNT)),
    mlflow_db.FORMAT: About(mlflow_db.TITLE, (SNAPSHOTS, ALL_COUNT)),
}


def describe_format(name: str) -> About:
    """Return what is told of a format; of one that is not installed any more, its name."""
    one = FORMATS_BY_NAME.get(name)
    if one is None:
        return _OTHERS.get(name, About(name))
    return About(one.TITLE, (*one.NOTES, LAST_WINS if one.LAST_WINS else ALL_COUNT))
