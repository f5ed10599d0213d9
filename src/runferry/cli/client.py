"""Finds the running Runferry server, or starts one for the duration, and asks it. The only HTTP client of the CLI."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from runferry.cli.exits import find_exit_code
from runferry.cli.loading import loading
from runferry.cli.options import TOKEN_VARIABLE, ServerChoice
from runferry.config import load_settings
from runferry.errors import InvalidRequest, RunferryError
from runferry.ssh.credentials import Secret, read_token

SERVER_FILE = "server.json"
"""Where ``runferry.app`` says, in the data directory, where the server is."""

ANSWER_SECONDS = 90.0
"""A login with its helper may take 15 + 30 seconds at the server; anything longer than this is a fault."""

STREAM_SECONDS = 180.0
"""How long a file may make one wait for its next bytes, which may have to come from a server far away."""

HEALTH_SECONDS = 3.0
UNKNOWN_CALLER = 401

Json = dict[str, Any]


class NoServer(RunferryError):
    """The Runferry server itself does not answer, or what answers is not one."""

    exit_code = 4


class ApiError(Exception):
    """The server answered with an error; ``str()`` is its sentence, ``body`` all of it."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("detail") or f"The server answered {status}."))
        self.status = status
        self.body = body

    @property
    def exit_code(self) -> int:
        return find_exit_code(self.status, self.body)


class Client:
    """Asks one Runferry server. ``is_own``: it runs inside this command and ends with it."""

    def __init__(self, http: httpx.AsyncClient, *, is_own: bool) -> None:
        self._http = http
        self.is_own = is_own

    @property
    def url(self) -> str:
        return str(self._http.base_url).rstrip("/")

    async def get(self, path: str, /, **params: object) -> Any:
        """Raises ApiError, or NoServer when the server does not answer."""
        given = {key: value for key, value in params.items() if value is not None}
        return await self._ask("GET", path, params=given)

    async def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Raises as ``get`` does."""
        given = {key: value for key, value in body.items() if value is not None}
        return cast(Json, await self._ask("POST", path, json=given))

    async def follow_events(self) -> AsyncGenerator[tuple[str, Json], None]:
        """Yield (kind, data) of the event stream until it ends. Raises NoServer when it breaks."""
        timeout = httpx.Timeout(HEALTH_SECONDS, read=None)  # the server's pings tell nothing a reader waits for
        try:
            async with self._http.stream("GET", "/api/events", timeout=timeout) as response:
                kind = "message"
                async for line in response.aiter_lines():
                    field, _, value = line.partition(":")
                    if field == "event":
                        kind = value.strip()
                    elif field == "data":
                        yield kind, json.loads(value)
        except httpx.HTTPError as error:
            raise self._translate(error) from error

    @contextlib.asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """Yield a good answer whose body is read piece by piece. Raises as ``get`` does, also where it breaks off."""
        timeout = httpx.Timeout(ANSWER_SECONDS, read=STREAM_SECONDS)
        asked = {"Accept-Encoding": "identity", **headers}
        try:
            async with self._http.stream("GET", path, headers=asked, timeout=timeout) as response:
                if not response.is_success:
                    await response.aread()
                    raise ApiError(response.status_code, read_object(response))
                yield response
        except httpx.HTTPError as error:
            raise self._translate(error) from error

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._translate(error) from error
        try:
            body = response.json()
        except ValueError:
            raise NoServer(f"{self.url} answered something that is not Runferry's.") from None
        if response.is_success:
            return body
        raise ApiError(response.status_code, body if isinstance(body, dict) else {})

    def _translate(self, error: httpx.HTTPError) -> NoServer:
        return NoServer(f"The Runferry server at {self.url} does not answer ({type(error).__name__}).")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is, and the token it asks for, if any."""

    url: str
    token: Secret | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token.reveal()}"}


@contextlib.asynccontextmanager
async def open_client(choice: ServerChoice) -> AsyncIterator[Client]:
    """Yield a client of the chosen server, of the one that works in the data directory, or of one started here.

    Raises InvalidRequest for an address that is none, NoServer when the chosen server does not answer.
    """
    address = await find_server(choice)
    if address is not None:
        async with make_http(address) as http:
            client = Client(http, is_own=False)
            if choice.url is not None:
                await client.get("/api/health")
            yield client
        return
    with loading():
        from runferry.demo.hosting import hosting

    settings = load_settings(choice.data_dir, port=0, host="127.0.0.1")
    async with hosting(settings, is_resuming=False) as own, make_http(ServerAddress(own)) as http:
        yield Client(http, is_own=True)


async def find_server(choice: ServerChoice) -> ServerAddress | None:
    """Return the chosen server, or the one that works in the data directory, if one answers there.

    Raises ApiError where that one does not take the token, which is of the file it names unless one was given.
    """
    given = os.environ.get(TOKEN_VARIABLE)
    token = read_token(Path(given)) if given else None
    if choice.url is not None:
        return ServerAddress(check_url(choice.url), token)
    settings = load_settings(choice.data_dir, port=0, host="127.0.0.1")
    try:
        found = json.loads((settings.data_dir / SERVER_FILE).read_text(encoding="utf-8"))
        url = check_url(found["url"])
        if not is_running(found["pid"]):
            return None
        if token is None and "token_file" in found:
            token = read_token(Path(found["token_file"]))
    except (OSError, ValueError, KeyError, TypeError, InvalidRequest):
        return None
    address = ServerAddress(url, token)
    async with make_http(address) as http:
        try:
            response = await http.get("/api/health", timeout=HEALTH_SECONDS)
        except httpx.HTTPError:
            return None  # what a killed server left behind
    if response.status_code == UNKNOWN_CALLER:
        raise ApiError(response.status_code, read_object(response))
    return address if response.is_success else None


def is_running(pid: int) -> bool:
    """Say whether the process is there and this user's: the port of one that was killed may be a stranger's by now."""
    if sys.platform == "win32":
        return True  # there is no asking without ending it
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def read_object(response: httpx.Response) -> Json:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def make_http(address: ServerAddress) -> httpx.AsyncClient:
    is_tls = httpx.URL(address.url).scheme == "https"  # the authorities' list takes longer to read than an answer
    # Without trust_env a proxy of the environment never sees what goes to this machine.
    return httpx.AsyncClient(
        base_url=address.url, headers=address.headers, timeout=ANSWER_SECONDS, trust_env=False, verify=is_tls
    )


def check_url(text: str) -> str:
    """Return the address without a final slash. Raises InvalidRequest."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise InvalidRequest(f"--url: {text!a} is not an address.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidRequest(f"--url: {text!a} is not an address such as http://127.0.0.1:23300.")
    return text.rstrip("/")
