"""Manifests and what they promise."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.trees import write

from runferry.model import Version
from runferry.service.digests import DigestMismatch, Digests, Expected, hash_open, read_manifest

DATA = b"weights" * 1000
RIGHT = Expected(hashlib.sha256(DATA).hexdigest(), "v1/manifest.json")
PLACE = (1, "v1/files/model.pt")
VERSION = Version(len(DATA), 1)


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(digests: Digests, data: bytes, size: int, expected: Expected = RIGHT) -> tuple[bytes, bool]:
    """Return what came through, and whether the end was reached."""
    got = b""
    try:
        async for piece in digests.guard(pieces(data, size), PLACE, VERSION, expected):
            got += piece
    except DigestMismatch:
        return got, False
    return got, True


@pytest.mark.parametrize("size", [1000, len(DATA), 7 * len(DATA)])
async def test_right_bytes_come_whole_and_wrong_ones_never(size: int) -> None:
    assert await read(Digests(), DATA, size) == (DATA, True)
    wrong = b"x" + DATA[1:]
    got, is_whole = await read(Digests(), wrong, size)
    assert not is_whole
    assert len(got) < len(wrong)


async def test_a_judgement_is_remembered_for_that_version_only() -> None:
    digests = Digests()
    assert not digests.is_proven(PLACE, VERSION)
    await read(digests, b"x" * len(DATA), 1000)
    with pytest.raises(DigestMismatch, match="not those its manifest promises"):
        digests.is_proven(PLACE, VERSION)
    assert not digests.is_proven(PLACE, Version(len(DATA), 2))


def test_a_manifest_speaks_of_the_files_beside_it(tmp_path: Path) -> None:
    inner = {"files": [{"path": "b.bin", "digest": "sha256:BB"}, {"path": "files/b.bin", "digest": "md5:x"}]}
    write(tmp_path / "v1" / "manifest.json", orjson.dumps({"files": [{"path": "a/b.bin", "digest": "sha256:aa"}]}))
    write(tmp_path / "v1" / "files" / "x" / "manifest.json", orjson.dumps(inner))
    digests = Digests()
    assert digests.find(tmp_path, "v1/files/a/b.bin") == Expected("aa", "v1/manifest.json")
    assert digests.find(tmp_path, "v1/files/x/files/b.bin") == Expected("bb", "v1/files/x/manifest.json")
    assert digests.find(tmp_path, "v1/files/other") is None
    assert digests.find(tmp_path, "files/a") is None
    write(tmp_path / "v1" / "manifest.json", orjson.dumps({"files": [{"path": "a/b.bin", "digest": "sha256:cccc"}]}))
    assert digests.find(tmp_path, "v1/files/a/b.bin") == Expected("cccc", "v1/manifest.json"), "it was read again"


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(orjson.dumps)
)
def test_nothing_that_calls_itself_a_manifest_does_harm(data: bytes) -> None:
    assert isinstance(read_manifest(data), dict)


def test_a_hash_is_of_so_many_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "f", DATA + b"more")
    with path.open("rb") as file:
        assert hash_open(file.fileno(), len(DATA)) == RIGHT.sha256
