"""The whole way of a new user in one sitting, and a server that dies in the middle of it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import RUN, wait_drawn, wait_for_step, write_ssh_config
from tests.conftest import MakeSshd
from tests.integration.api.running import Running
from tests.support.chromium import Watched
from tests.support.ferry import files_below, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

SECOND = "20260105_000000_eeeeee"
BLOCK, BLOCKS = 1_000_000, 250


def follow(page: Page, server: str, folder: Path, mode: str) -> None:
    """Go from the connect page to the runs of a folder."""
    page.get_by_label("Where are your experiments?").fill(f"{server}:{folder.parent}")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("option").filter(has_text=folder.name).click()  # browse
    expect(page.get_by_role("navigation", name="Path")).to_contain_text(folder.name)
    page.get_by_role("button", name="Use this folder").click()
    page.get_by_role("radio", name=mode).check()
    page.get_by_role("button", name="Start").click()


def disconnect_one(page: Page) -> None:
    page.get_by_role("button", name="Disconnect").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_new_user_gets_from_nothing_to_runs_of_two_servers_and_keeps_them(
    web: Watched, tree: Path, tmp_path: Path, home: Path, sshd: Sshd, make_sshd: MakeSshd
) -> None:
    other = tmp_path / "elsewhere"
    write_run(other, "vision", "vit", SECOND)
    write_ssh_config(home, sshd, make_sshd())
    run = tree / "vision" / "resnet" / "runs" / RUN
    (run / "status.json").write_text('{"status": "running", "started_at": 1700000000.5}')
    (run / "checkpoint.pt").write_bytes(os.urandom(2_000_000))

    page = web.open("/")
    follow(page, "gpu1", tree, "Smart")
    page.get_by_role("row").filter(has_text="aaaaaa").click()
    wait_drawn(page)  # curves
    wait_for_step(page, "loss", 19)
    with (run / "events.jsonl").open("a") as events:
        events.write(json.dumps({"ts": 2, "type": "metrics", "data": {"loss": 0.01, "global_step": 20}}) + "\n")
    wait_for_step(page, "loss", 20)  # and they grow

    page.get_by_role("tab", name="Logs").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("step 19")
    with (run / "logs.txt").open("a") as lines:
        lines.write("12:00:01 | a line of this minute\n")
    expect(log).to_contain_text("a line of this minute")

    web.open("/connect")
    follow(page, "gpu2", other, "Mirror")
    for one in (RUN, SECOND):
        page.get_by_label(f"Select {one}").check()
    page.keyboard.press("c")
    expect(page.get_by_role("list", name="Runs compared").get_by_role("listitem")).to_have_count(2)
    wait_drawn(page)

    web.open(f"/runs/{RUN}?part=files")
    page.get_by_role("button", name="Fetch checkpoint.pt").click()
    expect(page.get_by_role("link", name="Save checkpoint.pt")).to_be_visible()

    web.open("/servers")
    disconnect_one(page)
    disconnect_one(page)
    expect(page.get_by_text("No server is connected")).to_be_visible()
    web.open("/runs")
    expect(page.get_by_role("row").filter(has_text="eeeeee")).to_contain_text("offline")
    page.get_by_role("row").filter(has_text="aaaaaa").click()
    wait_drawn(page)
    page.get_by_role("tab", name="Logs").click()
    expect(log).to_contain_text("a line of this minute")


def test_a_server_that_dies_in_the_middle_of_a_sync_and_returns_loses_nothing(
    web: Watched, server: Running, tree: Path, sshd: Sshd
) -> None:
    block = os.urandom(BLOCK)
    with (tree / "vision" / "weights.bin").open("wb") as weights:
        weights.writelines(block for _ in range(BLOCKS))
    page = web.open("/")
    follow(page, "gpu1", tree, "Mirror")
    eventually_now(lambda: has_begun(server), within=20, every=0.002, what="some of it is here")
    sshd.stop()
    page.evaluate("window.wasNotReloaded = true")
    lamp = page.get_by_role("link", name="gpu1:")
    expect(lamp).to_contain_text("reconnecting")
    expect(page.get_by_text("is not reached")).to_be_visible()
    assert is_halfway(server), "it died too late to prove anything"
    sshd.start()
    expect(lamp).to_contain_text("live", timeout=20_000)
    expect(page.get_by_text("is not reached")).to_have_count(0)
    sync = server.wait_synced()["connections"][0]["syncs"][0]
    expected = {path: data for path, data in files_below(tree).items() if not path.endswith(".lock")}
    assert files_below(Path(sync["local_root"])) == expected
    for one in ("aaaaaa", "bbbbbb", "cccccc"):
        expect(page.get_by_role("row").filter(has_text=one)).to_contain_text("live")
    assert page.evaluate("window.wasNotReloaded")
    web.open("/servers")
    expect(page.get_by_text("In step")).to_be_visible()


def has_begun(server: Running) -> bool:
    """Say whether some of the big file is here. The disk is asked: a server that is copying may answer too late."""
    sizes = [0]
    for staged in (server.settings.data_dir / "staging").glob("*/*"):
        with suppress(FileNotFoundError):
            sizes.append(staged.stat().st_size)
    return max(sizes) > BLOCK


def is_halfway(server: Running) -> bool:
    [connection] = server.status()["connections"] or [{"syncs": []}]
    [sync] = connection["syncs"] or [{"bytes_done": 0, "bytes_total": 0}]
    return bool(0 < sync["bytes_done"] < sync["bytes_total"])
