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
from collections.abc import Iterator, Mapping
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
ALL_DRAWN = """
() => {
  const isSeen = (one) => {
    const box = one.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  };
  const charts = [...document.querySelectorAll("[data-metric]")].filter(isSeen);
  const rows = [...document.querySelectorAll("[data-runs] [role=row]:has(a)")].filter(isSeen);
  const isTable = document.querySelector("[data-runs] [role=columnheader]") !== null;
  return charts.every((one) => one.dataset.drawn)
    && (!isTable || rows.every((one) => one.querySelector("svg[role=img] path")))
    && ![...document.querySelectorAll("[role=status]")].some((one) => one.textContent.startsWith("Loading"))
    && [...document.images].every((one) => one.complete);
}
"""
"""Whether every chart, small curve and image in view is there; every run of these trees has a curve."""
EMPTY = {
    "connect": ("/connect", "button:has-text('gpu1')"),
    "runs-empty": ("/runs", "button:has-text('Try the demo')"),
    "compare-empty": ("/compare", "main h2"),
    "artifacts-empty": ("/artifacts", "main h2"),
    "servers-empty": ("/servers", "main h2"),
}
FULL = {
    "runs": ("/runs", "text=churn-mlp"),
    "runs-grouped": ("/runs?group=project", "text=churn-mlp"),
    "compare": ("/compare?{runs}", "[data-drawn]"),
    "artifacts": ("/artifacts", "text=resnet50-weights"),
    "artifact": ("/artifacts/resnet50-weights", "text=labels.txt"),
    "servers": ("/servers", "text=In step"),
    "settings": ("/settings", "text=Limits"),
    "run": ("/runs/{run}", "[data-drawn]"),
    "run-logs": ("/runs/{run}?part=logs", "role=log"),
    "run-images": ("/runs/{run}?part=images", "main img"),
    "run-files": ("/runs/{run}?part=files", "text=summary.json"),
    "run-params": ("/runs/{run}?part=params", "role=cell"),
    "run-environment": ("/runs/{run}?part=environment", "role=cell"),
    "run-artifacts": ("/runs/{maker}?part=artifacts", "main td"),
}
OFFLINE = {
    "runs-offline": ("/runs", "text=churn-mlp"),
    "servers-offline": ("/servers", "text=Try now"),
    "run-offline": ("/runs/{run}", "[data-drawn]"),
}
"""What a picture is called, its address, and what is there once the page is."""
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
        take_pages(browser, server, FULL)
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
        take_pages(browser, server, OFFLINE)
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
    take_pages(browser, server, EMPTY)
    with page_of(browser, server, LOOKS[0]) as page:
        expect_answer(server.post("/api/demo"), 200)
        page.goto(f"{server.url}/runs")
        expect(page.get_by_role("row").filter(has_text="running").first).to_be_visible(timeout=60_000)
        take(page, "runs-demo", LOOKS[0])
        expect_answer(server.http.delete(f"{server.url}/api/demo", timeout=30), 200)


def take_pages(browser: Browser, server: Running, pages: Mapping[str, tuple[str, str]]) -> None:
    runs = server.get("/api/runs", params={"sort": "created_time"}).json()
    finished = [run["key"] for run in runs if run["name"] == "resnet50"]
    words = {
        "run": next(iter(finished), ""),
        "maker": next(reversed(finished), ""),  # of an artifact, which the one before has not made
        "runs": "&".join(f"run={key}" for key in finished[:4]),
    }
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            for name, (path, seen) in pages.items():
                page.goto(server.url + path.format(**words))
                expect(page.locator(seen).first).to_be_visible(timeout=30_000)
                take(page, name, look)


def take_few(browser: Browser, server: Running) -> None:
    for look in LOOKS:
        with page_of(browser, server, look) as page:
            page.goto(f"{server.url}/runs")
            expect(page.get_by_role("row").filter(has_text="resnet")).to_have_count(FEW)
            take(page, "runs-few", look)


def take_connecting(browser: Browser, server: Running, root: Path) -> None:
    """Take the two steps after the first: which folder, how much of it."""
    for look in LOOKS:
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
            expect(page.get_by_role("row").filter(has_text="sweep").first).to_be_visible()
            take(page, "runs-many", look)


def mirror(server: Running, root: Path) -> None:
    expect_answer(server.post("/api/unified/connect", {"host": "gpu1"}), 200)
    expect_answer(server.post("/api/unified/configure_mode", {"mode": "mirror", "remote_root": str(root)}), 200)
    eventually_now(lambda: is_in_step(server), within=300, every=0.5, what="the mirror is in step")
    eventually_now(lambda: has_all_curves(server), within=300, every=0.5, what="the points of every run are read")


def is_in_step(server: Running) -> bool:
    return server.status()["mirror_mode"].get("last_sync_at") is not None


def has_all_curves(server: Running) -> bool:
    keys = [run["key"] for run in server.get("/api/runs", params={"limit": MANY + 100}).json()]
    parts = (keys[start : start + 100] for start in range(0, len(keys), 100))
    return all(len(server.post("/api/run-sparklines", {"keys": part}).json()) == len(part) for part in parts)


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
    page.wait_for_function(ALL_DRAWN, timeout=30_000)
    page.screenshot(path=IMAGES / f"{name}-{look[0]}.png", animations="disabled")


if __name__ == "__main__":
    main()
