"""Debian's Chromium for tests: it starts quickly, asks nobody anything, and tells every complaint of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP, PHONE = (1440, 900), (390, 844)
SERIOUS = frozenset({"serious", "critical"})
REFUSAL = re.compile(r"the server responded with a status of (\d{3})")

Scheme = Literal["light", "dark"]


@contextmanager
def run_chromium() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), f"no {CHROMIUM} here: see scripts/test-packages.txt"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page whose complaints are kept. ``refusals`` are the statuses of answers that a test means to get."""

    page: Page
    base: str
    refusals: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("console", lambda message: self._hear(message.type, message.text))

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def check(self) -> None:
        assert not self.complaints, "\n".join(self.complaints)

    def check_accessibility(self, what: str) -> None:
        """Fail where axe finds something serious in what the page shows now."""
        found = Axe().run(self.page).response["violations"]
        serious = [
            f"{what}: {one['id']} ({one['help']}): {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in SERIOUS
        ]
        assert not serious, "\n".join(serious)

    def _hear(self, kind: str, text: str) -> None:
        answered = REFUSAL.search(text)
        is_meant = answered is not None and int(answered[1]) in self.refusals
        if kind in ("error", "warning") and not is_meant:
            self.complaints.append(f"console {kind}: {text}")


@contextmanager
def watch(
    browser: Browser, base: str, *, size: tuple[int, int] = DESKTOP, scheme: Scheme = "light"
) -> Iterator[Watched]:
    """Open a page of its own context; at the end it must have complained about nothing."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(15_000)
    try:
        watched = Watched(context.new_page(), base)
        yield watched
        watched.check()
    finally:
        context.close()
