"""What a person at a browser waits for: the first page, a new line, a chart of many points, a long table."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from playwright.async_api import Browser, Page
from tests.support.ferry import write_run

from bench import ours, pages
from bench.cases import runs, series
from bench.figures import Result, Verdict, quantile
from bench.lab import Lab
from bench.race import show
from runferry.config import Settings
from runferry.service import Service
from runferry.store.db import Database

LINES, QUICK_LINES = 40, 5
PAUSE = 0.35
ROUNDS, QUICK_ROUNDS = 10, 2
WHEEL, STEP, TURNS = 250, 240, 4
RUN = "20260101_000000_aaaaaa"
SLOW_FRAME = 50.0
HEADERS = ("", "p50", "p95", "most", "times")


async def run(lab: Lab) -> Result:
    async with pages.run_chromium() as browser:
        ready, size = await measure_first_page(lab, browser)
        logged, drawn = await measure_append(lab, browser)
        first, zoom = await measure_charts(lab, browser)
        frames, empty = await measure_table(lab, browser)
    rows = [
        cells("first page: interactive", ready),
        cells("a line appended on the server: seen in the log", logged),
        cells("a point appended on the server: seen in the chart", drawn),
        cells("20 runs x 100,000 points: data here to drawn", [one[0] for one in first]),
        cells("20 runs x 100,000 points: address to drawn", [one[1] for one in first]),
        cells("the same, zoomed: data here to drawn", [one[0] for one in zoom]),
        cells("the same, zoomed: asked to drawn", [one[1] for one in zoom]),
        cells("100,000 runs scrolled: a frame", frames),
        cells("as long a page with nothing on it, scrolled in turn with it: a frame", empty),
    ]
    return Result(
        title="In Chromium (milliseconds)",
        headers=HEADERS,
        rows=rows,
        verdicts=[
            Verdict("first page, interactive, p50", quantile(ready, 0.5), 1000, " ms"),
            Verdict("first page, loaded as compressed", size / 1000, 400, " kB"),
            Verdict("line appended to line seen, p50", quantile(logged, 0.5), 300, " ms"),
            Verdict("point appended to point seen, p50", quantile(drawn, 0.5), 300, " ms"),
            Verdict("20 x 100,000 points, first drawing, p50", quantile([one[0] for one in first], 0.5), 500, " ms"),
            Verdict("20 x 100,000 points, zoom, p50", quantile([one[0] for one in zoom], 0.5), 150, " ms"),
            Verdict(f"frames over {SLOW_FRAME:.0f} ms of {len(frames)}", count_slow(frames), 0),
        ],
        remarks=[
            "Headless, without a graphics card: all is drawn by the processor, which servers and browser share.",
            "Taken by the page's own clock; seen is: in a frame that was painted. The first page is loaded into an",
            "empty cache each time. The wheel goes through rows that are not there yet.",
            f"The page with nothing on it had {count_slow(empty)} frames over {SLOW_FRAME:.0f} ms of {len(empty)}.",
        ],
    )


def cells(name: str, values: Sequence[float]) -> tuple[str, ...]:
    numbers = (quantile(values, 0.5), quantile(values, 0.95), max(values))
    return (name, *(f"{number:.0f}" for number in numbers), str(len(values)))


def rounds_of(lab: Lab) -> int:
    return QUICK_ROUNDS if lab.options.quick else ROUNDS


async def measure_first_page(lab: Lab, browser: Browser) -> tuple[list[float], int]:
    """Return the milliseconds until one can type, and the bytes that the page loads."""
    settings = Settings(lab.new_folder() / "data")
    found: list[float] = []
    sizes: dict[str, int] = {}
    async with Service(settings) as service, pages.serving(service, settings) as url:
        for _ in range(rounds_of(lab)):
            async with pages.open_page(browser) as page:
                await page.add_init_script(f"({pages.WATCH_READY})('[data-autofocus]')")
                await page.goto(url)
                await page.wait_for_function("() => window.readyAt !== undefined")
                found.append(await page.evaluate("window.readyAt"))
                sizes = dict(await page.evaluate(pages.SIZES))
    show(f"first page: {quantile(found, 0.5):.0f} ms, {sum(sizes.values()) / 1000:.0f} kB in {len(sizes)} files")
    return found, sum(sizes.values())


async def measure_append(lab: Lab, browser: Browser) -> tuple[list[float], list[float]]:
    """Return the milliseconds from a line in a file on the server to the line, or its point, in the open page."""
    root, folder = lab.folder / "live", lab.new_folder()
    count = QUICK_LINES if lab.options.quick else LINES
    run_dir = write_run(root, "vision", "live", RUN)
    async with ours.mirroring(lab, lab.sshd.port, root, folder) as (ferry, _):
        settings = Settings(ferry.data_dir)
        async with pages.serving(ferry.service, settings) as url, pages.open_page(browser) as page:
            await page.goto(f"{url}/runs/{RUN}?part=logs")
            await page.get_by_text("step 19").wait_for()
            await page.evaluate(pages.WATCH_MARKS, {"host": "[role=log]", "pattern": r"mark (\d+)"})
            logged = [await log_line(page, run_dir, number) for number in range(count)]
            await page.goto(f"{url}/runs/{RUN}")
            await page.locator("[data-metric][data-drawn]").wait_for()
            await page.evaluate(pages.WATCH_DRAWING)
            drawn = [await log_point(page, run_dir, step) for step in range(20, 20 + count)]
    lab.drop(folder)
    show(f"appended: {quantile(logged, 0.5):.0f} ms to the log, {quantile(drawn, 0.5):.0f} ms to the chart")
    return logged, drawn


async def log_line(page: Page, run_dir: Path, number: int) -> float:
    at = write(run_dir / "logs.txt", f"mark {number} of a training\n")
    seen = await page.wait_for_function("(mark) => window.seenAt[mark]", arg=str(number))
    await asyncio.sleep(PAUSE)
    return float(await seen.json_value()) - at


async def log_point(page: Page, run_dir: Path, step: int) -> float:
    await page.evaluate("window.drawnAt = null")
    data = {"loss": 1 / step, "global_step": step}
    at = write(run_dir / "events.jsonl", json.dumps({"ts": step, "type": "metrics", "data": data}) + "\n")
    seen = await page.wait_for_function("() => window.drawnAt")
    await asyncio.sleep(PAUSE)
    return float(await seen.json_value()) - at


def write(path: Path, line: str) -> float:
    """Append a line and return when, in milliseconds by the wall clock."""
    with path.open("a") as file:
        file.write(line)
    return time.time() * 1000


async def measure_charts(lab: Lab, browser: Browser) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return, for the first drawing and for a zoom, the milliseconds since the data came and since it was asked for."""
    folder = lab.new_folder()
    points = series.MANY // (10 if lab.options.quick else 1)
    await asyncio.to_thread(series.fill, folder, dict.fromkeys(series.names(), points))
    address = f"/compare?{urlencode([('run', name) for name in series.names()])}"
    first: list[tuple[float, float]] = []
    zoom: list[tuple[float, float]] = []
    settings = Settings(folder / "data")
    async with Service(settings, is_resuming=False) as service, pages.serving(service, settings) as url:
        for _ in range(rounds_of(lab)):
            async with pages.open_page(browser) as page:
                await page.goto(url + address)
                await page.locator("[data-metric]").wait_for()
                first.append(await time_drawing(page, "/api/series?"))
                await drag(page)
                zoom.append(await time_drawing(page, "from="))
    lab.drop(folder)
    show(f"charts: first {first[-1][0]:.0f} ms after its data, zoom {zoom[-1][0]:.0f} ms")
    return first, zoom


async def time_drawing(page: Page, part: str) -> tuple[float, float]:
    asked, came, drawn, _ = await page.evaluate(pages.TIMES_OF_DRAWING, part)
    return drawn - came, drawn - asked


async def drag(page: Page) -> None:
    """Mark the middle half of the chart, as one does to zoom."""
    box = await page.locator("[data-metric] .u-over").first.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + box["width"] * 0.25, y)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.5, y + 4)
    await page.mouse.move(box["x"] + box["width"] * 0.75, y + 8)
    await page.evaluate("window.askedAt = performance.now()")
    await page.mouse.up()


async def measure_table(lab: Lab, browser: Browser) -> tuple[list[float], list[float]]:
    """Return the length of every frame while the wheel goes through the table, and through nothing, in milliseconds."""
    settings = Settings(lab.new_folder() / "data")
    count = runs.QUICK_RUNS if lab.options.quick else runs.RUNS
    await asyncio.to_thread(runs.fill, Database(settings.data_dir / "runferry.db"), count)
    frames: list[float] = []
    empty: list[float] = []
    async with Service(settings, is_resuming=False) as service, pages.serving(service, settings) as url:
        for _ in range(1 if lab.options.quick else TURNS):
            async with pages.open_page(browser) as page:
                await page.goto(f"{url}/runs")
                await page.locator("[data-runs] a").nth(10).wait_for()
                frames += await scroll(page, "[data-runs]")
            async with pages.open_page(browser) as page:
                await page.set_content(pages.EMPTY)
                empty += await scroll(page, "main")
    for name, found in (("table", frames), ("nothing", empty)):
        show(f"{name}: {len(found)} frames, the longest {max(found):.0f} ms; {json.dumps(summarize(found))}")
    return frames, empty


async def scroll(page: Page, selector: str) -> list[float]:
    """Turn the wheel over a scroller and return the length of every frame meanwhile, in milliseconds."""
    box = await page.locator(selector).bounding_box()
    assert box
    await page.mouse.move(box["x"] + 400, box["y"] + 300)
    await page.evaluate(pages.COUNT_FRAMES)
    for _ in range(WHEEL):
        await page.mouse.wheel(0, STEP)
    frames: list[float] = await page.evaluate(pages.STOP_FRAMES)
    place = await page.locator(selector).evaluate("(scroller) => scroller.scrollTop")
    assert place > WHEEL * STEP / 4, "it was not scrolled"
    return frames


def count_slow(frames: Sequence[float]) -> int:
    return sum(frame > SLOW_FRAME for frame in frames)


def summarize(frames: Sequence[float]) -> dict[str, int]:
    return {f"over {limit} ms": sum(frame > limit for frame in frames) for limit in (20, 34, 50, 100)}
