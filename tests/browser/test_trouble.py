"""What a page does while Runferry itself is gone, and when it is back: it says so soon, and nothing turns white."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.integration.api.running import Running, run_server
from tests.support.chromium import watch

SOON = 7_000
"""Milliseconds; the status is looked at every ten seconds."""


def test_a_page_whose_parts_do_not_come_says_so_and_is_had_by_trying_again(browser: Browser, mirrored: Running) -> None:
    with watch(browser, mirrored.url) as shown:
        page = shown.open("/runs")
        expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_be_visible()
        page.route("**/assets/ServersPage*.js", lambda route: route.abort())
        page.keyboard.press("g")
        page.keyboard.press("s")
        expect(page.get_by_role("alert")).to_contain_text("This page could not be shown")
        page.get_by_role("link", name="Runs", exact=True).click()
        expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("alert")).to_contain_text("This page could not be shown")
        page.unroute("**/assets/ServersPage*.js")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Servers")
        shown.complaints.clear()  # of the part that did not come


def test_that_runferry_is_gone_is_told_at_once(browser: Browser, tmp_path: Path) -> None:
    with ExitStack() as running:
        server = running.enter_context(run_server(tmp_path / "data"))
        with watch(browser, server.url) as web:
            page = web.open("/runs")
            expect(page.get_by_text("No runs yet")).to_be_visible()
            running.close()
            expect(page.get_by_role("alert")).to_contain_text("Runferry itself does not answer", timeout=SOON)
            web.complaints.clear()  # of what nobody answered
