"""Pages of a running Runferry in Chromium, and scripts that take the time inside them. It decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright
from tests.support.chromium import ARGUMENTS, CHROMIUM, DESKTOP

from runferry.app import listen, make_server
from runferry.config import Settings
from runferry.service import Service

TIMEOUT = 60_000

WATCH_READY = """
(selector) => {
  const look = () => {
    if (window.readyAt === undefined && document.querySelector(selector)) {
      // Interactive: what was to be done for it is done, and it has been painted.
      requestAnimationFrame(() => setTimeout(() => { window.readyAt ??= performance.now(); }));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}
"""
"""From the navigation's start until what ``selector`` names is painted and the thread is free."""

WATCH_MARKS = """
({ host, pattern }) => {
  window.seenAt = {};
  const look = () => {
    const found = document.querySelector(host)?.innerText.matchAll(new RegExp(pattern, "g")) ?? [];
    for (const [, mark] of found) {
      if (mark in window.seenAt) continue;
      window.seenAt[mark] = null;
      requestAnimationFrame(() => setTimeout(() => { window.seenAt[mark] = Date.now(); }));
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  look();
}
"""
"""By the wall clock, when each new match of ``pattern`` was painted: in a place that is there later, too."""

WATCH_DRAWING = """
() => {
  const host = document.querySelector("[data-metric]");
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => { window.drawnAt ??= Date.now(); })))
    .observe(host, { attributes: true, attributeFilter: ["data-drawn"] });
}
"""
"""By the wall clock, when the chart was next painted anew; set ``drawnAt`` to null to wait for the next time."""

COUNT_FRAMES = """
() => {
  window.frames = [];
  let before = performance.now();
  const note = (now) => {
    window.frames.push(now - before);
    before = now;
    window.counting = requestAnimationFrame(note);
  };
  window.counting = requestAnimationFrame(note);
}
"""

STOP_FRAMES = "() => { cancelAnimationFrame(window.counting); return window.frames.slice(1); }"

EMPTY = """
<!doctype html><style>body { margin: 0 } main { height: 100vh; overflow: auto; background: white }</style>
<main><div style="height: 3000030px"></div></main>
"""
"""A page that costs nothing: what its frames take too long is the machine's own doing."""

TIMES_OF_DRAWING = """
async (part) => {
  const host = document.querySelector("[data-metric]");
  const since = window.askedAt ?? 0;
  const find = () => performance.getEntriesByType("resource").filter((one) =>
    one.name.includes(part) && one.startTime >= since && one.responseEnd > 0).at(-1);
  while (!find() || Number(host.dataset.drawn ?? 0) < find().responseEnd) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return [since, find().responseEnd, Number(host.dataset.drawn), performance.now()];
}
"""
"""When a chart was asked for, when its data had come, when it was drawn (by the page's clock, milliseconds)."""

SIZES = """
() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .filter((one) => !new URL(one.name).pathname.startsWith("/api/"))
  .map((one) => [new URL(one.name).pathname, one.encodedBodySize])
"""
"""What the page has loaded of the app itself, in bytes as they came."""


@asynccontextmanager
async def run_chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(browser: Browser) -> AsyncIterator[Page]:
    """Give a page of a context of its own, with nothing cached."""
    context = await browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    context.set_default_timeout(TIMEOUT)
    try:
        yield await context.new_page()
    finally:
        await context.close()


@asynccontextmanager
async def serving(service: Service, settings: Settings) -> AsyncIterator[str]:
    """Serve an open service on a free port, in this loop; yields the address."""
    listener = listen(settings.host, 0)
    server = make_server(listener, settings, service)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{settings.host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
