"""Artifacts in the browser: the list, versions, files, and a lineage one can walk."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import begin_sync
from tests.integration.api.running import Running
from tests.support.chromium import DESKTOP, PHONE, Scheme, Watched, watch
from tests.support.samples import unpack_sample


@pytest.fixture
def recorded(server: Running, tmp_path: Path) -> Running:
    """A server that mirrors a recorded root with artifacts."""
    root = unpack_sample("0.7", tmp_path / "sample")
    begin_sync(server, root)
    return server


@pytest.fixture
def artifact(recorded: Running) -> dict[str, Any]:
    """An artifact that a run has made."""
    found: list[dict[str, Any]] = recorded.get("/api/artifacts").json()
    return max(found, key=lambda one: one["num_versions"])


@pytest.fixture
def shown(browser: Browser, recorded: Running) -> Iterator[Watched]:
    with watch(browser, recorded.url) as watched:
        yield watched


def address_of(artifact: dict[str, Any]) -> str:
    which = urllib.parse.urlencode({name: artifact[name] for name in ("type", "server", "root")})
    return f"/artifacts/{urllib.parse.quote(artifact['name'])}?{which}"


def test_an_artifact_leads_to_its_versions_files_and_lineage(shown: Watched, artifact: dict[str, Any]) -> None:
    page = shown.open("/artifacts")
    page.get_by_label("Filter the artifacts").fill(artifact["name"])
    page.get_by_role("link", name=artifact["name"]).first.click()
    expect(page.get_by_role("heading", name=artifact["name"], exact=True)).to_be_visible()
    latest = artifact["latest_version"]
    expect(page.get_by_role("heading", name=f"Files of v{latest}")).to_be_visible()
    expect(page.get_by_role("region", name="Files", exact=True).get_by_role("row").first).to_be_visible()
    graph = page.get_by_role("region", name="Graph")
    expect(graph.get_by_role("link", name=f"artifact {artifact['name']}:v{latest}")).to_be_visible()
    graph.get_by_role("link", name="run ").first.click()
    page.wait_for_url("**/runs/**")
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.get_by_role("region", name="Made").get_by_role("link").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_artifacts_are_accessible(
    browser: Browser, recorded: Running, artifact: dict[str, Any], scheme: Scheme
) -> None:
    with watch(browser, recorded.url, scheme=scheme) as web:
        page = web.open("/artifacts")
        expect(page.get_by_role("link", name=artifact["name"]).first).to_be_visible()
        web.check_accessibility(f"/artifacts, {scheme}")
        page = web.open(address_of(artifact))
        expect(page.get_by_role("region", name="Graph")).to_be_visible()
        web.check_accessibility(f"an artifact, {scheme}")


def test_no_artifacts_and_an_unknown_one_are_said(browser: Browser, server: Running) -> None:
    with watch(browser, server.url) as web:
        page = web.open("/artifacts")
        expect(page.get_by_text("No artifacts yet")).to_be_visible()
        web.check_accessibility("no artifacts")
        web.refusals = {404}
        page = web.open("/artifacts/no-such-thing")
        expect(page.get_by_role("alert")).to_contain_text("There is no artifact no-such-thing here.")
        expect(page.get_by_text("/api/")).to_have_count(0)


def test_a_phone_shows_artifacts_without_scrolling_sideways(browser: Browser, recorded: Running) -> None:
    with watch(browser, recorded.url, size=PHONE) as web:
        for path in ("/artifacts", *map(address_of, recorded.get("/api/artifacts").json())):
            page = web.open(path)
            expect(page.get_by_role("table").first).to_be_visible()
            expect(page.get_by_text("Loading")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            table = page.get_by_role("table").first
            assert table.evaluate("(table) => table.offsetWidth <= table.parentElement.clientWidth"), "names are cut"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_list_of_artifacts_is_sorted_by_its_heads_and_keeps_its_view(
    browser: Browser, recorded: Running, size: tuple[int, int]
) -> None:
    names = sorted((one["name"] for one in recorded.get("/api/artifacts").json()), reverse=True)
    with watch(browser, recorded.url, size=size) as web:
        page = web.open("/artifacts")
        table = page.get_by_role("region", name="All artifacts")
        head = table.get_by_role("columnheader", name="Name")
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        links = table.get_by_role("link")
        expect(links).to_have_text(names)
        assert table.evaluate("(box) => box.scrollWidth <= box.clientWidth"), "all of it is in view"
        web.check_accessibility("sorted artifacts")
        page.get_by_label("Filter the artifacts").fill(names[0])
        links.first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(names[0])
        page.go_back()
        expect(page.get_by_label("Filter the artifacts")).to_have_value(names[0])
        page.reload()
        expect(page.get_by_label("Filter the artifacts")).to_have_value(names[0])
        expect(head).to_have_attribute("aria-sort", "descending")


def test_a_version_that_is_not_here_is_downloaded(browser: Browser, server: Running, tmp_path: Path) -> None:
    root = unpack_sample("0.7", tmp_path / "sample")
    begin_sync(server, root, mode="smart")
    with watch(browser, server.url) as web:
        page = web.open("/artifacts/backbone?type=model")
        page.get_by_role("button", name="Download v3").click()
        files = page.get_by_role("region", name="Files", exact=True)
        expect(files.get_by_role("cell", name="here", exact=True)).to_be_visible()
        with page.expect_download() as saved:
            files.get_by_role("link", name="Save ").first.click()
        path = saved.value.suggested_filename
        held = [one for one in (tmp_path / "sample").rglob(path) if one.is_file()]
        assert saved.value.path().read_bytes() in [one.read_bytes() for one in held]
