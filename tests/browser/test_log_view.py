"""The log of a run: what is told of it goes on with it, a failure can be tried again, and one keeps one's place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import RUN
from tests.integration.api.running import Running
from tests.support.chromium import Watched, watch

LINES = 400
REFUSED = 503


@pytest.fixture
def shown(browser: Browser, smart: Running, run_dir: Path) -> Iterator[Watched]:
    (run_dir / "logs.txt").write_text("".join(f"12:00:00 | step {number}\n" for number in range(LINES)))
    with watch(browser, smart.url) as watched:
        yield watched


def open_log(shown: Watched) -> Page:
    page = shown.open(f"/runs/{RUN}?part=logs")
    expect(page.get_by_role("log")).to_contain_text(f"step {LINES - 1}")
    return page


def test_how_much_of_a_log_is_here_is_told_as_it_comes(shown: Watched, run_dir: Path) -> None:
    page = open_log(shown)
    expect(page.get_by_text(re.compile("of it here"))).to_have_count(0)
    expect(page.get_by_text(re.compile(r"(live|not growing), \d\.\d kB"))).to_be_visible()
    with (run_dir / "logs.txt").open("a") as lines:
        lines.write("x" * 50_000 + "\n")
    expect(page.get_by_text(re.compile(r"(live|not growing), 5\d\.\d kB"))).to_be_visible(timeout=15_000)


def test_one_keeps_ones_place_in_a_log_while_one_searches(shown: Watched) -> None:
    page = open_log(shown)
    search, log = page.get_by_label("Search the log"), page.get_by_role("log")
    search.fill("step 100")
    page.get_by_role("region", name="Lines found").get_by_role("button").first.click()
    expect(log.get_by_text("step 100", exact=False)).to_be_visible()
    search.fill("step 7")
    search.fill("")
    expect(log.get_by_text("step 100", exact=False)).to_be_visible()
    page.get_by_label("Follow the end").check()
    expect(log).to_contain_text(f"step {LINES - 1}")
    search.fill("step 7")
    expect(page.get_by_role("region", name="Lines found")).to_be_visible()
    search.fill("")
    expect(page.get_by_label("Follow the end")).to_be_checked()
    expect(log).to_contain_text(f"step {LINES - 1}")


def test_a_log_that_did_not_come_is_asked_for_again(shown: Watched) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=REFUSED, content_type="application/json", body='{"detail": "The link broke."}')

    shown.refusals = {REFUSED}
    asked = re.compile(r"/logs\?tail=2000")
    shown.page.route(asked, refuse)
    page = shown.open(f"/runs/{RUN}?part=logs")
    expect(page.get_by_role("alert")).to_contain_text("The link broke.")
    page.unroute(asked)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("log")).to_contain_text(f"step {LINES - 1}")


def test_of_a_log_of_millions_of_lines_each_can_be_reached(shown: Watched, run_dir: Path) -> None:
    """A browser's boxes end at some 1.8 million lines, and the end that comes first has no numbers yet."""
    count = 2_450_000
    (run_dir / "logs.txt").write_bytes(b"".join(b"s%07d\n" % number for number in range(count)))
    page = shown.open(f"/runs/{RUN}?part=logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text("s2449999")
    expect(page.get_by_text("2,450,000 lines")).to_be_visible(timeout=20_000)
    expect(log.get_by_text("s2449999")).to_be_in_viewport()
    log.press("Home")
    expect(log.get_by_text("s0000000")).to_be_in_viewport()
    page.get_by_label("Search the log").fill("s1499990")
    page.get_by_role("region", name="Lines found").get_by_role("button").first.click()
    expect(log.get_by_text("s1499990")).to_be_in_viewport()
    for _ in range(3):
        log.press("PageUp")
    expect(log.get_by_text("s1499990")).not_to_be_in_viewport()
    log.press("End")
    expect(log.get_by_text("s2449999")).to_be_in_viewport()
    with (run_dir / "logs.txt").open("a") as lines:
        lines.write("and one more\n")
    expect(log.get_by_text("and one more")).to_be_in_viewport()
    log.evaluate("box => box.scrollTo({top: 0})")  # the first of those in the box: there are others before it
    expect(log.get_by_text("s1500000")).to_be_in_viewport()
    log.press("PageUp")
    expect(log.get_by_text("s1499990")).to_be_in_viewport()
