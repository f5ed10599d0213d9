"""Which columns of a table are steps and times, and which are metrics: by names, as users and tools choose them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

STEPS = (
    "step",
    "global_step",
    "_step",
    "trainer/global_step",
    "global step",
    "current_steps",
    "iteration",
    "iter",
    "iters",
    "training_iteration",
    "epoch",
    "epochs",
)
"""Names of columns that say where a row lies, the best first. The others are metrics then: an epoch beside a step."""

TIMES = frozenset({"time", "timestamp", "_timestamp", "wall_time", "walltime", "wall time", "datetime", "date", "ts"})
"""Names of columns that say when a row was written. They are never metrics."""

NAMES = ("name", "metric", "key", "tag", "metric_name")
"""Names of the column that, beside one called "value", names the metric of each row: a long table."""

VALUE = "value"

EARLIEST = 631_152_000.0
"""A time below this (1990) is no date but how long something took."""


@dataclass(frozen=True, slots=True)
class TableRules:
    """How to read one kind of table. All names are compared in lower case.

    ``key`` is the metric's name where a file holds one metric only. ``columns`` are the only ones that are metrics,
    where given; ``ignored`` are none, nor what lies below them.
    """

    steps: tuple[str, ...] = STEPS
    times: Collection[str] = TIMES
    columns: Collection[str] | None = None
    ignored: Collection[str] = frozenset()
    key: str | None = None

    def find_step(self, names: Collection[str]) -> str | None:
        """Return the name that says where a row lies, as it is written."""
        lower = {name.lower(): name for name in reversed(list(names))}
        return next((lower[step] for step in self.steps if step in lower), None)

    def find_time(self, names: Collection[str]) -> str | None:
        return next((name for name in names if name.lower() in self.times), None)

    def is_metric(self, name: str) -> bool:
        lower = name.lower()
        if self.columns is not None:
            return lower in self.columns
        return lower not in self.times and lower not in self.ignored


PLAIN = TableRules()
