"""A web page of somebody else, open in the owner's browser, can ask nothing of any endpoint: not one that is described,
nor one that will be, for the list is the API's own description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.integration.api.running import Running, expect

EVIL = "http://evil.example"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FORM_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
SOCKET = "/api/runs/any/logs/ws"


def list_addresses(server: Running) -> list[str]:
    """Return every described path, its parameters filled in."""
    document = expect(server.get("/api/openapi.json"), 200)
    return [re.sub(r"\{[^}]*\}", "x", path) for path in document["paths"]]


def ask(server: Running, method: str, path: str, headers: Mapping[str, str], data: bytes = b"") -> requests.Response:
    return server.http.request(method, server.url + path, headers=dict(headers), data=data, timeout=10, stream=True)


def expect_refusal(answer: requests.Response, what: object) -> None:
    with answer:
        assert answer.status_code == 403, what
        crossing = [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert not crossing, what
        if answer.request.method != "HEAD":
            assert set(answer.json()) == {"detail"}, what


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
def test_no_endpoint_answers_another_site_by_any_method(server: Running, headers: dict[str, str]) -> None:
    addresses = list_addresses(server)
    assert len(addresses) > 30
    for path in addresses:
        for method in METHODS:
            expect_refusal(ask(server, method, path, headers), (method, path))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "169.254.169.254"])  # noqa: S104
def test_no_endpoint_answers_under_a_name_that_was_rebound_to_us(server: Running, host: str) -> None:
    named = f"{host}:{urlsplit(server.url).port}"
    # After rebinding a browser takes both for one site, and says so.
    headers = {"Host": named, "Origin": f"http://{named}", "Sec-Fetch-Site": "same-origin"}
    for path in [*list_addresses(server), "/", "/docs"]:
        for method in METHODS:
            expect_refusal(ask(server, method, path, headers), (method, path))


@pytest.mark.parametrize("kind", FORM_TYPES)
def test_a_form_is_never_taken_for_json_even_where_a_browser_tells_no_origin(server: Running, kind: str) -> None:
    document = expect(server.get("/api/openapi.json"), 200)
    tried = 0
    for path, methods in document["paths"].items():
        if "requestBody" in methods.get("post", {}):
            body = b'{"host": "evil.example", "mode": "mirror", "x": "=", "run_ids": ["x"]}'
            with ask(server, "POST", re.sub(r"\{[^}]*\}", "x", path), {"Content-Type": kind}, body) as answer:
                assert answer.status_code == 400, path
            tried += 1
    assert tried > 10


def test_endpoints_that_take_no_body_are_closed_to_forms_by_their_origin(server: Running) -> None:
    document = expect(server.get("/api/openapi.json"), 200)
    for path, methods in document["paths"].items():
        for method in set(methods) - {"get"}:
            headers = {"Origin": EVIL, "Content-Type": "text/plain"}
            expect_refusal(ask(server, method.upper(), re.sub(r"\{[^}]*\}", "x", path), headers), path)


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:1"])
def test_another_site_gets_neither_the_websocket_nor_the_events(server: Running, origin: str) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(server.url.replace("http", "ws") + SOCKET, origin=Origin(origin)),
    ):
        pass
    assert refused.value.response.status_code == 403
    expect_refusal(ask(server, "GET", "/api/events", {"Origin": origin}), origin)


def test_no_answer_ever_shares_itself_with_another_site(server: Running) -> None:
    for path in [path for path in list_addresses(server) if path != "/api/events"]:
        for method in ("GET", "OPTIONS"):
            with ask(server, method, path, {"Origin": server.url}) as answer:
                assert not [name for name in answer.headers if name.lower().startswith("access-control-")], path
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", path


FORBIDDEN = re.compile(r"proxy|command|ssh_?config|ssh_?option|known_?hosts|identity|forward|jump", re.IGNORECASE)
LOCAL = re.compile(r"dest|local|target|output|data_dir|directory|save_to|path|root", re.IGNORECASE)
HARMLESS = {
    "private_key_path": "a key file that is read, and named again in no answer",
    "pkey_path": "the older name of private_key_path",
    "key_path": "a key file that is read",
    "remote_root": "a folder of the server",
    "remote_roots": "folders of the server",
    "path": "a path on a server or within a run, contained there; for user_root_dir a folder of ours: see below",
    "root": "a filter: which synced root an artifact lies in",
    "paths": "paths within a run; contained there",
}
"""Fields that name a place and why a browser may choose it; a new one has to be thought about.

The one local place that our own page may choose is the data directory, from the next start on
(``POST /api/config/user_root_dir`` of the Runicorn API); pages of other sites are refused there as everywhere.
"""


def list_fields(document: dict[str, Any]) -> set[str]:
    """Return the name of every field of a body and every parameter."""
    bodies = {name: schema for name, schema in document["components"]["schemas"].items() if name.endswith("Body")}
    fields = {field for schema in bodies.values() for field in schema.get("properties", {})}
    for methods in document["paths"].values():
        for operation in methods.values():
            fields |= {one["name"] for one in operation.get("parameters", []) if one["in"] != "path"}
    return fields


def test_no_field_names_a_proxy_command_an_ssh_option_or_a_place_nobody_thought_about(server: Running) -> None:
    fields = list_fields(expect(server.get("/api/openapi.json"), 200))
    assert "private_key_path" in fields
    assert not {field for field in fields if FORBIDDEN.search(field)}
    assert {field for field in fields if LOCAL.search(field)} - HARMLESS.keys() == set()


def test_ssh_options_in_a_body_are_not_even_looked_at(server: Running, tmp_path: Any) -> None:
    mark = tmp_path / "owned"
    options = {"ProxyCommand": f"touch {mark}", "proxy_command": f"touch {mark}", "ssh_config": str(mark), "jump": "x"}
    body = {"host": "127.0.0.1", "port": 1, "username": "me", "password": "x", **options}
    assert server.post("/api/unified/connect", body).status_code == 500, "refused: nothing listens there"
    for host in (f"-oProxyCommand=touch {mark}", f"x;touch {mark}", f"$(touch {mark})", "a\nProxyCommand touch x"):
        assert server.post("/api/unified/connect", body | {"host": host}).status_code in (400, 500)
    assert not mark.exists()
