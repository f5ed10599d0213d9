"""What one looks at in a run: images over steps, enlarged charts, axes and smoothing; and what may not run there."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import RUN, wait_drawn
from tests.integration.api.running import Running
from tests.support.chromium import Watched, watch

FIRST_PAGE = 400_000
"""Bytes, as compressed, that the first page may load."""

# Later, since what the test itself evaluates is not held to the page's policy.
TRY_TO_EVALUATE = """() => new Promise((tell) => setTimeout(() => {
  try { tell(new Function("return 'ran'")()) } catch (error) { tell(error.name) }
}))"""


@pytest.fixture
def shown(browser: Browser, smart: Running) -> Iterator[Watched]:
    with watch(browser, smart.url) as watched:
        yield watched


def make_png(width: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x40\x80\xc0" * width for _ in range(8))
    header = struct.pack(">IIBBBBB", width, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def log_image(run: Path, step: int) -> None:
    """Write an image that is as many pixels wide as its step says, and ten more, as the tool does."""
    (run / "media" / f"{step}_sample.png").write_bytes(make_png(10 + step))
    data = {"key": "sample", "path": f"media/{step}_sample.png", "step": step, "caption": f"after {step}"}
    with (run / "events.jsonl").open("a") as events:
        events.write(json.dumps({"ts": step, "type": "image", "data": data}) + "\n")


def paint(page: Page) -> str:
    """Return the picture of the chart as it stands."""
    picture: str = page.locator('[data-metric="loss"] canvas').first.evaluate("(canvas) => canvas.toDataURL()")
    return picture


def test_images_are_walked_over_their_steps_with_a_slider(shown: Watched, run_dir: Path) -> None:
    for step in (1, 2, 3):
        log_image(run_dir, step)
    page = shown.open(f"/runs/{RUN}?part=images")
    images = page.get_by_role("region", name="sample")
    slider = images.get_by_role("slider", name="sample: which step")
    expect(images).to_contain_text("step 3, 3 of 3")
    expect(images).to_contain_text("after 3")
    page.wait_for_function("() => document.querySelector('main img').naturalWidth === 13")
    slider.press("ArrowLeft")
    expect(images).to_contain_text("step 2, 2 of 3")
    expect(slider).to_have_attribute("aria-valuetext", "step 2")
    page.wait_for_function("() => document.querySelector('main img').naturalWidth === 12")
    slider.press("Home")
    expect(images).to_contain_text("after 1")
    log_image(run_dir, 4)
    expect(images).to_contain_text("step 1, 1 of 4")  # a new one is there, and does not take one's place away
    shown.check_accessibility("images")


def test_a_chart_is_enlarged_to_the_whole_window_and_back(shown: Watched) -> None:
    page = shown.open(f"/runs/{RUN}")
    wait_drawn(page)
    small = page.locator('[data-metric="loss"] canvas').first.bounding_box()
    page.get_by_role("button", name="Enlarge loss").click()
    large = page.get_by_role("dialog").locator("[data-metric='loss'][data-drawn] canvas")
    expect(large).to_be_visible()
    box = large.bounding_box()
    assert small
    assert box
    assert box["width"] > 2 * small["width"]
    assert box["height"] > 2 * small["height"]
    shown.check_accessibility("an enlarged chart")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_drawn(page)


def test_the_numbers_at_an_axis_have_the_room_that_they_need(shown: Watched, run_dir: Path) -> None:
    with (run_dir / "events.jsonl").open("a") as events:
        for step in range(20, 30):
            data = {"rate": 0.000985 - step * 1e-9, "global_step": step}
            events.write(json.dumps({"ts": 3, "type": "metrics", "data": data}) + "\n")
    page = shown.open(f"/runs/{RUN}")
    rooms = {}
    for metric in ("loss", "rate"):
        wait_drawn(page, metric)
        chart = page.locator(f'[data-metric="{metric}"]')
        rooms[metric] = chart.locator(".u-over").evaluate("(over) => over.offsetLeft")
    assert rooms["loss"] < rooms["rate"] < 120, "as much as 0.00098497 takes, and not more for all"


def test_a_logarithmic_axis_and_smoothing_are_drawn_and_taken_back(shown: Watched, run_dir: Path) -> None:
    with (run_dir / "events.jsonl").open("a") as events:
        for step, value in ((20, "0.0"), (21, "-1.5"), (22, "NaN")):  # what a logarithm has no place for
            events.write(f'{{"ts": 3, "type": "metrics", "data": {{"loss": {value}, "global_step": {step}}}}}\n')
    page = shown.open(f"/runs/{RUN}")
    wait_drawn(page)
    expect(page.get_by_text("1 NaN or infinite")).to_be_visible()
    pictures = {paint(page)}
    page.get_by_role("button", name="Logarithmic axis for loss").click()
    page.wait_for_url("**log=loss")
    wait_drawn(page)
    page.wait_for_function(
        "(old) => document.querySelector('[data-metric] canvas').toDataURL() !== old", arg=next(iter(pictures))
    )
    pictures.add(paint(page))
    page.get_by_label("Smoothing").fill("0.9")
    page.wait_for_url("**smooth=0.9*")
    wait_drawn(page)
    pictures.add(paint(page))
    assert len(pictures) == 3
    page.get_by_label("Smoothing").fill("0")
    page.get_by_role("button", name="Logarithmic axis for loss").click()
    page.wait_for_url(lambda url: "log=" not in url and "smooth=" not in url)
    expect(page.get_by_text("1 NaN or infinite")).to_be_visible()


@pytest.mark.parametrize("name", ["page.html", "image.svg"])
def test_pages_and_drawings_from_servers_are_saved_and_never_opened(shown: Watched, name: str) -> None:
    page = shown.open("/runs")
    with page.expect_download() as told:
        page.evaluate("(url) => { location.href = url }", f"/api/runs/{RUN}/files/{name}")
    assert told.value.suggested_filename == name
    assert b"<script>" in Path(told.value.path()).read_bytes()
    expect(page).to_have_url(f"{shown.base}/runs")
    assert page.title() == "Runs · Runferry"


def test_the_policy_runs_no_script_that_is_not_ours(shown: Watched) -> None:
    page = shown.open("/runs")
    page.evaluate(
        """() => {
          const inline = document.createElement("script");
          inline.textContent = "window.taken = 'inline'";
          document.head.append(inline);
          const image = document.createElement("img");
          image.setAttribute("onerror", "window.taken = 'handler'");
          image.src = "data:,";
          document.body.append(image);
        }"""
    )
    refused = page.evaluate(TRY_TO_EVALUATE)
    assert refused == "EvalError"
    page.wait_for_function("() => document.images.length === 0 || [...document.images].every((one) => one.complete)")
    assert page.evaluate("window.taken") is None
    refusals = [one for one in shown.complaints if "violates the following Content Security Policy" in one]
    assert len(refusals) >= 2, shown.complaints  # the script and the handler
    shown.complaints.clear()  # they were meant


@pytest.mark.parametrize("path", ["/connect", "/runs"])
def test_a_first_page_loads_at_most_400_kilobytes(web: Watched, path: str) -> None:
    page = web.open(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    sizes: dict[str, int] = page.evaluate(
        """() => Object.fromEntries(
          [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
            .map((one) => [new URL(one.name).pathname, one.encodedBodySize])
            .filter(([path]) => !path.startsWith("/api/")))"""
    )
    assert any(name.endswith(".js") for name in sizes)
    assert any(name.endswith(".css") for name in sizes)
    assert all(sizes.values()), "each of them tells its size"
    assert sum(sizes.values()) <= FIRST_PAGE, sizes
