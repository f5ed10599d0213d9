"""pull and cache: bringing files of a run to a place of one's own, and what stays in Runferry's cache."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.integration.cli.driver import Cli, TerminalSession, at
from tests.support.ferry import files_below, write_run
from tests.support.sshd import Sshd

MB = 1024 * 1024
ID = "20260101_000000_aaaaaa"
Key = tuple[str, str]


def write_file(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1.7e9, 1.7e9))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = write_run(tmp_path / "remote", "p", "n", ID)
    write_file(run / "ckpt" / "a.pt", os.urandom(3 * MB))
    write_file(run / "ckpt" / "deep" / "b.pt", b"b" * 1000)
    write_file(run / "c d%41?.bin", b"odd name")
    return run


@pytest.fixture
def smart(cli: Cli, sshd: Sshd, key: Key, run: Path) -> Iterator[Path]:
    """A server that keeps the run's root in smart mode; yields the run's directory there."""
    with cli.serve():
        assert cli.run("connect", at(sshd), *key).code == 0
        with cli.start("sync", at(sshd, str(run.parents[3])), "--mode", "smart", *key) as sync:
            sync.wait_for("Copied")
        yield run


def names(folder: Path) -> set[str]:
    return set(files_below(folder))


def test_a_file_a_directory_a_pattern_and_a_whole_run_are_written(cli: Cli, smart: Path, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    done = cli.run("pull", f"{ID}:ckpt/a.pt", str(dest))
    assert done.code == 0, done
    assert done.out.startswith("Wrote 1 file (3.15 MB in")
    assert (dest / "a.pt").read_bytes() == (smart / "ckpt" / "a.pt").read_bytes()
    assert (dest / "a.pt").stat().st_mtime == 1.7e9
    assert cli.run("pull", f"{ID}:ckpt/a.pt", str(dest / "other.pt")).code == 0
    assert (dest / "other.pt").read_bytes() == (dest / "a.pt").read_bytes()
    assert cli.run("pull", f"{ID}:ckpt", str(dest)).code == 0
    assert names(dest) == {"a.pt", "other.pt", "ckpt/a.pt", "ckpt/deep/b.pt"}
    patterns = tmp_path / "patterns"
    assert cli.run("pull", f"{ID}:*.bin", str(patterns)).code == 0
    assert files_below(patterns) == {"c d%41?.bin": b"odd name"}
    whole = tmp_path / "whole"
    assert cli.run("pull", ID, str(whole)).code == 0
    expected = {f"{ID}/{name}": data for name, data in files_below(smart).items() if not name.endswith(".lock")}
    assert files_below(whole) == expected
    again = cli.run("pull", ID, str(whole))
    assert "Wrote 0 files" in again.out
    assert f"{len(expected)} were there already" in again.out
    for place, code in ((f"{ID}:none", 12), ("none", 12), (f"{ID}:../x", 12), (f"{ID}:*.none", 12)):
        done = cli.run("pull", place, str(dest))
        assert done.code == code, (place, done)


def test_a_file_that_was_begun_is_continued(cli: Cli, smart: Path, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    assert cli.run("pull", f"{ID}:ckpt/a.pt", str(dest)).code == 0
    data = (dest / "a.pt").read_bytes()
    (dest / "a.pt").unlink()
    etag = find_etag(cli, "ckpt/a.pt")
    (dest / "a.pt.runferry-part").write_bytes(data[: 2 * MB])
    (dest / "a.pt.runferry-etag").write_text(etag)
    done = cli.run("pull", f"{ID}:ckpt/a.pt", str(dest))
    assert "Wrote 1 file (1.05 MB in" in done.out, "only the rest was moved"
    assert files_below(dest) == {"a.pt": data}
    (dest / "a.pt").unlink()
    (dest / "a.pt.runferry-part").write_bytes(b"x" * 2 * MB)
    (dest / "a.pt.runferry-etag").write_text('"of another version"')
    done = cli.run("pull", f"{ID}:ckpt/a.pt", str(dest))
    assert "Wrote 1 file (3.15 MB in" in done.out
    assert files_below(dest) == {"a.pt": data}


def find_etag(cli: Cli, path: str) -> str:
    """Return what the server calls this version, as an interrupted pull would have noted it."""
    url = re.search(r'"url":\s*"([^"]+)"', (cli.data_dir / "server.json").read_text())
    assert url is not None
    tag: str = httpx.head(f"{url[1]}/api/runs/{ID}/files/{path}").headers["ETag"]
    return tag


def test_nothing_is_written_outside_the_destination(cli: Cli, smart: Path, tmp_path: Path) -> None:
    outside, dest = tmp_path / "outside", tmp_path / "dest"
    outside.mkdir()
    dest.mkdir()
    (dest / "ckpt").symlink_to(outside)
    done = cli.run("pull", f"{ID}:ckpt", str(dest))
    assert done.code == 2, done
    assert "leads out of" in done.err
    assert list(outside.iterdir()) == []
    (dest / "b.pt.runferry-part").symlink_to(outside / "target")
    done = cli.run("pull", f"{ID}:ckpt/deep/b.pt", str(dest))
    assert done.code == 2, done
    assert list(outside.iterdir()) == []


def test_trouble_with_one_file_does_not_keep_the_others(cli: Cli, smart: Path, tmp_path: Path) -> None:
    (smart / "ckpt" / "a.pt").unlink()
    done = cli.run("pull", f"{ID}:ckpt", str(tmp_path / "dest"))
    if done.code != 0:  # unless the sync has heard of it already
        assert done.code == 5, done
        assert "not written: ckpt/a.pt:" in done.err
    assert names(tmp_path / "dest") == {"ckpt/deep/b.pt"}


def test_offline_what_is_held_is_written_and_its_age_is_told(cli: Cli, smart: Path, sshd: Sshd, tmp_path: Path) -> None:
    assert cli.run("pull", f"{ID}:ckpt/deep/b.pt", str(tmp_path / "one")).code == 0
    assert cli.run("disconnect", at(sshd)).code == 0
    done = cli.run("pull", f"{ID}:ckpt/deep/b.pt", str(tmp_path / "two"))
    assert done.code == 0, done
    assert "1 file as of up to" in done.err
    done = cli.run("pull", f"{ID}:ckpt/a.pt", str(tmp_path / "two"))
    assert done.code == 3, done
    assert "is not connected: connect to it" in done.err


def test_offline_a_lock_is_no_failure_of_pulling_a_whole_run(
    cli: Cli, sshd: Sshd, key: Key, run: Path, tmp_path: Path
) -> None:
    assert cli.run("sync", at(sshd, str(run.parents[3])), "--once", *key).code == 0
    done = cli.run("pull", ID, str(tmp_path / "dest"))
    assert done.code == 0, done
    assert "not written" not in done.err
    assert names(tmp_path / "dest" / ID) == set(files_below(run)) - {"events.jsonl.lock"}


def test_a_person_sees_a_bar(cli: Cli, smart: Path, tmp_path: Path) -> None:
    session = TerminalSession(cli, "pull", f"{ID}:ckpt", str(tmp_path / "dest"))
    code, shown = session.finish()
    assert code == 0
    assert "ckpt/" in shown
    assert "Wrote 2 files" in shown


def test_the_cache_is_shown_pinned_evicted_and_cleared(cli: Cli, smart: Path, tmp_path: Path) -> None:
    assert cli.run("pull", f"{ID}:ckpt", str(tmp_path / "dest")).code == 0
    shown = cli.run("cache")
    assert shown.code == 0, shown
    assert "3.15 MB of 10.7 GB in 2 files, 0 B pinned" in shown.out
    assert str(smart / "ckpt" / "a.pt") in shown.out
    assert cli.read_json("cache")["files"] == 2
    assert cli.run("cache", "pin", f"{ID}:ckpt/deep").out == f"Pinned ckpt/deep of {find_key(cli)}.\n"
    done = cli.run("cache", "clear")
    assert done.out == "Evicted 1 file, 3.1 MB; 1 stayed (pinned, in use, or last copies).\n"
    assert cli.run("cache", "unpin", ID).code == 0
    done = cli.run("cache", "evict", ID)
    assert done.out == "Evicted 1 file, 1.0 kB.\n"
    assert cli.read_json("cache")["files"] == 0
    assert cli.run("cache", "evict").code == 2
    assert cli.run("cache", "clear", ID).code == 2
    assert cli.run("cache", "pin", "none").code == 12
    assert (tmp_path / "dest" / "ckpt" / "a.pt").exists(), "what was pulled is the user's own"
    trash = cli.data_dir / "staging" / "1" / "trash"
    (trash / "2026-01-01" / "runs").mkdir(parents=True)
    (trash / "2026-01-01" / "runs" / "a.json").write_bytes(b"x" * 1500)
    assert "1.50 kB in 1 file in the trash" in cli.run("cache").out
    assert cli.run("cache", "empty-trash").out == "Removed 1 file, 1.5 kB, from the trash.\n"
    assert "trash" not in cli.run("cache").out
    assert not trash.exists()


def find_key(cli: Cli) -> str:
    key: str = cli.read_json("runs")[0]["key"]
    return key
