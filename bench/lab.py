"""The place where a benchmark happens: a server on 127.0.0.1, ways to it with and without delay, room on a disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType

from tests.support.sshd import Sshd

from bench.proxy import ProxyProcess

_ZEROS = bytes(1 << 20)
_SPARE = 300_000_000
"""Bytes for what a contestant keeps in memory beside its copy."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much to do. ``quick`` shrinks every case to a few seconds: it proves that it runs, and measures little."""

    rounds: int = 5
    rtts: tuple[int, ...] = (0, 50)
    quick: bool = False


class Lab:
    """Debian's sshd, one proxy per RTT above 0, and a temporary directory; an asynchronous context manager."""

    def __init__(self, options: Options, work: Path | None = None) -> None:
        self.options = options
        self._folder = Path(tempfile.mkdtemp(prefix="rf-bench-", dir=work))
        self._numbers = count()
        self._stack = AsyncExitStack()
        self._ports: dict[int, int] = {}
        self.sshd = Sshd(path="/usr/bin")  # an empty home: nobody waits for the start files of this machine

    @property
    def folder(self) -> Path:
        return self._folder

    def port(self, rtt: int) -> int:
        """Return where the server is reached with this round trip (milliseconds)."""
        return self._ports[rtt]

    async def add_proxy(self, *, delay: float = 0.0, target_port: int | None = None) -> ProxyProcess:
        """Start one more proxy that lives as long as the lab."""
        proxy = ProxyProcess(self.sshd.port if target_port is None else target_port, delay=delay)
        return await self._stack.enter_async_context(proxy)

    def new_folder(self) -> Path:
        """Return an empty directory, after what others wrote has reached the disk."""
        os.sync()
        folder = self._folder / f"round-{next(self._numbers)}"
        folder.mkdir()
        return folder

    def warm_memory(self, size: int) -> None:
        """Touch as much memory as a copy of ``size`` bytes takes, and give it back.

        A virtual machine gets its memory from the host page by page, slowly, and gives free pages back after a
        while. Without this whoever writes first would pay for all who follow.
        """
        path = self._folder / "warmth"
        with path.open("wb", buffering=0) as file:
            for _ in range((2 * size + _SPARE) // len(_ZEROS)):
                file.write(_ZEROS)
        path.unlink()

    def drop(self, folder: Path) -> None:
        shutil.rmtree(folder)

    def ssh(self, port: int, *extra: str) -> Sequence[str]:
        """Return the command of a plain OpenSSH client, with its own defaults, that asks nobody."""
        return (
            "ssh",
            *("-F", "none", "-i", str(self.sshd.client_key_path), "-p", str(port)),
            *("-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self._known_hosts(port)}"),
            *extra,
        )

    @property
    def login(self) -> str:
        return f"{self.sshd.username}@{self.sshd.host}"

    def _known_hosts(self, port: int) -> Path:
        path = self._folder / f"known_hosts-{port}"
        if not path.exists():
            path.write_text(f"[{self.sshd.host}]:{port} {self.sshd.host_public_key}\n")
        return path

    async def __aenter__(self) -> Lab:
        for rtt in self.options.rtts:
            self._ports[rtt] = (await self.add_proxy(delay=rtt / 2000)).port if rtt else self.sshd.port
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        self.sshd.close()
        shutil.rmtree(self._folder, ignore_errors=True)
