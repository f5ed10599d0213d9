"""sync, runs, problems: bringing experiments home from the command line."""

from __future__ import annotations

import filecmp
import json
import os
import signal
import tarfile
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.integration.cli.driver import Cli, at
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

SAMPLE = Path(__file__).parents[2] / "data" / "runicorn-0.4.tar.gz"

Key = tuple[str, str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A real Runicorn root on "the server"."""
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(tmp_path / "server", filter="data")
    return tmp_path / "server" / "runicorn"


def list_files(root: Path) -> dict[str, Path]:
    return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


def find_local_root(output: str) -> Path:
    line = next(line for line in output.splitlines() if line.startswith("Copied"))
    return Path(line.split(" to ", 1)[1])


def test_a_root_is_mirrored_once_and_summed_up(cli: Cli, sshd: Sshd, key: Key, root: Path) -> None:
    done = cli.run("sync", at(sshd, str(root)), "--mode", "mirror", "--once", *key)
    assert done.code == 0, done
    local = list_files(find_local_root(done.out))
    remote = list_files(root)
    assert local
    assert set(local) <= set(remote)
    assert all(filecmp.cmp(path, remote[name], shallow=False) for name, path in local.items())
    left_out = set(remote) - set(local)
    assert left_out
    assert all(name.endswith((".lock", ".db")) for name in left_out)
    assert "left out" in done.out
    assert not sshd.child_pids()


def test_runs_are_listed_from_the_local_copy_with_the_server_gone(cli: Cli, sshd: Sshd, key: Key, root: Path) -> None:
    assert cli.run("sync", at(sshd, str(root)), "--once", *key).code == 0
    sshd.stop()
    runs = cli.read_json("runs")
    assert {run["id"] for run in runs} == {path.parent.name for path in root.rglob("meta.json")}
    done = cli.run("runs")
    assert f"{len(runs)} runs" in done.err
    assert all(run["id"] in done.out for run in runs), "nothing is cut where a program reads"
    project = runs[0]["project"]
    chosen = cli.read_json("runs", "--project", project, "-q", runs[0]["id"])
    assert [run["id"] for run in chosen] == [runs[0]["id"]]
    assert cli.read_json("runs", "--status", "no-such-status") == []


def test_without_a_server_the_index_is_counted_and_problems_are_not_called_none(
    cli: Cli, sshd: Sshd, key: Key, root: Path
) -> None:
    assert cli.run("sync", at(sshd, str(root)), "--once", *key).code == 0
    runs = cli.read_json("runs")
    assert runs
    assert f"Local index: {len(runs)} runs, " in cli.run("status").out
    done = cli.run("problems")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("No sync is at work, so nothing is known")


def test_smart_mode_brings_the_metadata_only(cli: Cli, sshd: Sshd, key: Key, root: Path) -> None:
    done = cli.run("sync", at(sshd, str(root)), "--mode", "smart", "--once", *key)
    assert done.code == 0, done
    local = list_files(find_local_root(done.out))
    assert local
    assert all(name.endswith((".json", ".yaml", ".yml", ".deleted")) for name in local)
    assert len(cli.read_json("runs")) == len(list(root.rglob("meta.json")))


def test_files_that_cannot_be_copied_are_named_and_change_the_exit_code(
    cli: Cli, sshd: Sshd, key: Key, tmp_path: Path
) -> None:
    root = tmp_path / "odd"
    root.mkdir()
    (root / "good.txt").write_text("fine")
    os.mkfifo(root / "pipe")
    done = cli.run("sync", at(sshd, str(root)), "--once", *key)
    assert done.code == 5, done
    assert "not copied: pipe" in done.out
    assert (find_local_root(done.out) / "good.txt").read_text() == "fine"


def test_patterns_and_the_size_limit_leave_files_out_with_the_reason(
    cli: Cli, sshd: Sshd, key: Key, tmp_path: Path
) -> None:
    root = tmp_path / "choice"
    root.mkdir()
    for name, size in (("a.txt", 10), ("b.bin", 10), ("c.txt", 5000)):
        (root / name).write_bytes(b"x" * size)
    words = ("--exclude", "*.bin", "--max-file-size", "1k", "--once")
    done = cli.run("sync", at(sshd, str(root)), *words, *key)
    assert done.code == 0, done
    assert set(list_files(find_local_root(done.out))) == {"a.txt"}
    assert done.out.count("left out 1 file") == 2


def test_a_missing_root_is_told_before_anything_is_made(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    done = cli.run("sync", at(sshd, str(tmp_path / "missing")), "--once", *key)
    assert done.code == 12
    assert "missing" in done.err


def test_following_prints_what_arrives_and_ends_with_ctrl_c(cli: Cli, sshd: Sshd, key: Key, root: Path) -> None:
    log = next(root.rglob("logs.txt"))
    with cli.start("sync", at(sshd, str(root)), *key) as follower:
        follower.wait_for("Following")
        local = find_local_root(follower.output) / log.relative_to(root)
        with log.open("a") as file:
            file.write("12:00:00 | one more line\n")
        follower.wait_for("arrived")
        eventually_now(lambda: "one more line" in local.read_text())
        assert follower.end(signal.SIGINT) == 130
        assert "Traceback" not in follower.output
    assert not sshd.child_pids()


def test_a_sync_of_a_running_server_goes_on_after_ctrl_c(cli: Cli, sshd: Sshd, key: Key, root: Path) -> None:
    with cli.serve():
        assert cli.run("connect", at(sshd), *key).code == 0
        with cli.start("sync", at(sshd, str(root))) as follower:
            assert "goes on syncing" in follower.wait_for("Following")
            local = find_local_root(follower.output)
            follower.end(signal.SIGINT)
        (root / "late.txt").write_text("late")
        eventually_now(lambda: (local / "late.txt").exists())
        status = cli.run("status")
        assert f"mirror {root}" in status.out
        problems = cli.read_json("problems")
        assert problems["syncs"][0]["problem_count"] > 0
        assert "skipped" in cli.run("problems").out


def test_once_does_not_take_the_place_of_a_root_that_is_kept(
    cli: Cli, sshd: Sshd, key: Key, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with cli.serve():
        assert cli.run("connect", at(sshd), *key).code == 0
        with cli.start("sync", at(sshd, str(root))) as follower:
            follower.wait_for("Following")
            follower.end(signal.SIGINT)
        done = cli.run("sync", at(sshd, str(tmp_path / "other")), "--once")
        assert done.code == 14
        assert str(root) in done.err
        again = cli.run("sync", at(sshd, str(root)), "--once")
        assert again.code == 0, again
        assert cli.read_json("status")["mirror_mode"]["active"], "the sync that was there before stays"


def test_a_server_without_python_is_mirrored_over_sftp(cli: Cli, make_sshd: MakeSshd, root: Path) -> None:
    server = make_sshd(sftp_only=True)
    done = cli.run("sync", at(server, str(root)), "--once", "-i", str(server.client_key_path))
    assert done.code == 0, done
    assert json.loads(next(find_local_root(done.out).rglob("meta.json")).read_text())["id"]


def test_a_short_errand_leaves_what_a_server_kept_alone(cli: Cli, sshd: Sshd, key: Key, root: Path) -> None:
    with cli.serve():
        assert cli.run("connect", at(sshd), *key).code == 0
        with cli.start("sync", at(sshd, str(root))) as follower:
            follower.wait_for("Following")
            local = find_local_root(follower.output)
            follower.end(signal.SIGINT)
    logins = sshd.log().count("Accepted publickey")
    assert "waiting" in cli.run("status").out
    assert len(cli.read_json("runs")) == len(list(root.rglob("meta.json")))
    assert sshd.log().count("Accepted publickey") == logins, "listing runs logs in nowhere"
    assert cli.run("ls", at(sshd, str(root)), *key).code == 0
    (root / "late.txt").write_text("late")
    with cli.serve():
        eventually_now(lambda: (local / "late.txt").exists(), what="the next server goes on with the mirror")
