"""A Runferry server in a thread of this process, as ``runferry serve`` would run it, for tests that block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import uvloop
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

from runferry.api import Admission
from runferry.app import LOOPBACK_ONLY, Server, listen, make_server
from runferry.config import DEFAULT_RATE_LIMITS, Settings, load_settings
from runferry.service import OpenStage, Service

NO_LIMITS = dict.fromkeys(DEFAULT_RATE_LIMITS, 0)


@dataclass(frozen=True)
class Running:
    """The server's address and a session that knows it."""

    url: str
    settings: Settings
    http: requests.Session

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self.url + path, timeout=30, **options)

    def post(self, path: str, body: object = None, **options: Any) -> requests.Response:
        return self.http.post(self.url + path, json=body, timeout=30, **options)

    def status(self) -> dict[str, Any]:
        return expect(self.get("/api/unified/status"), 200)

    def connect(self, sshd: Sshd) -> dict[str, Any]:
        return expect(self.post("/api/unified/connect", login_of(sshd)), 200)

    def wait_synced(self, mode: str = "mirror") -> dict[str, Any]:
        """Wait until the current connection's sync of this mode is in step, and return the status."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            is_done = status[f"{mode}_mode"].get("last_sync_at") is not None
            return status if is_done else None

        return eventually_now(look, within=30, every=0.1, what=f"the {mode} sync is in step") or {}


def login_of(sshd: Sshd) -> dict[str, Any]:
    """Return a body for ``connect`` that logs in with the test server's key."""
    return {
        "host": sshd.host,
        "port": sshd.port,
        "username": sshd.username,
        "private_key_path": str(sshd.client_key_path),
        "use_agent": False,
    }


def expect(response: requests.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    body: dict[str, Any] = response.json()
    return body


@contextlib.contextmanager
def run_server(
    data_dir: Path,
    *,
    admission: Admission = LOOPBACK_ONLY,
    open_demo: OpenStage | None = None,
    **settings: Any,
) -> Iterator[Running]:
    """Run a server on a free port until the context ends; a failure inside it is raised at the end."""
    options = {"port": 0, "rate_limits": NO_LIMITS} | settings
    chosen = load_settings(data_dir, **options)
    listener = listen(chosen.host, chosen.port)
    url = f"http://{chosen.host}:{listener.getsockname()[1]}"
    is_ready = threading.Event()
    servers: list[Server] = []
    failures: list[BaseException] = []

    async def main() -> None:
        async with Service(chosen, open_demo=open_demo) as service:
            server = make_server(listener, chosen, service, admission=admission, on_ready=lambda _: is_ready.set())
            servers.append(server)
            await server.serve(sockets=[listener])

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)
            is_ready.set()

    thread = threading.Thread(target=run, name="runferry")
    thread.start()
    try:
        assert is_ready.wait(20), "the server did not start"
        if not failures:
            with requests.Session() as http:
                yield Running(url, chosen, http)
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive(), "the server did not stop"
    if failures:
        raise failures[0]
