"""Runferry: live, correct local copies of ML experiments on remote servers, over plain SSH."""

from importlib.metadata import version

__version__ = version("runferry")
