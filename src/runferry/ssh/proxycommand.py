"""A ProxyCommand: a local program whose input and output take the place of the network connection.

The program gets a socket pair, not pipes, so that it looks to asyncssh like any connected socket and what
the program complains about (its stderr) never mixes with the protocol. It ends with the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket

from runferry.ssh.translate import LONGEST, tidy

LONGEST_COMPLAINT = 4096
LAST_WORDS = 0.5
"""Seconds a program that has ended its connection gets to finish its complaint."""


class ProxyProcess:
    """One running ProxyCommand; ``socket`` is our end of the line, and its user closes it."""

    def __init__(self, process: asyncio.subprocess.Process, near: socket.socket) -> None:
        self.socket = near
        self._process = process
        self._complaint = b""
        self._reading = asyncio.create_task(self._read_complaint(), name="proxy command's stderr")

    @classmethod
    async def start(cls, command: str) -> ProxyProcess:
        """Run ``command`` in a shell, as ssh does. Raises OSError."""
        near, far = socket.socketpair()
        try:
            near.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                f"exec {command}",
                stdin=far.fileno(),
                stdout=far.fileno(),
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except BaseException:
            near.close()
            raise
        finally:
            far.close()
        return cls(process, near)

    async def complaint(self) -> str:
        """Return the end of what the program wrote to stderr; for messages."""
        await asyncio.wait([self._reading], timeout=LAST_WORDS)
        return tidy(self._complaint[-LONGEST:].decode(errors="replace"))

    async def close(self) -> None:
        """End the program and what it started. Idempotent."""
        self.socket.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._reading.cancel()
        await asyncio.wait([self._reading])

    async def _read_complaint(self) -> None:
        stream = self._process.stderr
        while stream is not None and (data := await stream.read(LONGEST_COMPLAINT)):
            self._complaint = (self._complaint + data)[-LONGEST_COMPLAINT:]
