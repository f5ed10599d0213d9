"""The page that asks for the token, of a server that listens on an address beside this machine's usual one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from runferry.api import Admission
from runferry.ssh.credentials import Secret
from tests.integration.api.running import Running, run_server
from tests.support.chromium import Scheme, watch

TOKEN = "a-token-of-a-test-that-nobody-would-guess"
ELSEWHERE = "127.0.0.2"
UNAUTHORIZED = 401


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("guarded")
    with run_server(folder / "data", host=ELSEWHERE, admission=Admission(Secret(TOKEN))) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wrong_token_is_told_and_the_right_one_opens_the_page_that_was_asked_for(
    browser: Browser, guarded: Running, scheme: Scheme
) -> None:
    with watch(browser, guarded.url, scheme=scheme) as web:
        web.refusals.add(UNAUTHORIZED)
        page = web.open("/settings")
        field = page.get_by_label("The token of this server")
        expect(field).to_be_focused()
        field.fill("not this one")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(
            "This is not the token of this Runferry; it was shown when it started."
        )
        web.check_accessibility(f"the page that asks for the token, {scheme}")
        field.fill(f" {TOKEN} ")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
        assert page.url == f"{guarded.url}/settings"
        assert TOKEN not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
        page.reload()
        expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
