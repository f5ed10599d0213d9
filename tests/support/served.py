"""``runferry serve`` as a process of its own, for tests that kill it, and its REST API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

from tests.support.loaded import Command, start_loaded
from tests.support.network import HOST, free_port
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


class ServedRunferry:
    """A server process on ``data_dir``; an asynchronous context manager that ends it. ``api`` is its REST client.

    ``module``, with its arguments, starts it in another way: as one that looks into it (``vitals``).
    """

    def __init__(self, data_dir: Path, home: Path, *, module: Sequence[str] = ()) -> None:
        self._data_dir = data_dir
        self._home = home
        self._module = module
        self.log_path = data_dir.parent / "serve.log"
        self._process: Command | subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.api = httpx.AsyncClient(base_url=f"http://{HOST}:{self.port}/api", timeout=30.0)

    async def start(self) -> Self:
        with self.log_path.open("ab") as log:
            self._process = self._begin(log)
        await eventually(self._is_up, within=20, what="runferry serve to answer")
        return self

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def memory(self) -> int:
        """Return the bytes of memory it occupies now."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        """End it as a power button would: no handler runs."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as a user does, and wait until it has ended."""
        self._end(signal.SIGTERM)

    async def connect(self, sshd: Sshd, port: int | None = None) -> dict[str, Any]:
        body = {
            "host": sshd.host,
            "port": port or sshd.port,
            "username": sshd.username,
            "private_key_path": str(sshd.client_key_path),
            "use_agent": False,
        }
        return await self.post("/unified/connect", body)

    async def mirror(self, root: Path) -> dict[str, Any]:
        return await self.post("/unified/configure_mode", {"mode": "mirror", "remote_root": str(root)})

    async def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.api.get("/unified/status")).raise_for_status().json()
        return answer

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self.api.post(path, json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def sync(self) -> dict[str, Any]:
        """Return the one sync of the one connection."""
        connections = (await self.status())["connections"]
        syncs = connections[0]["syncs"] if connections else []
        return syncs[0] if syncs else {}

    async def is_watching(self) -> bool:
        """Say whether the sync is in step."""
        return (await self.sync()).get("state") == "watching"

    def _begin(self, log: IO[bytes]) -> Command | subprocess.Popen[bytes]:
        words = ["serve", "--no-browser", "--port", str(self.port), "--data-dir", str(self._data_dir)]
        environment = {**os.environ, "HOME": str(self._home)}
        environment.pop("SSH_AUTH_SOCK", None)
        if self._module:
            command = [sys.executable, "-m", *self._module, *words]
            return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return start_loaded(*words, environment=environment, stdout=log.fileno(), stderr=log.fileno())

    async def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "runferry serve ended at once; see serve.log"
        try:
            return (await self.api.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=20)
            self._process = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGTERM)
        await self.api.aclose()
