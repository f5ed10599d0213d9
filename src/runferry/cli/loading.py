"""Loads the server's parts for the commands that need them, and only then: a second, for which no other need wait."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import within this. What is loaded stays, so the garbage collector need not look at it, then or ever.

    It would look at all there is again and again while that grows: a sixth of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
