"""The demo: a simulated GPU server with a training on it, and a Runferry that mirrors it.

Nothing of it outlives it.
"""

from runferry.demo.jobs import Jobs
from runferry.demo.server import DemoServer
from runferry.demo.tree import build_tree

__all__ = ["DemoServer", "Jobs", "build_tree"]
