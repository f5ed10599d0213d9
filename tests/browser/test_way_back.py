"""Going on and back by keyboard or mouse: one is where one was, and the focus is never nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import begin_sync
from tests.integration.api.running import Running
from tests.support.chromium import Watched, watch
from tests.support.ferry import run_directories, write_run

MANY = 120


@pytest.fixture
def shown(browser: Browser, server: Running, tmp_path: Path) -> Iterator[Watched]:
    """A page on a server with more runs than a window holds."""
    root = tmp_path / "many"
    for project, name, run_id in run_directories(MANY):
        write_run(root, project, name, run_id, lines=2)
    begin_sync(server, root, mode="smart")
    with watch(browser, server.url) as watched:
        yield watched


def scroll_of(page: Page) -> int:
    top: int = page.get_by_role("grid", name="Runs").evaluate("(grid) => grid.scrollTop")
    return top


def test_going_back_from_a_run_leads_to_its_row(shown: Watched) -> None:
    page = shown.open("/runs?sort=id&order=asc")
    grid = page.get_by_role("grid", name="Runs")
    row = page.get_by_role("row").filter(has_text="20260101_000060_00003c")
    grid.focus()
    for _ in range(4):
        page.keyboard.press("PageDown")
    expect(row).to_have_attribute("data-active", "true")
    before = scroll_of(page)
    assert before > 0
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{shown.base}/runs/gpu1/20260101_000060_00003c")
    page.go_back()
    expect(row).to_have_attribute("data-active", "true")
    expect(grid).to_be_focused()
    assert scroll_of(page) == before
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(page.get_by_label("Select 20260101_000061_00003d")).to_be_checked()
    page.get_by_role("link", name="Servers", exact=True).click()
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("row").nth(1)).to_have_attribute("data-active", "true")  # a new visit begins at the top
    assert scroll_of(page) == 0


def test_going_back_finds_closed_groups_closed(shown: Watched) -> None:
    page = shown.open("/runs?group=project&sort=id&order=asc")
    head = page.get_by_role("button", name="project0 18 runs")
    head.click()
    expect(head).to_have_attribute("aria-expanded", "false")
    page.get_by_role("row").filter(has_text="20260101_000001_000001").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("name1")
    page.go_back()
    expect(head).to_have_attribute("aria-expanded", "false")


def test_keys_go_on_from_what_was_clicked_in_the_table(shown: Watched) -> None:
    page = shown.open("/runs?sort=id&order=asc")
    page.get_by_label("Select 20260101_000002_000002").click()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("grid", name="Runs")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    expect(page.get_by_label("Select 20260101_000003_000003")).to_be_checked()
    page.goto(f"{shown.base}/runs?group=project&sort=id&order=asc")
    page.get_by_role("button", name="project0 18 runs").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="project1 17 runs")).to_have_attribute("aria-expanded", "false")


def test_a_page_that_was_opened_by_a_key_has_the_focus_at_its_heading(shown: Watched) -> None:
    page = shown.open("/runs?sort=id&order=asc")
    grid = page.get_by_role("grid", name="Runs")
    expect(page.get_by_role("row").filter(has_text="20260101_000000")).to_be_visible()
    grid.focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1, name="name0")
    expect(heading).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_title("Copy 20260101_000000_000000")).to_be_focused()
    page.reload()
    expect(heading).to_be_visible()
    expect(heading).not_to_be_focused()
