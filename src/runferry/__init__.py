"""Runferry: live, correct local copies of ML experiments on remote servers, over plain SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runferry.client import Client

__all__ = ["Client", "__version__"]

__version__ = "0.1.0"  # the only place; asking the installed package takes longer than all else here


def __getattr__(name: str) -> object:
    """Give ``runferry.Client`` to those who ask for it; the server and the CLI need not load it."""
    if name == "Client":
        from runferry.client import Client

        return Client
    raise AttributeError(f"module 'runferry' has no attribute {name!r}")
