"""Runs of two servers beside each other: curves, summaries, what differs; all of it in the address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import EVIL, begin_sync
from tests.conftest import MakeSshd
from tests.integration.api.running import Running
from tests.integration.api.running import expect as expect_answer
from tests.support.chromium import PHONE, Scheme, Watched, watch
from tests.support.ferry import write_run

FIRST, SECOND = "20260101_000000_aaaaaa", "20260105_000000_eeeeee"
ADDRESS = f"/compare?run={FIRST}&run={SECOND}"


@pytest.fixture
def both(server: Running, tree: Path, tmp_path: Path, make_sshd: MakeSshd) -> Running:
    """A server that mirrors one folder of each of two servers."""
    begin_sync(server, tree)
    other = tmp_path / "other"
    run = write_run(other, "vision", EVIL, SECOND)
    (run / "summary.json").write_text('{"best_metric_value": 0.95, "best_metric_name": "acc"}')
    server.connect(make_sshd())
    expect_answer(server.post("/api/unified/configure_mode", {"mode": "mirror", "remote_root": str(other)}), 200)
    server.wait_synced()
    return server


@pytest.fixture
def shown(browser: Browser, both: Running) -> Iterator[Watched]:
    with watch(browser, both.url) as watched:
        yield watched


def wait_drawn(page: Page) -> None:
    expect(page.locator('[data-metric="loss"][data-drawn] canvas')).to_be_visible()


def test_runs_of_two_servers_are_laid_over_each_other(shown: Watched) -> None:
    page = shown.open(ADDRESS)
    wait_drawn(page)
    legend = page.get_by_role("list", name="Runs compared")
    expect(legend.get_by_role("listitem")).to_have_count(2)
    expect(legend.get_by_title(EVIL, exact=False).first).to_be_visible()
    expect(page.locator("img[src='x']")).to_have_count(0)
    summary = page.get_by_role("region", name="Summary")
    expect(summary.get_by_title("The best of these")).to_have_text("0.95")
    box = page.locator('[data-metric="loss"] .u-over').bounding_box()
    assert box
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.move(box["x"] + 90, box["y"] + 80)
    expect(page.locator('[data-metric="loss"] strong')).to_have_count(2)


def test_runs_are_taken_out_and_added_and_the_address_follows(shown: Watched) -> None:
    page = shown.open(ADDRESS)
    wait_drawn(page)
    page.get_by_role("list", name="Runs compared").get_by_role("button").first.click()
    page.wait_for_url(lambda url: FIRST not in url and SECOND in url)
    page.get_by_role("combobox", name="Add a run").click()
    page.get_by_role("combobox", name="Add a run").fill("bert")
    page.get_by_role("option", name="bert").click()
    page.wait_for_url("**bbbbbb*")
    expect(page.get_by_role("list", name="Runs compared").get_by_role("listitem")).to_have_count(2)
    page.reload()
    expect(page.get_by_role("list", name="Runs compared").get_by_role("listitem")).to_have_count(2)


def test_runs_selected_in_the_table_are_compared_with_one_key(shown: Watched) -> None:
    page = shown.open("/runs")
    page.get_by_label(f"Select {FIRST}").check()
    page.get_by_label(f"Select {SECOND}").check()
    page.get_by_role("button", name="Compare").click()
    wait_drawn(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_comparison_is_accessible(browser: Browser, both: Running, scheme: Scheme) -> None:
    with watch(browser, both.url, scheme=scheme) as web:
        page = web.open("/compare")
        expect(page.get_by_text("No runs chosen")).to_be_visible()
        web.check_accessibility(f"an empty comparison, {scheme}")
        page = web.open(ADDRESS)
        wait_drawn(page)
        web.check_accessibility(f"a comparison, {scheme}")


def test_a_phone_shows_the_comparison_without_scrolling_sideways(browser: Browser, both: Running) -> None:
    with watch(browser, both.url, size=PHONE) as web:
        page = web.open(ADDRESS)
        wait_drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_seeds_that_differ_in_their_last_digit_are_told_apart(shown: Watched, tree: Path, tmp_path: Path) -> None:
    page = shown.open(ADDRESS)
    first = tree / "vision" / "resnet" / "runs" / FIRST
    second = tmp_path / "other" / "vision" / EVIL / "runs" / SECOND
    for run, seed in ((first, 9007199254740992), (second, 9007199254740993)):
        (run / "summary.json").write_text(f'{{"config": {{"seed": {seed}, "lr": 0.1}}}}')
    params = page.get_by_role("region", name="Params")
    for digits in ("9007199254740992", "9007199254740993"):
        expect(params.get_by_role("cell", name=digits)).to_be_visible()
    expect(params.get_by_role("rowheader", name="lr")).to_have_count(0)  # it is the same


def test_a_run_named_by_its_key_and_by_its_id_is_one(shown: Watched) -> None:
    page = shown.open(f"/compare?run={FIRST}&run=gpu1/{FIRST}")
    legend = page.get_by_role("list", name="Runs compared")
    expect(legend.get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()
    legend.get_by_role("button", name="Leave out").click()
    expect(page.get_by_text("No runs chosen")).to_be_visible()
