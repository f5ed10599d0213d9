"""The demo in the page: offered while there is nothing, named for what it is, and gone with one click."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import wait_drawn
from tests.support.chromium import Watched


def test_a_newcomer_without_a_server_tries_the_demo_and_removes_it(web: Watched) -> None:
    page = web.open("/")
    expect(page).to_have_url(f"{web.base}/connect")
    page.get_by_role("button", name="Try the demo").click()
    expect(page).to_have_url(f"{web.base}/runs")
    note = page.get_by_role("status").filter(has_text="is a demo, simulated on this machine")
    expect(note).to_be_visible()
    rows = page.get_by_role("row").filter(has_text="resnet50")
    expect(rows.filter(has_text="running")).to_be_visible()
    expect(rows.first.get_by_role("gridcell").filter(has_text="demo")).to_be_visible()
    web.check_accessibility("the demo")
    note.get_by_role("button", name="Remove the demo").click()
    expect(page.get_by_text("No runs yet")).to_be_visible()
    expect(note).to_have_count(0)
    expect(page.get_by_role("button", name="Try the demo")).to_be_visible()


def test_a_run_of_a_demo_that_is_removed_is_told_to_be_gone(web: Watched) -> None:
    page = web.open("/")
    page.get_by_role("button", name="Try the demo").click()
    page.get_by_role("row").filter(has_text="running").first.get_by_role("link").click()
    wait_drawn(page)
    web.refusals = {404}
    page.get_by_role("button", name="Remove the demo").click()
    expect(page.get_by_role("alert")).to_contain_text("Run not found")
    expect(page.get_by_text("running")).to_have_count(0)
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_text("No runs yet")).to_be_visible()
