"""Manifests and descriptions of artifact versions, whatever a stranger wrote into them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.formats.manifests import find_parents, is_sound, read_details, read_manifest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


def test_both_layouts_are_read() -> None:
    listed = {
        "files": [{"path": "a/b.bin", "size": 3, "digest": "sha256:00", "modified_at": 1.5}],
        "references": [{"uri": "s3://x", "checksum": "c", "size": 9, "metadata": {"k": 1}}],
        "total_size": 12,
    }
    manifest = read_manifest(json.dumps(listed).encode())
    assert manifest is not None
    assert [(one.path, one.size, one.digest, one.modified_at) for one in manifest.files] == [
        ("a/b.bin", 3, "sha256:00", 1.5)
    ]
    assert (manifest.references, manifest.total_size, manifest.is_archive) == (tuple(listed["references"]), 12, False)  # type: ignore[arg-type]
    archived = {"files": {"a.txt": {"sha256": "ff", "size_bytes": 4}}, "total_size_bytes": 4}
    manifest = read_manifest(json.dumps(archived).encode())
    assert manifest is not None
    assert (manifest.files[0].digest, manifest.total_size, manifest.is_archive) == ("sha256:ff", 4, True)


@settings(deadline=None)
@given(document=JSON | st.fixed_dictionaries({"files": JSON, "references": JSON, "parent_artifacts": JSON}))
def test_whatever_is_written_never_raises_and_never_leads_out(document: object) -> None:
    data = json.dumps(document).encode()
    manifest = read_manifest(data)
    assert manifest is None or all(is_sound(one.path) and one.size >= 0 for one in manifest.files)
    assert isinstance(find_parents(read_details(data)), list)


@pytest.mark.parametrize("path", ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\0b", "x" * 5000])
def test_paths_that_lead_elsewhere_are_no_files(path: str) -> None:
    assert not is_sound(path)
    manifest = read_manifest(json.dumps({"files": [{"path": path, "size": 1}]}).encode())
    assert manifest is not None
    assert manifest.files == ()


def test_parents_are_read_in_either_spelling() -> None:
    details = {"parent_artifacts": [{"name": "a", "version": 1}, "b:v12", "c:vx", "v1", 7, None]}
    assert find_parents(details) == [{"name": "a", "version": 1}, {"name": "b", "version": 12}]
    assert read_manifest(b"no json") is None
    assert read_details(b"[]") == {}
