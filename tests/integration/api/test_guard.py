"""Other web sites are kept out, bodies are bounded, and every answer carries the security headers."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from tests.integration.api.running import Running, expect


@pytest.fixture
def server(shared_server: Running) -> Running:
    return shared_server


def port_of(server: Running) -> int:
    return urlsplit(server.url).port or 0


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1:1",
        "127.0.0.1",
        "192.0.2.1:{port}",
        "localhost.evil.example:{port}",
        "127.0.0.1:{port}@evil.example",
        "",
        "[::1",
        "a b",
    ],
)
def test_a_foreign_host_header_is_refused(server: Running, host: str) -> None:
    answer = server.get("/api/health", headers={"Host": host.format(port=port_of(server))})
    assert answer.status_code in (400, 403)  # 400: not even HTTP
    assert "ok" not in answer.text.split()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "127.0.0.5:{port}"]
)
def test_a_loopback_name_or_address_with_our_port_is_answered(server: Running, host: str) -> None:
    expect(server.get("/api/health", headers={"Host": host.format(port=port_of(server))}), 200)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:{port}", "file://"]
)
def test_a_foreign_origin_is_refused_and_nothing_happens(server: Running, origin: str) -> None:
    headers = {"Origin": origin.format(port=port_of(server))}
    body = expect(server.post("/api/unified/disconnect", {}, headers=headers), 403)
    assert body["detail"].startswith("Requests from other web sites")
    expect(server.get("/api/unified/status", headers=headers), 403)


def test_our_own_origin_is_answered(server: Running) -> None:
    expect(server.post("/api/unified/disconnect", {}, headers={"Origin": server.url}), 200)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_image_or_link_of_another_site_cannot_reach_the_api(server: Running, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    expect(server.get("/api/unified/status", headers=headers), 403)
    assert server.get("/", headers=headers).status_code == 200, "a link to the start page is fine"


def test_a_forwarded_address_or_host_changes_nothing(server: Running) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "203.0.113.7", "Forwarded": "host=evil"}
    expect(server.get("/api/health", headers=headers), 200)


@pytest.mark.parametrize("path", ["/", "/docs", "/api/health", "/api/nothing", "/static/docs.js", "/api/ssh/sessions"])
def test_every_answer_carries_the_security_headers(server: Running, path: str) -> None:
    headers = server.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(server: Running) -> None:
    large = b'{"host": "' + b"x" * 1_100_000 + b'"}'
    headers = {"Content-Type": "application/json"}

    def pieces() -> Iterator[bytes]:
        yield from (large[start : start + 65536] for start in range(0, len(large), 65536))

    said = server.http.post(f"{server.url}/api/unified/connect", data=large, headers=headers, timeout=10)
    assert "larger than" in expect(said, 400)["detail"]
    try:
        unsaid = server.http.post(f"{server.url}/api/unified/connect", data=pieces(), headers=headers, timeout=10)
    except requests.ConnectionError:
        return  # the answer came, and the connection ended, while the client was still sending
    assert "larger than" in expect(unsaid, 400)["detail"]


def test_a_chunked_body_of_normal_size_is_read(server: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    try:
        pieces = iter([b'{"mode": ', b'"smart"}'])
        connection.request(
            "POST", "/api/unified/deactivate_mode", pieces, {"Content-Type": "application/json"}, encode_chunked=True
        )
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    finally:
        connection.close()
