"""Opening and removing below a directory: links and odd paths lead nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.trees import write

from runferry.errors import InvalidRequest
from runferry.store.contained import open_file, remove_file


def read(root: Path, path: str) -> bytes:
    with os.fdopen(open_file(root, path), "rb") as file:
        return file.read()


def test_plain_files_are_opened_and_nothing_else_is(tmp_path: Path) -> None:
    root = tmp_path / "root"
    secret = write(tmp_path / "secret", b"secret")
    write(root / "a" / "b.txt", b"fine")
    (root / "link").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    assert read(root, "a/b.txt") == b"fine"
    for path in ("link", "folder/secret", "a", "pipe", "none", "a/none", "a/b.txt/c"):
        with pytest.raises(FileNotFoundError):
            read(root, path)
    for path in ("", "..", "../secret", "/etc/hostname", "a//b.txt", "a/../a/b.txt", "./a", "a\\b", "a\0b"):
        with pytest.raises(InvalidRequest):
            read(root, path)


def test_only_plain_files_below_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    secret = write(tmp_path / "secret", b"secret")
    write(root / "a" / "b.txt", b"fine")
    (root / "folder").symlink_to(tmp_path)
    (root / "link").symlink_to(secret)
    for path in ("folder/secret", "link", "a", "none/none", "a/b.txt"):
        remove_file(root, path)
    assert secret.exists()
    assert (root / "link").is_symlink()
    assert list((root / "a").iterdir()) == []
