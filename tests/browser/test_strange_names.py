"""Names and values that are long, or would turn their neighbours around: cut, wrapped, or shown as escapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import begin_sync
from tests.integration.api.running import Running
from tests.support.chromium import DESKTOP, PHONE, Watched, watch
from tests.support.ferry import write_run

TURNED, LONG = "abc\u202egpj.exe", "long-" + "x" * 150
BEST = "m" * 100 + "_accuracy"


@pytest.fixture
def strange(server: Running, tmp_path: Path) -> Running:
    root = tmp_path / "strange"
    turned = write_run(root, "bidi", TURNED, "20260101_000000_aaaaaa")
    (turned / "logs.txt").write_text("12:00:00 | saved \u202egpj.exe\n")
    write_run(root, LONG, "name", "20260102_000000_bbbbbb")
    for run in root.glob("*/*/runs/*"):
        (run / "summary.json").write_text(
            json.dumps({"best_metric_value": 0.25, "best_metric_name": BEST, "note": "a\u202eb"})
        )
    begin_sync(server, root)
    return server


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def shown(browser: Browser, strange: Running, request: pytest.FixtureRequest) -> Iterator[Watched]:
    with watch(browser, strange.url, size=request.param) as watched:
        yield watched


def is_in_window(what: Locator) -> bool:
    """Say whether all of it lies between the window's left and right edge."""
    inside: bool = what.evaluate(
        "(one) => { const box = one.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth }"
    )
    return inside


def test_text_that_turns_around_what_follows_is_shown_as_it_is_written(shown: Watched) -> None:
    page = shown.open("/runs/20260101_000000_aaaaaa?part=params")
    expect(page.get_by_role("heading", level=1)).to_have_text("abc\\u202egpj.exe")
    expect(page.get_by_role("cell", name="a\\u202eb", exact=True)).to_be_visible()
    assert page.title() == "abc\\u202egpj.exe · Runferry"
    page.get_by_role("tab", name="Logs").click()
    expect(page.get_by_role("log")).to_contain_text("saved \\u202egpj.exe")
    shown.open("/runs")
    expect(page.get_by_role("row").filter(has_text="aaaaaa")).to_contain_text("abc\\u202egpj.exe")


def test_long_names_leave_room_for_what_stands_beside_them(shown: Watched) -> None:
    page = shown.open("/runs?group=project")
    row = page.get_by_role("row").filter(has_text="bbbbbb")
    expect(row.get_by_text("0.25", exact=True)).to_be_visible()
    assert is_in_window(row.get_by_text("0.25", exact=True))
    head = page.get_by_role("button", name=LONG)
    assert is_in_window(head.get_by_text("1 run", exact=True))
    page.goto(f"{shown.base}/runs/20260102_000000_bbbbbb")
    best = page.get_by_text("0.25", exact=True)
    expect(best).to_be_visible()
    facts = best.locator("xpath=ancestor::div[1]")
    assert all(is_in_window(one) for one in [facts, *facts.locator("span").all()])
