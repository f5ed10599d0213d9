"""The API's description is complete and true, and the pages that show it need nothing from another host."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.integration.api.running import Running, expect
from tests.support.network import closed_port
from tests.support.samples import unpack_sample

from runferry.api.limits import ENDPOINTS

REFUSED_THERE = 500
"""What the contract answers where a server cannot be reached."""

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = int(os.environ.get("RUNFERRY_SCHEMA_EXAMPLES", "10"))
"""How many requests each operation gets; more than ten are others every time."""

QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES <= 10,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def server(shared_server: Running) -> Running:
    return shared_server


@pytest.fixture
def document(server: Running) -> dict[str, Any]:
    return expect(server.get("/api/openapi.json"), 200)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, many in document["paths"].items() for method, one in many.items()]


def test_every_endpoint_has_a_summary_a_description_and_its_errors(document: dict[str, Any]) -> None:
    assert len(operations(document)) >= 20
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation.get("description"), where
        assert operation["tags"], where
        assert "200" in operation["responses"], where
        assert "422" not in operation["responses"], where
        for status, answer in operation["responses"].items():
            if status != "200":
                example = answer["content"]["application/json"]["example"]
                assert example["detail"], f"{where} {status}"
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_body_has_an_example_or_examples_for_its_required_fields(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Body") and "example" not in schema:
            for field in schema.get("required", []):
                properties = schema["properties"][field]
                assert properties.get("examples") or properties.get("enum"), f"{name}.{field}"


def test_every_answer_has_an_example_that_fits_its_description(document: dict[str, Any]) -> None:
    schemas = document["components"]
    for method, path, operation in operations(document):
        answer = operation["responses"]["200"].get("content", {}).get("application/json")
        if answer is None:
            continue
        schema = answer["schema"]
        named = schemas["schemas"].get(schema.get("items", schema).get("$ref", "").rpartition("/")[2], {})
        example = answer.get("example", named.get("example"))
        assert example is not None, f"{method} {path}"
        whole = [example] if "items" in schema and "example" not in answer and isinstance(example, dict) else example
        jsonschema_rs.validator_for({**schema, "components": schemas}).validate(whole)


def test_every_rate_limited_endpoint_says_so(document: dict[str, Any]) -> None:
    for method, path in ENDPOINTS:
        assert "429" in document["paths"][path][method.lower()]["responses"], path


def test_secrets_are_marked_as_write_only(document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["ConnectBody"]["properties"]
    for field in ("password", "private_key", "passphrase"):
        text = str(properties[field])
        assert "'format': 'password'" in text
        assert "'writeOnly': True" in text


# Logins go to a port of this machine that refuses them; the stream never ends and has a test of its own.
LOGINS = {"/api/unified/connect", "/api/ssh/connect", "/api/doctor"}
LEFT_OUT = {"/api/events", *LOGINS}
SHORT_LOOK = 0.2


def test_whatever_fits_the_description_is_answered_as_described(server: Running, document: dict[str, Any]) -> None:
    tried = probe_all(server, document, LEFT_OUT)
    assert len(tried) >= 15
    assert tried.total() > 100


def test_whatever_a_login_is_made_of_the_answer_is_as_described(server: Running, document: dict[str, Any]) -> None:
    tried: Counter[str] = Counter()
    with closed_port() as port:
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            assert isinstance(found, Ok)
            if found.ok().path in LOGINS:
                probe_login(found.ok(), server, tried, port)
    assert len(tried) == len(LOGINS)


def probe_login(operation: Any, server: Running, tried: Counter[str], port: int) -> None:
    @QUICK
    @given(case=operation.as_strategy())
    def probe_case(case: schemathesis.Case[Any]) -> None:
        if isinstance(case.body, dict):
            case.body |= {"host": "127.0.0.1", "port": port, "saved": None, "use_agent": False}
        tried[operation.label] += 1
        answer = case.call(base_url=server.url, session=server.http, timeout=10)
        if answer.status_code == REFUSED_THERE:
            assert "onnection refused" in answer.text
        assert answer.status_code <= REFUSED_THERE, f"{case.as_curl_command()}: {answer.text}"
        case.validate_response(answer, checks=CHECKS)

    probe_case()


def test_and_so_it_is_with_a_connection_and_runs(connected: Running, tmp_path: Path) -> None:
    body = {"mode": "mirror", "remote_root": str(unpack_sample("0.4", tmp_path / "remote"))}
    expect(connected.post("/api/unified/configure_mode", body), 200)
    connected.wait_synced()
    document = expect(connected.get("/api/openapi.json"), 200)
    tried = probe_all(connected, document, {*LEFT_OUT, "/api/unified/disconnect", "/api/ssh/close"})
    assert tried.total() > 80
    assert connected.status()["connection"]["connected"] is True


def probe_all(server: Running, document: dict[str, Any], left_out: set[str]) -> Counter[str]:
    tried: Counter[str] = Counter()
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path not in left_out:
            probe(operation, server, tried)
    return tried


def probe(operation: Any, server: Running, tried: Counter[str]) -> None:
    @QUICK
    @given(case=operation.as_strategy())
    def probe_case(case: schemathesis.Case[Any]) -> None:
        tried[operation.label] += 1
        if operation.path == "/api/unified/preview":  # else it looks around on this whole machine
            case.query["seconds"] = min(case.query.get("seconds", SHORT_LOOK), SHORT_LOOK)
        answer = case.call(base_url=server.url, session=server.http, timeout=10)
        assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"
        case.validate_response(answer, checks=CHECKS)

    probe_case()


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_pages_load_only_files_that_this_server_has(server: Running, page: str) -> None:
    text = server.get(page).text
    wanted = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert wanted
    for url in wanted:
        assert url.startswith(("/", "data:")), f"{page} loads {url}"
        if url.startswith("/"):
            assert server.get(url).status_code == 200, url
    assert "<script>" not in text, "the content security policy forbids inline scripts"
