"""The client itself: connections, syncs, runs, artifacts and downloads of one Runferry server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from runferry.client.http import ANSWER_SECONDS, ApiError, Http
from runferry.client.run import Run
from runferry.client.values import Artifact, Connection, Download, Item, Json, read_as
from runferry.ssh.target import parse_target

DEFAULT_URL = "http://127.0.0.1:23300"
POLL_SECONDS = 0.2

Answer = Callable[[str, bool], str]
"""Called with a server's question and whether the answer may be shown while it is typed."""


class Client:
    """Asks the Runferry server at ``url``; a context manager. Raises ApiError and NoServer.

    ``timeout`` is in seconds, for one answer. ``token_file`` holds the token of a server that was started with one.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, timeout: float = ANSWER_SECONDS, token_file: Path | None = None
    ) -> None:
        self._http = Http(url, timeout=timeout, token_file=token_file)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # Servers

    def connect(self, target: str, *, answer: Answer | None = None, **login: object) -> Connection:
        """Log in to ``user@host[:port]`` or an alias of ``~/.ssh/config``; InvalidRequest where it is neither.

        ``login`` takes what ``POST /api/unified/connect`` takes: password, private_key, private_key_path,
        passphrase, use_agent, accept_fingerprint. ``answer`` is asked for each question of the server (2FA).
        """
        whom = parse_target(target)
        body: dict[str, object] = {"host": whom.host, "port": whom.port, "username": whom.username, **login}
        while True:
            try:
                raw = self._http.post("/api/unified/connect", body)
            except ApiError as error:
                if answer is None or "prompts" not in error.body:
                    raise
                answers = [answer(prompt["text"], prompt["echo"]) for prompt in error.body["prompts"]]
                body |= {"attempt": error.body["attempt"], "answers": answers}
            else:
                connection: Connection = read_as(Connection, raw, id="connection_id")
                return connection

    def disconnect(self, connection_id: str | None = None) -> None:
        """End a connection, or the current one; local copies stay."""
        self._http.post("/api/unified/disconnect", {"connection_id": connection_id})

    def status(self) -> Json:
        """Return all of ``GET /api/unified/status``."""
        answer: Json = self._http.get("/api/unified/status")
        return answer

    def listdir(
        self, path: str = "~", *, connection_id: str | None = None, show_hidden: bool = False
    ) -> Sequence[Item]:
        """Browse a directory of the server."""
        answer = self._http.get(
            "/api/unified/listdir", path=path, connection_id=connection_id, show_hidden=str(show_hidden).lower()
        )
        return [read_as(Item, one) for one in answer["items"]]

    def sync(self, remote_root: str, *, mode: str = "smart", wait: float | None = 60.0, **options: object) -> Json:
        """Keep ``remote_root`` of the current connection here; returns its entry of ``status``.

        ``wait``: for up to so many seconds, until the first sync is complete; None does not wait. ``options`` are
        those of ``POST /api/unified/configure_mode``. Raises TimeoutError.
        """
        body = {"mode": mode, "remote_root": remote_root, **options}
        config = self._http.post("/api/unified/configure_mode", body)["config"]
        deadline = time.monotonic() + (wait or 0.0)
        while True:
            found = self._find_sync(mode, str(config["remote_root"]), options.get("connection_id"))
            is_done = found.get("last_sync_at") is not None and found.get("state") in ("watching", "idle")
            if wait is None or is_done:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"The first sync of {remote_root} is not complete after {wait:.0f} s.")
            time.sleep(POLL_SECONDS)

    def sync_now(self, *, mode: str | None = None, connection_id: str | None = None) -> None:
        """Have the whole root looked at again soon."""
        self._http.post("/api/unified/sync", {"mode": mode, "connection_id": connection_id})

    # Runs

    def runs(self, q: str | None = None, *, limit: int | None = None, **filters: object) -> Sequence[Run]:
        """Return the runs of all servers, newest first.

        ``q`` speaks the filter language (``status:running loss<0.2``); ``filters`` are server, project, name, status,
        sort, order and offset.
        """
        return [Run(self._http, raw) for raw in self._http.get("/api/runs", q=q, limit=limit, **filters)]

    def run(self, key: str) -> Run:
        """Return one run by its key, or by its id where only one run has it, with all its documents."""
        return Run(self._http, self._http.get(f"/api/runs/{quote(key)}"))

    # Artifacts and downloads

    def artifacts(self, type: str | None = None) -> Sequence[Artifact]:
        return [read_as(Artifact, raw) for raw in self._http.get("/api/artifacts", type=type)]

    def download(self, run: Run | str, *paths: str, wait: float | None = None) -> Download:
        """Have files of a run fetched into the local copy; ``wait`` up to so many seconds for the end of it."""
        key = run.key if isinstance(run, Run) else run
        task = self._read_download(self._http.post("/api/downloads", {"run": key, "paths": list(paths)}))
        deadline = time.monotonic() + (wait or 0.0)
        while not task.is_over and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            task = self.downloads(task.id)[0]
        return task

    def downloads(self, id: str | None = None) -> Sequence[Download]:
        """Return all download tasks, or the one with this id."""
        if id is not None:
            return [self._read_download(self._http.get(f"/api/downloads/{quote(id)}"))]
        answer = self._http.get("/api/downloads")
        return [self._read_download(raw) for raw in answer["downloads"]]

    def cancel(self, download_id: str) -> None:
        self._http.delete(f"/api/downloads/{quote(download_id)}")

    def _read_download(self, raw: Json) -> Download:
        task: Download = read_as(Download, raw)
        return task

    def _find_sync(self, mode: str, root: str, connection_id: object) -> Mapping[str, Any]:
        for connection in reversed(self.status().get("connections") or ()):
            for sync in reversed(connection["syncs"]):
                is_meant = connection_id in (None, connection["connection_id"])
                if is_meant and (sync["mode"], sync["remote_root"]) == (mode, root):
                    found: Mapping[str, Any] = sync
                    return found
        return {}
