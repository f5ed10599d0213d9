"""Names on volumes that fold them: no two remote names may share a local one, and the way back must be known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runferry.store.contained import open_file, remove_file
from runferry.store.files import Landing, LocalTree, local_parts
from runferry.store.names import FOLDING, describe_place, folds_names, name_locally, name_remotely
from runferry.store.removal import remove_local

VOLUMES: list[Callable[[str], str]] = [
    str.lower,
    str.upper,
    str.casefold,
    lambda name: normalize("NFC", name),
    lambda name: normalize("NFD", normalize("NFD", name).casefold()),
    lambda name: normalize("NFKC", name).casefold(),
]
"""How volumes compare names: NTFS, exFAT, ext4, the two of macOS, and a strict one."""

NAMES = st.text(st.sampled_from("aAbB.~0fé\u0301eEßsSıiIİKkKσςΣﬁ한ㅎ"), min_size=1, max_size=6)


@given(NAMES, NAMES, st.sampled_from(VOLUMES))
@example("Model.pt", "model.pt", str.lower)
@example("é", "e\u0301", lambda name: normalize("NFC", name))
@example("ı", "I", str.upper)
def test_two_names_never_share_a_local_one(one: str, other: str, fold: Callable[[str], str]) -> None:
    assert (fold(name_locally(one)) == fold(name_locally(other))) == (one == other)


@given(NAMES)
def test_what_was_named_locally_is_known_again(name: str) -> None:
    local = name_locally(name)
    assert name_remotely(local) == name


@given(st.sampled_from(["é.txt", "e\u0301.txt", "É.TXT"]))
def test_a_volume_that_decomposes_names_gives_them_back_all_the_same(name: str) -> None:
    assert name_remotely(normalize("NFD", name_locally(name))) in {name, normalize("NFC", name)}


@pytest.mark.parametrize(
    "name",
    ["model.pt", "events.out.tfevents.1700000000.gpu1.1.0", ".deleted", "meta.json", "grün.txt", "한글.csv", "v1~2"],
)
def test_plain_names_are_kept_as_they_are(name: str) -> None:
    assert name_locally(name) == name


def test_a_mark_leaves_the_name_readable_and_its_ending_in_place() -> None:
    local = name_locally("README.md")
    assert local.startswith("README~")
    assert local.endswith(".md")
    assert name_locally(local) != local, "a server that has such a name gets it marked, too"
    assert name_remotely(name_locally(local)) == local
    assert name_remotely("Foreign.txt") is None


def test_the_probe_tells_a_volume_that_folds_from_one_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not folds_names(tmp_path / "new")
    monkeypatch.setattr("runferry.store.names.secrets.token_hex", lambda _: "1")
    (tmp_path / "probe-1-\u00e9").touch()  # as if the probe itself were seen under this name
    assert folds_names(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["probe-1-\u00e9"]


@pytest.fixture
def tree(tmp_path: Path) -> LocalTree:
    tree = LocalTree(tmp_path / f"root{FOLDING}", tmp_path / "staging")
    tree.open()
    return tree


def test_names_that_differ_in_case_land_side_by_side(tree: LocalTree) -> None:
    files = {"Model.pt": b"one", "model.pt": b"two", "Run/a.log": b"three", "run/a.log": b"four", "run/A.log": b"five"}
    tree.land_many([Landing(path, data, 7) for path, data in files.items()])
    places = [tree.locate(path) for path in files]
    assert len({place.lower() for place in places}) == len(files)
    assert [Path(place).read_bytes() for place in places] == list(files.values())
    assert tree.list_files() == {path: (len(data), 7) for path, data in files.items()}
    tree.append("run/A.log", b" and more", offset=4, mtime_ns=8)
    assert Path(tree.locate("run/A.log")).read_bytes() == b"five and more"
    assert Path(tree.locate("run/a.log")).read_bytes() == b"four"


def test_every_way_to_a_local_file_uses_its_local_name(tree: LocalTree) -> None:
    tree.land_many([Landing("Run/A.log", b"upper", 0), Landing("run/a.log", b"lower", 0)])
    assert describe_place(tree.root, "Run/A.log") == tree.locate("Run/A.log")
    assert describe_place(tree.root, "") == str(tree.root)
    assert tree.root.joinpath(*local_parts(tree.root, "Run/A.log")).read_bytes() == b"upper"
    with open(open_file(tree.root, "Run/A.log"), "rb") as file:  # noqa: PTH123 - a descriptor
        assert file.read() == b"upper"
    remove_file(tree.root, "Run/A.log")
    assert tree.list_files().keys() == {"run/a.log"}
    tree.land_many([Landing("Run/A.log", b"upper", 0)])
    assert remove_local(tree.root, "Run") == 5
    assert tree.list_files().keys() == {"run/a.log"}
    tree.land_many([Landing("Run/A.log", b"upper", 0)])
    assert remove_local(tree.root, "") == 10
    assert tree.list_files() == {}


def test_other_copies_keep_every_name(tmp_path: Path) -> None:
    tree = LocalTree(tmp_path / "root", tmp_path / "staging")
    assert tree.locate("Run/A~0123456789ab.log") == f"{tmp_path}/root/Run/A~0123456789ab.log"
