"""Runferry: live, correct local copies of ML experiments on remote servers, over plain SSH."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runferry.client import Client

__all__ = ["Client", "__version__"]

__version__ = version("runferry")


def __getattr__(name: str) -> object:
    """Give ``runferry.Client`` to those who ask for it; the server and the CLI need not load it."""
    if name == "Client":
        from runferry.client import Client

        return Client
    raise AttributeError(f"module 'runferry' has no attribute {name!r}")
