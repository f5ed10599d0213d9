"""Interleaved rounds: A B C, A B C, ..., so that whatever the machine does meanwhile happens to all of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Series
from bench.lab import Lab

Run = Callable[[Path], Awaitable[float]]
"""Does the work with an empty directory and returns the seconds it took, its own preparations left out."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who runs. ``most_rounds`` spares a slow one; an extra is shown but no target compares with it."""

    who: str
    run: Run
    most_rounds: int = 1000
    is_extra: bool = False


async def race(lab: Lab, rtt: int, contestants: Sequence[Contestant], *, size: int) -> list[Series]:
    """Let everyone run in every round and return the seconds of each; ``size`` is how many bytes a copy has."""
    seconds: dict[str, list[float]] = {contestant.who: [] for contestant in contestants}
    for number in range(lab.options.rounds):
        for contestant in contestants:
            if number >= contestant.most_rounds:
                continue
            lab.warm_memory(size)
            folder = lab.new_folder()
            seconds[contestant.who].append(await contestant.run(folder))
            lab.drop(folder)
            show(f"RTT {rtt}, round {number + 1}: {contestant.who} {seconds[contestant.who][-1]:.3f} s")
    return [Series(one.who, rtt, tuple(seconds[one.who]), one.is_extra) for one in contestants]


def show(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)
