"""How long each test goes on and where its seeds begin: ``scripts/fuzz`` says so, else they are short and the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support.fuzzing import seeds_for

SHORT = 0.3


@pytest.fixture
def seeds(record_property: Callable[[str, object], None]) -> Iterator[Iterator[int]]:
    """Seeds until the time is over. Where a test fails, the last one is in its message."""
    count = 0
    seconds = float(os.environ.get("RUNFERRY_FUZZ_SECONDS", SHORT))
    first = int(os.environ.get("RUNFERRY_FUZZ_SEED", "0"))

    def counted() -> Iterator[int]:
        nonlocal count
        for seed in seeds_for(seconds, first):
            count += 1
            yield seed

    yield counted()
    record_property("inputs", count)
    print(f"{count} inputs")
