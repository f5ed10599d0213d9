"""What a running Runferry shows as its demo: the simulated server with its trainings, in a temporary directory."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from runferry.blocking import in_thread
from runferry.demo.jobs import Jobs
from runferry.demo.server import DemoServer
from runferry.demo.tree import TREE, build_tree
from runferry.service import OpenStage, Stage
from runferry.ssh.credentials import Credentials
from runferry.ssh.target import Target


def find_stage() -> OpenStage | None:
    """Return what opens the demo here, or None where it cannot run: its commands are run by ``/bin/sh``."""
    return None if sys.platform == "win32" else open_stage


@contextlib.asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Run the simulated server and its jobs until the context ends; then nothing is left of them."""
    with tempfile.TemporaryDirectory(prefix="runferry-demo-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        root = home / TREE
        await in_thread(build_tree, root, now=time.time())
        async with DemoServer(home) as server, Jobs(root):
            yield Stage(
                Target(server.host, server.port, server.username),
                Credentials(private_key_path=str(server.client_key_path), use_agent=False),
                server.host_key_fingerprint,
                str(root),
            )
