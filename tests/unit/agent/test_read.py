"""Reading files that change meanwhile, and files that are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runferry.agent import read


def meanwhile(monkeypatch: pytest.MonkeyPatch, call: str, change: Callable[[], object]) -> None:
    """Change something right after the first time the module calls ``os.<call>``."""
    real = getattr(os, call)
    calls: list[None] = []

    def changed(*arguments: object) -> object:
        result = real(*arguments)
        calls.append(None)
        if len(calls) == 1:
            change()
        return result

    monkeypatch.setattr(os, call, changed)


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_that_grows_while_it_is_read_is_not_stable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    meanwhile(monkeypatch, "pread", lambda: path.write_bytes(b"one\ntwo\n"))
    data, version, stable, _, _ = read.read_range(os.fsencode(path), 0, 4, False)
    assert (data, version[0], stable) == (b"one\n", 8, False)


def test_a_small_file_that_is_rewritten_while_it_is_read_is_not_stable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(b'{"a": 1}')
    os.utime(path, (1e9, 1e9))
    meanwhile(monkeypatch, "read", lambda: path.write_bytes(b'{"a": 2}'))
    assert read.read_small(os.fsencode(path))[2] is False


def test_a_file_at_rest_is_stable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    data, version, stable = read.read_small(os.fsencode(path))
    assert (data, stable) == (b"content", True)
    status = path.stat()
    assert version == (7, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(read.Refused) as refused:
        read.read_range(os.fsencode(tmp_path / "fifo"), 0, 10, False)
    assert refused.value.problem[0] == "special"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    before = count_descriptors()
    for name in ("file", "missing", "."):
        for call in (
            lambda path: read.read_range(path, 0, 10, True),
            read.read_small,
            lambda path: read.digest_start(path, 10, lambda: True),
        ):
            try:
                call(os.fsencode(tmp_path / name))
            except (OSError, read.Refused):
                continue
    assert count_descriptors() == before


def test_a_digest_nobody_waits_for_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10)
    with pytest.raises(read.Refused):
        read.digest_start(os.fsencode(tmp_path / "file"), 10, lambda: False)
