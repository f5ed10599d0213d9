"""What one asked for is in view: the last row above the bar of the chosen ones, a preview, what a search found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import begin_sync
from tests.integration.api.running import Running
from tests.support.chromium import DESKTOP, PHONE, Watched, watch
from tests.support.ferry import run_directories, write_run

MANY, FILES = 40, 60
FIRST = "20260101_000000_000000"


@pytest.fixture
def long(server: Running, tmp_path: Path) -> Running:
    """A server with more runs, and a run with more files, than a window holds."""
    root = tmp_path / "long"
    for project, name, run_id in run_directories(MANY):
        run = write_run(root, project, name, run_id, lines=2)
        if run_id == FIRST:
            for number in range(FILES):
                (run / f"note-{number:02d}.txt").write_text(f"this is note {number}\n" * 40)
    begin_sync(server, root)
    return server


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def shown(browser: Browser, long: Running, request: pytest.FixtureRequest) -> Iterator[Watched]:
    with watch(browser, long.url, size=request.param) as watched:
        yield watched


def edge_of(what: Locator, edge: str) -> float:
    place: float = what.evaluate("(one, edge) => one.getBoundingClientRect()[edge]", edge)
    return place


def test_the_last_row_can_be_seen_while_runs_are_chosen(shown: Watched) -> None:
    page = shown.open("/runs?sort=id&order=asc")
    page.get_by_label(f"Select {FIRST}").click()
    bar = page.get_by_role("toolbar", name="Selected runs")
    expect(bar).to_be_visible()
    page.get_by_role("grid", name="Runs").focus()
    page.keyboard.press("End")
    last = page.get_by_role("row").filter(has_text="20260101_000039_000027")
    expect(last).to_have_attribute("data-active", "true")
    page.wait_for_function("() => document.querySelector('[data-active]').getBoundingClientRect().bottom < innerHeight")
    assert edge_of(last, "bottom") <= edge_of(bar, "top")


def test_a_preview_is_seen_wherever_its_file_stands_in_the_list(shown: Watched) -> None:
    page = shown.open(f"/runs/{FIRST}?part=files")
    page.get_by_role("button", name="note-59.txt", exact=True).click()
    preview = page.get_by_role("region", name="Preview of note-59.txt")
    expect(preview).to_contain_text("this is note 59")
    expect(preview.get_by_role("heading")).to_be_in_viewport()
    expect(preview.locator("pre")).to_be_in_viewport()


def test_what_a_search_found_fits_the_window(shown: Watched) -> None:
    page = shown.open("/runs")
    page.get_by_label("Search all runs").fill("name1")
    found = page.get_by_role("listbox", name="Matching runs")
    expect(found.get_by_role("option").first).to_be_visible()
    assert edge_of(found, "right") <= page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
