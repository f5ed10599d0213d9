"""The web app is served: its addresses, its files, and the policy that guards it."""

from __future__ import annotations

import gzip
import re

import pytest
from tests.integration.api.running import Running, expect

ADDRESSES = [
    "/",
    "/connect",
    "/servers",
    "/runs",
    "/runs/gpu1/20250101_120000_a1b2c3",
    "/runs/with%20space/%3Cimg%3E",
    "/compare",
    "/artifacts",
    "/artifacts/model",
    "/settings",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_of_the_app_can_be_opened_directly(shared_server: Running, address: str) -> None:
    answer = shared_server.get(address)
    assert answer.status_code == 200
    assert '<div id="root">' in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Cache-Control"] == "no-store", "it carries a nonce"


def test_an_address_that_is_none_shows_the_app_which_says_so(shared_server: Running) -> None:
    answer = shared_server.get("/nothing-here")
    assert answer.status_code == 404
    assert '<div id="root">' in answer.text


@pytest.mark.parametrize("address", ["/api/nothing", "/api/unified/nothing", "/assets/nothing.js", "/static/nothing"])
def test_what_is_no_page_is_answered_as_the_api_answers(shared_server: Running, address: str) -> None:
    assert "endpoint" in expect(shared_server.get(address), 404)["detail"]


def test_the_policy_lets_in_our_own_files_and_the_style_of_this_answer_alone(shared_server: Running) -> None:
    answers = [shared_server.get("/"), shared_server.get("/")]
    nonces = [re.findall(r'name="style-nonce" content="([\w-]{16,})"', answer.text) for answer in answers]
    assert all(len(found) == 1 for found in nonces)
    assert nonces[0] != nonces[1]
    for answer, [nonce] in zip(answers, nonces, strict=True):
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["style-src"] == f"'self' 'nonce-{nonce}'"
        assert "script-src" not in policy, "then default-src holds: no inline script, no eval"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"


def test_files_named_by_their_content_are_kept_for_good_and_come_compressed(shared_server: Running) -> None:
    page = shared_server.get("/").text
    scripts = re.findall(r'(?:src|href)="(/assets/[^"]+\.(?:js|css))"', page)
    assert scripts
    for url in scripts:
        packed = shared_server.get(url, headers={"Accept-Encoding": "gzip"}, stream=True)
        raw = packed.raw.read(decode_content=False)
        plain = shared_server.get(url, headers={"Accept-Encoding": "identity"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress(raw) == plain.content
        for answer in (packed, plain):
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Content-Type"].split(";")[0] in ("text/javascript", "text/css")
            assert answer.headers["Vary"] == "Accept-Encoding"


def test_files_with_fixed_names_are_asked_for_again(shared_server: Running) -> None:
    answer = shared_server.get("/static/app/scheme.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


def test_the_first_page_is_at_most_400_kilobytes_on_the_wire(shared_server: Running) -> None:
    page = shared_server.get("/").text
    total = len(gzip.compress(page.encode()))
    for url in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        answer = shared_server.get(url, headers={"Accept-Encoding": "gzip"}, stream=True)
        total += len(answer.raw.read(decode_content=False))
    assert total <= 400_000


def test_a_path_cannot_climb_out_of_the_assets(shared_server: Running) -> None:
    for url in ("/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/..%2f..%2fpages.py"):
        assert "NONCE" not in shared_server.get(url).text
