"""``metrics`` and ``reindex`` as a person would use them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.integration.cli.driver import Cli, at
from tests.support.ferry import write_run
from tests.support.sshd import Sshd

RUN_ID = "20260101_000000_aaaaaa"


def test_metrics_are_shown_offline_as_curves_and_numbers_and_survive_a_reindex(
    cli: Cli, sshd: Sshd, tmp_path: Path
) -> None:
    root = tmp_path / "server"
    run = write_run(root, "cv", "yolo", RUN_ID, lines=100)
    with (run / "events.jsonl").open("a") as file:
        for step, note in enumerate(("warm", "\x1b[31mred")):
            file.write(json.dumps({"ts": 2, "type": "metrics", "data": {"note": note, "global_step": step}}) + "\n")
        file.write("torn\n")
    done = cli.run("sync", "--once", "-i", str(sshd.client_key_path), at(sshd, str(root)))
    assert done.code == 0, done
    shown = cli.run("metrics", RUN_ID)
    assert shown.code == 0, shown
    loss, note = (next(line for line in shown.out.splitlines() if line.startswith(name)) for name in ("loss", "note"))
    assert loss.split()[0] == "loss"
    assert loss.split()[1].startswith("█")
    assert loss.split()[2:] == ["0.01", "0.01", "1", "99", "100"]
    assert "\\x1b[31mred" in note
    assert "1 record could not be understood. At byte" in shown.err
    assert re.search(r"This is as of (now|\S+ \S+ ago): the server is not being asked", shown.err), shown.err

    chosen = cli.run("metrics", RUN_ID, "-m", "loss", "-m", "never")
    assert "note" not in chosen.out
    assert "no metric never" in chosen.err
    assert cli.run("metrics", RUN_ID, "-m", "never").code == 12
    assert cli.run("metrics", "nobody").code == 12
    before = cli.read_json("metrics", RUN_ID)
    assert before["series"][0]["points_total"] == 100

    rebuilt = cli.run("reindex")
    assert rebuilt.code == 0, rebuilt
    assert rebuilt.out.startswith("Read the series of 1 file of 1 sync anew")
    assert cli.read_json("metrics", RUN_ID) == before
