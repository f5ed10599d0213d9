"""Takes pictures of every page into docs/images: ``make screenshots``. Not a test: people look at what it makes.

The server is real, and so is what it shows: the demo's tree, on Debian's sshd, mirrored.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from runferry.config import DEFAULT_RATE_LIMITS
from runferry.demo.stage import open_stage
from runferry.demo.tree import build_tree
from tests.browser.conftest import write_ssh_config
from tests.integration.api.running import Running, run_server
from tests.integration.api.running import expect as expect_answer
from tests.support.chromium import DESKTOP, PHONE, Scheme, run_chromium, watch
from tests.support.ferry import write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

IMAGES = Path(__file__).parents[2] / "docs/images"
LOOKS: tuple[tuple[str, tuple[int, int], Scheme], ...] = (
    ("light", DESKTOP, "light"),
    ("dark", DESKTOP, "dark"),
    ("phone", PHONE, "light"),
    ("phone-dark", PHONE, "dark"),
)
FEW, MANY = 3, 3_000
DAY, SWEEP_DAYS = 86_400.0, 45
ENDS = ("finished",) * 12 + ("failed", "failed", "interrupted")


def main() -> None:
    """Take all of them, or those of the named parts."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="runferry-screenshots-") as name, Sshd() as sshd, run_chromium() as browser:
        folder = Path(name)
        home = folder / "home"
        home.mkdir()
        os.environ["HOME"] = str(home)
        write_ssh_config(home, sshd)
        for part in sys.argv[1:] or PARTS:
            PARTS[part](browser, folder / part)


def take_empty_table(browser: Browser, folder: Path) -> None:
    with run_server(folder / "data", open_demo=open_stage) as server:
        take_empty(browser, server)


def take_few_runs(browser: Browser, folder: Path) -> None:
    root = folder / "experiments"
    for number in range(FEW):
        write_past_run(root, ("vision", "resnet"), time.time() - (number + 1) * DAY, random.Random(number))
    with run_server(folder / "data") as server:
        mirror(server, root)
        take_few(browser, server)


def take_all_pages(browser: Browser, folder: Path) -> None:
    root = write_tree(folder)
    with run_server(folder / "data", rate_limits=DEFAULT_RATE_LIMITS) as server:  # the settings show them
        mirror(server, root)
        take_full(browser, server)
        take_parts(browser, server)
        take_connecting(browser, server, root)


def take_many_runs(browser: Browser, folder: Path) -> None:
    root = write_tree(folder)
    write_sweep(root)
    with run_server(folder / "data") as server:
        mirror(server, root)
        take_many(browser, server)


def take_lost_server(browser: Browser, folder: Path) -> None:
    """With a server of its own, which then stops."""
    root, config = write_tree(folder), Path(os.environ["HOME"]) / ".ssh/config"
    before = config.read_text()
    with Sshd() as sshd, run_server(folder / "data") as server:
        write_ssh_config(Path(os.environ["HOME"]), sshd)
        mirror(server, root)
        sshd.stop()
        take_offline(browser, server)
    config.write_text(before)


PARTS = {
    "empty": take_empty_table,
    "few": take_few_runs,
    "all": take_all_pages,
    "many": take_many_runs,
    "offline": take_lost_server,
}


def write_tree(folder: Path) -> Path:
    root = folder / "experiments"
    build_tree(root, now=time.time())
    add_running(root)
    return root


def take_empty(browser: Browser, server: Running) -> None:
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            page.goto(f"{server.url}/connect")
            expect(page.get_by_role("button", name="gpu1")).to_be_visible()
            take(page, "connect", look)
            page.goto(f"{server.url}/runs")
            expect(page.get_by_role("button", name="Try the demo")).to_be_visible()
            take(page, "runs-empty", look)
    with page_of(browser, server, LOOKS[0]) as page:
        expect_answer(server.post("/api/demo"), 200)
        page.goto(f"{server.url}/runs")
        expect(page.get_by_role("row").filter(has_text="running").first).to_be_visible(timeout=60_000)
        page.wait_for_timeout(1500)
        take(page, "runs-demo", LOOKS[0])
        expect_answer(server.http.delete(f"{server.url}/api/demo", timeout=30), 200)


def take_full(browser: Browser, server: Running) -> None:
    runs = server.get("/api/runs", params={"sort": "created_time"}).json()
    finished = [run["key"] for run in runs if run["name"] == "resnet50"]
    compared = "&".join(f"run={key}" for key in finished[:4])
    pages = {
        "runs": "/runs",
        "runs-grouped": "/runs?group=project",
        "run": f"/runs/{finished[0]}",
        "compare": f"/compare?{compared}",
        "artifacts": "/artifacts",
        "artifact": "/artifacts/resnet50-weights",
        "servers": "/servers",
        "settings": "/settings",
    }
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            for name, path in pages.items():
                page.goto(server.url + path)
                expect(page.get_by_role("heading", level=1)).to_be_visible()
                page.wait_for_load_state("domcontentloaded")
                page.wait_for_timeout(1500)  # curves have no one sign of being drawn
                take(page, name, look)


def take_few(browser: Browser, server: Running) -> None:
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            page.goto(f"{server.url}/runs")
            expect(page.get_by_role("row").filter(has_text="resnet")).to_have_count(FEW)
            page.wait_for_timeout(1000)
            take(page, "runs-few", look)


def take_parts(browser: Browser, server: Running) -> None:
    """Take what is behind the tabs of a run."""
    run = next(run["key"] for run in server.get("/api/runs").json() if run["name"] == "resnet50")
    for look in LOOKS[:3]:
        with page_of(browser, server, look) as page:
            for part in ("logs", "images", "files", "params", "environment"):
                page.goto(f"{server.url}/runs/{run}?part={part}")
                page.wait_for_timeout(1200)
                expect(page.get_by_text("Loading")).to_have_count(0)
                take(page, f"run-{part}", look)


def take_connecting(browser: Browser, server: Running, root: Path) -> None:
    """Take the two steps after the first: which folder, how much of it."""
    for look in LOOKS[:3]:
        with page_of(browser, server, look) as page:
            page.goto(f"{server.url}/connect")
            page.get_by_label("Where are your experiments?").fill(f"gpu1:{root}")
            page.get_by_role("button", name="Connect", exact=True).click()
            expect(page.get_by_text("found in here")).to_be_visible()
            take(page, "connect-folder", look)
            page.get_by_role("button", name="Use this folder").click()
            expect(page.get_by_text("Copies everything")).to_contain_text("files")
            take(page, "connect-mode", look)


def take_many(browser: Browser, server: Running) -> None:
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            page.goto(f"{server.url}/runs?sort=best&order=desc")
            expect(page.get_by_text(re.compile(f"^{MANY // 1000},0\\d\\d runs$"))).to_be_visible()
            expect(page.get_by_role("progressbar")).to_have_count(0)
            page.wait_for_timeout(1500)
            take(page, "runs-many", look)


def take_offline(browser: Browser, server: Running) -> None:
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            page.goto(f"{server.url}/runs")
            expect(page.get_by_text("its data is from")).to_be_visible(timeout=30_000)
            page.wait_for_timeout(500)
            take(page, "runs-offline", look)


def mirror(server: Running, root: Path) -> None:
    expect_answer(server.post("/api/unified/connect", {"host": "gpu1"}), 200)
    expect_answer(server.post("/api/unified/configure_mode", {"mode": "mirror", "remote_root": str(root)}), 200)
    eventually_now(lambda: is_in_step(server), within=300, every=0.5, what="the mirror is in step")


def is_in_step(server: Running) -> bool:
    return server.status()["mirror_mode"].get("last_sync_at") is not None


def add_running(root: Path) -> None:
    """Add a run that this process seems to be training."""
    run = write_run(root, "vision", "vit-base", time.strftime("%Y%m%d_%H%M%S_7f3a9c"))
    now, rng = time.time(), random.Random(1)
    about = json.loads((run / "meta.json").read_text())
    (run / "meta.json").write_text(
        json.dumps(about | {"pid": os.getpid(), "hostname": socket.gethostname(), "created_at": now})
    )
    (run / "status.json").write_text(json.dumps({"status": "running", "started_at": now}))
    losses = ((step, 2 / (1 + step / 40) + rng.random() / 9) for step in range(400))
    lines = ({"ts": now, "type": "metrics", "data": {"global_step": step, "loss": loss}} for step, loss in losses)
    (run / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def write_sweep(root: Path) -> None:
    """Write what a group of people trained in some weeks."""
    rng, now = random.Random(2), time.time()
    for number in range(MANY):
        names = (f"sweep-{'abcde'[number % 5]}", f"trial-{number % 40:02d}")
        write_past_run(root, names, now - DAY - rng.random() * SWEEP_DAYS * DAY, rng)


def write_past_run(root: Path, names: tuple[str, str], began: float, rng: random.Random) -> None:
    """Write a run of its own length, luck and end."""
    project, name = names
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(began))
    run = write_run(root, project, name, f"{stamp}_{rng.randrange(1 << 24):06x}", lines=0)
    about = json.loads((run / "meta.json").read_text())
    (run / "meta.json").write_text(json.dumps(about | {"created_at": began}))
    took, end, floor = 600 + rng.random() ** 3 * 2 * DAY / 3, rng.choice(ENDS), 0.1 + rng.random()
    (run / "status.json").write_text(json.dumps({"status": end, "started_at": began, "ended_at": began + took}))
    best = {"best_metric_value": round(0.97 - floor / 4, 4), "best_metric_name": "val/acc"}
    (run / "summary.json").write_text(json.dumps(best))
    losses = ((step, floor + 2 / (1 + step / (1 + floor * 9)) + rng.random() / 6) for step in range(40))
    lines = ({"ts": began, "type": "metrics", "data": {"global_step": step, "loss": loss}} for step, loss in losses)
    (run / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


@contextmanager
def page_of(browser: Browser, server: Running, look: tuple[str, tuple[int, int], Scheme]) -> Iterator[Page]:
    with watch(browser, server.url, size=look[1], scheme=look[2]) as watched:
        yield watched.page
        watched.complaints.clear()  # pictures of what does not work are pictures too


def take(page: Page, name: str, look: tuple[str, tuple[int, int], Scheme]) -> None:
    page.screenshot(path=IMAGES / f"{name}-{look[0]}.png", animations="disabled")


if __name__ == "__main__":
    main()
