"""A run's page on a real server: curves, logs, images, files, as they are and as they grow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import EVIL, RUN, wait_drawn, wait_for_step
from tests.integration.api.running import Running
from tests.integration.api.running import expect as expect_answer
from tests.support.chromium import PHONE, Scheme, Watched, watch


@pytest.fixture
def shown(browser: Browser, smart: Running) -> Iterator[Watched]:
    with watch(browser, smart.url) as watched:
        yield watched


def append_point(run: Path, step: int, **values: float) -> None:
    with (run / "events.jsonl").open("a") as events:
        data = json.dumps({**values, "global_step": step})
        events.write(f'{{"ts": {step}, "type": "metrics", "data": {data}}}\n')


def test_a_run_of_a_smart_sync_shows_its_curves_and_grows_with_them(shown: Watched, run_dir: Path) -> None:
    page = shown.open(f"/runs/{RUN}")
    expect(page.get_by_role("heading", name="resnet")).to_be_visible()
    wait_drawn(page, "loss")
    wait_for_step(page, "loss", 19)
    page.evaluate("window.wasNotReloaded = true")
    append_point(run_dir, 20, loss=0.01)
    wait_for_step(page, "loss", 20)
    append_point(run_dir, 21, **{"val/acc": 0.5})
    expect(page.get_by_role("region", name="val", exact=True)).to_be_visible()  # a new metric has a chart at once
    wait_drawn(page, "val/acc")
    assert page.evaluate("window.wasNotReloaded")


def test_zooming_fetches_the_range_for_all_charts_and_is_kept_in_the_address(shown: Watched) -> None:
    page = shown.open(f"/runs/{RUN}")
    wait_drawn(page, "loss")
    box = page.locator('[data-metric="loss"] .u-over').bounding_box()
    assert box
    with page.expect_request(lambda request: "/api/series" in request.url and "from=" in request.url):
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60)
        page.mouse.up()
    page.wait_for_url("**from=*")
    wait_drawn(page, "loss")
    page.get_by_role("button", name="Reset zoom").click()
    page.wait_for_url(lambda url: "from=" not in url)
    page.get_by_role("button", name="Logarithmic axis for loss").click()
    page.wait_for_url("**log=loss")
    page.get_by_label("Smoothing").fill("0.6")
    page.wait_for_url("**smooth=0.6*")
    wait_drawn(page, "loss")
    page.reload()
    expect(page.get_by_label("Smoothing")).to_have_value("0.6")
    wait_drawn(page, "loss")


def test_a_chart_is_saved_as_picture_and_as_every_point(shown: Watched) -> None:
    page = shown.open(f"/runs/{RUN}")
    wait_drawn(page, "loss")
    with page.expect_download() as told:
        page.get_by_role("button", name="Save loss as PNG").click()
    assert Path(told.value.path()).read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as told:
        page.get_by_role("button", name="Save loss as CSV").click()
    lines = Path(told.value.path()).read_text().splitlines()
    assert lines[0] == "run,metric,step,time,value"
    assert len(lines) == 21
    assert lines[1].endswith(",loss,0,1,1")


def test_a_log_grows_in_the_open_page_is_searched_and_keeps_its_colours(shown: Watched, run_dir: Path) -> None:
    page = shown.open(f"/runs/{RUN}?part=logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text("step 19")
    with (run_dir / "logs.txt").open("a") as lines:
        lines.write(f"12:00:01 | 10%\r12:00:01 | 100%\n\x1b[31mloss is {EVIL}\x1b[0m\n")
    expect(log).to_contain_text(f"loss is {EVIL}")
    expect(log.locator("[data-color='1']")).to_contain_text("loss is")
    expect(log.get_by_text("12:00:01 | 100%")).to_be_visible()
    expect(page.locator("img[src='x']")).to_have_count(0)
    page.get_by_label("Times").uncheck()
    expect(log).not_to_contain_text("12:00:01")
    page.get_by_label("Search the log").fill("STEP 1")
    expect(page.get_by_text("11 lines")).to_be_visible()
    expect(page.locator("mark").first).to_have_text("step 1")
    shown.check_accessibility("a search in a log")


def test_a_checkpoint_is_fetched_and_files_are_previewed_as_text(shown: Watched, tree: Path) -> None:
    page = shown.open(f"/runs/{RUN}?part=files")
    page.get_by_role("button", name="Fetch checkpoint.pt").click()
    expect(page.get_by_role("link", name="Save checkpoint.pt")).to_be_visible()
    page.get_by_role("button", name="page.html", exact=True).click()
    expect(page.get_by_text("document.title = 'taken'")).to_be_visible()
    expect(page.get_by_role("heading", name="page", exact=True)).to_have_count(0)
    page.get_by_role("button", name="table.csv", exact=True).click()
    expect(page.get_by_role("cell", name="a,b")).to_be_visible()
    page.get_by_role("button", name="meta.json", exact=True).click()
    expect(page.get_by_text('"project": "vision"')).to_be_visible()
    page.get_by_role("button", name="media", exact=True).click()
    expect(page.get_by_role("button", name="1_abcdef_sample.png", exact=True)).to_be_visible()
    shown.check_accessibility("files")


def test_a_hostile_name_heads_its_page_as_text(shown: Watched) -> None:
    page = shown.open("/runs/20260103_000000_cccccc")
    expect(page.get_by_role("heading", name=EVIL)).to_be_visible()
    wait_drawn(page, "loss")
    expect(page.locator("img[src='x']")).to_have_count(0)


def test_an_unknown_run_is_said(shown: Watched) -> None:
    shown.refusals = {404}
    page = shown.open("/runs/no/such/run")
    expect(page.get_by_role("alert")).to_contain_text("Run not found")


def test_curves_once_seen_are_shown_without_the_server(shown: Watched, smart: Running) -> None:
    page = shown.open(f"/runs/{RUN}")
    wait_drawn(page, "loss")
    expect_answer(smart.post("/api/unified/disconnect", {}), 200)
    page.reload()
    wait_drawn(page, "loss")
    expect(page.get_by_text("offline").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_is_accessible(browser: Browser, smart: Running, scheme: Scheme) -> None:
    with watch(browser, smart.url, scheme=scheme) as web:
        for part in ("charts", "logs", "images", "files", "params", "environment", "artifacts"):
            page = web.open(f"/runs/{RUN}?part={part}")
            expect(page.get_by_role("tab", selected=True)).to_be_visible()
            if part == "charts":
                wait_drawn(page, "loss")
            expect(page.get_by_text("Loading")).to_have_count(0)
            web.check_accessibility(f"{part}, {scheme}")


def test_a_phone_shows_every_part_without_scrolling_sideways(browser: Browser, smart: Running) -> None:
    with watch(browser, smart.url, size=PHONE) as web:
        for part in ("charts", "logs", "files", "params", "environment"):
            page = web.open(f"/runs/{RUN}?part={part}")
            expect(page.get_by_role("tab", selected=True)).to_be_visible()
            expect(page.get_by_text("Loading")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), part
