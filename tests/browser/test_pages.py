"""Every page, light and dark, desktop and phone: accessible, without complaints, and true as things change."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import EVIL, RUN
from tests.integration.api.running import Running
from tests.support.chromium import DESKTOP, PHONE, Scheme, Watched, watch
from tests.support.ferry import write_run
from tests.support.sshd import Sshd


@pytest.fixture
def shown(browser: Browser, mirrored: Running) -> Iterator[Watched]:
    with watch(browser, mirrored.url) as watched:
        yield watched


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_empty_runferry_is_accessible_and_teaches(browser: Browser, server: Running, scheme: Scheme) -> None:
    with watch(browser, server.url, scheme=scheme) as web:
        for path, sentence in {
            "/connect": "Where are your experiments?",
            "/runs": "No runs yet",
            "/servers": "No server is connected",
            "/settings": "Saved connections",
            "/nothing-here": "There is nothing at this address",
        }.items():
            web.refusals = {404} if path == "/nothing-here" else set()
            page = web.open(path)
            expect(page.get_by_text(sentence).first).to_be_visible()
            web.check_accessibility(f"{path}, empty, {scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_with_content_are_accessible(browser: Browser, mirrored: Running, scheme: Scheme) -> None:
    with watch(browser, mirrored.url, scheme=scheme) as web:
        page = web.open("/runs")
        expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_be_visible()
        page.get_by_label("Select 20260101_000000_aaaaaa").check()
        web.check_accessibility(f"/runs, {scheme}")
        page.get_by_role("button", name="Columns").click()
        expect(page.get_by_role("dialog").get_by_label("Curve")).to_be_visible()
        web.check_accessibility(f"the columns, {scheme}")
        page = web.open("/servers")
        page.get_by_role("button", name="Audit log").click()
        expect(page.get_by_role("cell", name="command", exact=True)).to_be_visible()
        page.get_by_role("button", name="left out on purpose").click()
        web.check_accessibility(f"/servers, {scheme}")


@pytest.mark.parametrize("path", ["/connect", "/runs", "/servers", "/settings"])
def test_a_phone_shows_pages_without_scrolling_sideways(browser: Browser, mirrored: Running, path: str) -> None:
    with watch(browser, mirrored.url, size=PHONE) as web:
        page = web.open(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if path == "/runs":
            expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_contain_text("finished")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        web.check_accessibility(f"{path} on a phone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_sorts_its_cards_by_what_sorts_the_table(browser: Browser, mirrored: Running, scheme: Scheme) -> None:
    with watch(browser, mirrored.url, size=PHONE, scheme=scheme) as web:
        page = web.open("/runs?sort=started_at")
        by = page.get_by_label("Sort by")
        expect(by).to_have_value("started_at")  # the truth, though no column is sorted by it
        by.select_option("Run")
        expect(page).to_have_url(f"{web.base}/runs?sort=id")
        cards = page.get_by_role("grid", name="Runs").get_by_role("link")
        ids = ["20260101_000000_aaaaaa", "20260102_000000_bbbbbb", "20260103_000000_cccccc"]
        expect(cards).to_have_text(ids[::-1])
        by.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Ascending")).to_be_focused()
        expect(cards).to_have_text(ids)
        for control in (by, page.get_by_role("button", name="Ascending")):
            box = control.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 44, "large enough for a finger"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        web.check_accessibility(f"sorted cards, {scheme}")
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        expect(page.get_by_role("columnheader", name="Run")).to_have_attribute("aria-sort", "ascending")
        expect(by).to_be_hidden()


def test_what_is_left_out_is_no_problem_and_moments_and_processes_are_told_in_full(shown: Watched) -> None:
    page = shown.open("/runs/20260101_000000_aaaaaa?part=files")
    expect(page.get_by_role("button", name="events.jsonl.lock", exact=True)).to_be_visible()
    expect(page.get_by_text("left out", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Fetch events.jsonl.lock")).to_have_count(0)
    expect(page.get_by_text("problem", exact=True)).to_have_count(0)
    page.get_by_role("tab", name="Environment").click()
    facts = page.get_by_role("region", name="Metadata")
    expect(facts.get_by_role("cell", name="1700000000.5", exact=True)).to_be_visible()
    expect(facts.get_by_role("cell", name="4242", exact=True)).to_be_visible()


def test_a_hostile_name_is_shown_as_text(shown: Watched) -> None:
    page = shown.open("/runs")
    expect(page.get_by_text(EVIL)).to_be_visible()
    expect(page.locator("img[src='x']")).to_have_count(0)


def test_a_run_that_begins_and_changes_on_the_server_shows_in_place(shown: Watched, tree: Path) -> None:
    page = shown.open("/runs")
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_be_visible()
    page.evaluate("window.wasNotReloaded = true")
    run = write_run(tree, "vision", "vit", "20260104_000000_dddddd")
    row = page.get_by_role("row").filter(has_text="dddddd")
    expect(row).to_contain_text("finished")
    expect(page.get_by_text("4 runs", exact=True)).to_be_visible()
    (run / "status.json").write_text('{"status": "failed", "started_at": 1700000000.5, "ended_at": 1700007200.5}')
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("2 h")
    assert page.evaluate("window.wasNotReloaded")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_duration_of_a_run_that_goes_on_and_tells_nothing_grows(
    browser: Browser, mirrored: Running, tree: Path, size: tuple[int, int]
) -> None:
    with watch(browser, mirrored.url, size=size) as shown:
        page = shown.open("/runs")
        run = write_run(tree, "vision", "vit", "20260104_000000_dddddd")
        began = time.time()
        about = {"id": run.name, "created_at": began, "pid": os.getpid(), "hostname": socket.gethostname()}
        (run / "meta.json").write_text(json.dumps(about))
        (run / "status.json").write_text(json.dumps({"status": "running", "started_at": began}))
        row = page.get_by_role("row").filter(has_text="dddddd").filter(has_text="running")
        expect(row).to_contain_text(re.compile(r"\D1[2-9] s(?! ago)"), timeout=30_000)


def test_a_small_curve_goes_on_as_its_run_does(shown: Watched, tree: Path) -> None:
    page = shown.open("/runs")
    curve = page.get_by_role("row").filter(has_text="aaaaaa").locator("svg path[stroke]")
    before = curve.get_attribute("d")
    assert before
    with (tree / "vision" / "resnet" / "runs" / RUN / "events.jsonl").open("a") as events:
        for step in range(100, 110):
            events.write(json.dumps({"ts": step, "type": "metrics", "data": {"step": step, "loss": 50 - step}}) + "\n")
    expect(curve).not_to_have_attribute("d", before, timeout=15_000)


def test_the_filter_is_kept_in_the_address_and_the_selection_survives_it(shown: Watched) -> None:
    page = shown.open("/runs")
    page.get_by_label("Select 20260101_000000_aaaaaa").check()
    page.keyboard.press("/")
    page.keyboard.type("project:nlp")
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_have_count(0)
    expect(page.get_by_text("2 match")).to_be_visible()
    expect(page).to_have_url(f"{shown.base}/runs?q=project%3Anlp")
    expect(page.get_by_text("1 run selected")).to_be_visible()
    page.reload()
    expect(page.get_by_text("2 match")).to_be_visible()


def test_a_space_typed_into_the_filter_stays_while_one_thinks_of_the_next_word(shown: Watched) -> None:
    page = shown.open("/runs")
    expect(page.get_by_text("3 runs", exact=True)).to_be_visible()
    words = page.get_by_label("Filter the runs")
    words.press_sequentially("nlp ")
    expect(page).to_have_url(f"{shown.base}/runs?q=nlp")
    words.press_sequentially("bert")
    expect(words).to_have_value("nlp bert")
    expect(page.get_by_text("1 match")).to_be_visible()
    page.go_back()
    page.go_forward()
    expect(words).to_have_value("nlp bert")


def test_a_filter_that_makes_no_sense_says_so_and_stays(shown: Watched) -> None:
    shown.refusals = {400}
    page = shown.open("/runs?q=loss%3Cabc")
    expect(page.get_by_role("alert")).to_contain_text("abc")
    expect(page.get_by_label("Filter the runs")).to_have_value("loss<abc")


def test_runs_are_grouped_sorted_and_walked_by_keyboard(shown: Watched) -> None:
    page = shown.open("/runs?group=project&sort=id&order=asc")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.get_by_role("button", name="nlp 2 runs")).to_be_visible()
    grid.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(page.get_by_text("1 run selected")).to_be_visible()
    expect(page.get_by_label("Select 20260102_000000_bbbbbb")).to_be_checked()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="bbbbbb")).to_have_count(0)
    page.get_by_role("columnheader", name="Run").get_by_role("button").click()
    expect(page).to_have_url(f"{shown.base}/runs?sort=id&group=project")


def test_keys_pressed_before_the_rows_have_come_count_when_they_come(shown: Watched) -> None:
    held: list[Route] = []
    shown.page.route(re.compile(r"/api/runs\?.*project="), lambda route: held.append(route))
    page = shown.open("/runs?group=project&sort=id&order=asc")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.get_by_role("button", name="vision 1 run")).to_be_visible()
    grid.focus()
    for key in ("ArrowDown", " ", "ArrowDown", " ", "End", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("selected", exact=False)).to_have_count(0)
    assert len(held) == 2, "a page of each group"
    nlp, vision = sorted(held, key=lambda route: route.request.url)
    nlp.continue_()
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    for run in ("20260102_000000_bbbbbb", "20260103_000000_cccccc"):
        expect(page.get_by_label(f"Select {run}")).to_be_checked()
    vision.continue_()
    expect(page).to_have_url(f"{shown.base}/runs/gpu1/20260101_000000_aaaaaa")


def test_a_filter_typed_and_entered_leads_into_its_rows_by_keyboard(shown: Watched) -> None:
    page = shown.open("/runs")
    expect(page.get_by_role("row").filter(has_text="bbbbbb")).to_be_visible()
    page.get_by_label("Filter the runs").fill("project:vision")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 match")).to_be_visible()
    expect(page.get_by_role("grid", name="Runs")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.get_by_label("Select 20260101_000000_aaaaaa")).to_be_checked()


def test_parameters_and_metrics_become_columns_that_are_remembered(shown: Watched) -> None:
    page = shown.open("/runs")
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Find a column").fill("loss")
    page.get_by_role("checkbox", name="loss").check()
    page.keyboard.press("Escape")
    row = page.get_by_role("row").filter(has_text="aaaaaa")
    expect(row.get_by_role("gridcell", name="0.05", exact=True)).to_be_visible()
    expect(row.get_by_role("img").filter(has_text="loss")).to_be_visible()
    page.reload()
    expect(page.get_by_role("columnheader", name="loss")).to_be_visible()


def test_deleted_runs_go_to_the_bin_and_come_back(shown: Watched, tree: Path) -> None:
    page = shown.open("/runs")
    page.get_by_label("Select 20260101_000000_aaaaaa").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_have_count(0)
    assert (tree / "vision/resnet/runs/20260101_000000_aaaaaa/meta.json").exists()
    page.get_by_role("button", name="Recycle bin").click()
    page.get_by_role("button", name="Restore 20260101_000000_aaaaaa").click()
    expect(page.get_by_text("It is empty")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_be_visible()


def test_keys_lead_everywhere_and_the_question_mark_lists_them(shown: Watched) -> None:
    page = shown.open("/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Go to Servers")
    shown.check_accessibility("the shortcuts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Servers")
    page.keyboard.press("/")
    page.keyboard.type("bert")
    page.get_by_role("option", name="bbbbbb").wait_for()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{shown.base}/runs?q=bert")


def test_a_sync_is_paused_and_resumed(shown: Watched, tree: Path) -> None:
    page = shown.open("/servers")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    write_run(tree, "vision", "vit", "20260104_000000_dddddd")
    expect(page.get_by_role("button", name="Sync now")).to_be_disabled()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_text("In step")).to_be_visible()
    shown.open("/runs")
    expect(page.get_by_role("row").filter(has_text="dddddd")).to_be_visible()


def test_a_browser_without_a_network_still_reaches_what_is_on_its_own_machine(shown: Watched) -> None:
    page = shown.open("/servers")
    expect(page.get_by_role("heading", level=1)).to_have_text("Servers")
    page.evaluate("window.dispatchEvent(new Event('offline'))")  # as when the Wi-Fi is gone
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_be_visible()


def test_a_server_that_goes_away_is_told_with_the_age_of_its_data_and_returns(shown: Watched, sshd: Sshd) -> None:
    page = shown.open("/runs")
    lamp = page.get_by_role("link", name="gpu1:")
    expect(lamp).to_contain_text("live")
    sshd.stop()
    expect(lamp).to_contain_text("reconnecting")
    expect(page.get_by_text("its data is from")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_contain_text("offline")
    shown.check_accessibility("offline")
    sshd.start()
    expect(lamp).to_contain_text("live", timeout=20_000)
    expect(page.get_by_text("its data is from")).to_have_count(0)


def test_a_lost_server_is_tried_at_once_on_request(shown: Watched, sshd: Sshd) -> None:
    page = shown.open("/servers")
    expect(page.get_by_text("In step")).to_be_visible()
    sshd.stop()
    later_than_is_waited_for = re.compile(r"Trying again in (?:[7-9]|[1-9]\d) s")
    expect(page.get_by_text(later_than_is_waited_for)).to_be_visible(timeout=60_000)
    sshd.start()
    page.get_by_role("region", name="gpu1").get_by_role("button", name="Try now").click()
    expect(page.get_by_role("link", name="gpu1:")).to_contain_text("live")
    expect(page.get_by_role("button", name="Try now")).to_have_count(0)


def test_what_was_copied_can_be_looked_at_after_disconnecting(shown: Watched) -> None:
    page = shown.open("/servers")
    page.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("No server is connected")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_contain_text("offline")


def test_saved_connections_are_added_used_and_forgotten(web: Watched, sshd: Sshd) -> None:
    page = web.open("/settings")
    saved = page.get_by_role("region", name="Saved connections")
    saved.get_by_label("Address").fill("gpu1")
    saved.get_by_role("button", name="Save").click()
    expect(saved.get_by_text("Which user?")).to_be_visible()
    saved.get_by_label("Address").fill(f"{sshd.username}@{sshd.host}:{sshd.port}")
    saved.get_by_label("Name", exact=True).fill("the big one")
    saved.get_by_role("button", name="Save").click()
    expect(saved.get_by_text("the big one")).to_be_visible()
    web.check_accessibility("/settings")
    web.open("/connect")
    expect(page.get_by_role("button", name="the big one")).to_be_visible()
    web.open("/settings")
    saved.get_by_role("button", name="Forget").click()
    expect(saved.get_by_text("None yet")).to_be_visible()


def test_the_colours_are_remembered_before_the_first_paint(shown: Watched) -> None:
    page = shown.open("/settings")
    page.get_by_role("radiogroup", name="Colours").get_by_text("Dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
