"""Asking one Runferry server and waiting for its answer. It knows no endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from runferry.errors import InvalidRequest, RunferryError
from runferry.ssh.credentials import read_token

ANSWER_SECONDS = 90.0
"""A login may take 45 seconds at the server; a first fetch of a run's metrics some more."""


class NoServer(RunferryError):
    """The Runferry server itself does not answer, or what answers is not one."""

    exit_code = 4


class ApiError(RunferryError):
    """The server answered with an error: ``str()`` is its sentence, ``body`` all it said."""

    def __init__(self, answered: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("detail") or f"The server answered {answered}."))
        self.answered = answered
        self.body = body


class Http:
    """A connection to the server at ``url``; safe to use from one thread at a time."""

    def __init__(self, url: str, *, timeout: float, token_file: Path | None = None) -> None:
        headers = {"Authorization": f"Bearer {read_token(token_file).reveal()}"} if token_file is not None else None
        try:
            # Without trust_env a proxy of the environment never sees what goes to this machine.
            self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False, headers=headers)
        except httpx.InvalidURL:
            raise InvalidRequest(f"url: {url!a} is not an address.") from None
        self.url = url.rstrip("/")

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, /, **params: object) -> Any:
        """Return the JSON answer; parameters that are None are left out. Raises ApiError and NoServer."""
        return self._ask("GET", path, params=drop_missing(params)).json()

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return self._ask("POST", path, json=drop_missing(body)).json()

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path).json()

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Give the answer as it arrives; it is a success. Raises ApiError and NoServer, also while it is read."""
        with self._translating(), self._http.stream("GET", path, headers=dict(headers)) as response:
            if not response.is_success:
                response.read()
                raise make_error(response)
            yield response

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._translating():
            response = self._http.request(method, path, **options)
        if not response.is_success:
            raise make_error(response)
        return response

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise NoServer(f"The Runferry server at {self.url} does not answer ({type(error).__name__}).") from error


def drop_missing(values: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def make_error(response: httpx.Response) -> ApiError:
    try:
        body = response.json()
    except ValueError:
        body = {}
    return ApiError(response.status_code, body if isinstance(body, dict) else {})
