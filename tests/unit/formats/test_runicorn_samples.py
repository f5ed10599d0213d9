"""Roots written by the published tools are read as an independent look at their files reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.samples import list_tree, unpack_sample

from runferry.formats import skip_reason
from runferry.formats.document import Document
from runferry.formats.runicorn import (
    DOCUMENTS,
    artifacts_touched,
    find_runs,
    is_metadata,
    is_run_dir,
    read_archived,
    read_documents,
    read_run,
    read_version_metadata,
    read_versions,
)


@pytest.fixture(scope="module", params=["0.4", "0.7"])
def any_root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_sample(request.param, tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def root_04(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_sample("0.4", tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def root_07(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_sample("0.7", tmp_path_factory.mktemp("root"))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else {}


def documents_in(directory: Path) -> Mapping[str, Document]:
    written = {path.name: path.read_bytes() for path in directory.iterdir() if path.name in DOCUMENTS}
    read = read_documents(written)
    assert read.keys() == written.keys(), "each says something"
    return read


def run_directories(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.rglob("meta.json"))


def test_every_directory_with_a_meta_json_is_found(any_root: Path) -> None:
    expected = {path.relative_to(any_root).as_posix() for path in run_directories(any_root)}
    listing = list_tree(any_root)
    assert find_runs(listing) == expected
    assert len(expected) >= 6
    directories = [path for path in listing if (any_root / path).is_dir()]
    assert {path for path in directories if is_run_dir(path, set(listing).__contains__)} == expected


def test_the_documents_are_read_as_they_are_written(any_root: Path) -> None:
    for directory in run_directories(any_root):
        meta, status, summary = (read_json(directory / f"{name}.json") for name in ("meta", "status", "summary"))
        run = read_run(directory.relative_to(any_root).as_posix(), documents_in(directory))
        assert run.id == meta["id"] == directory.name
        assert (run.created_at, run.pid, run.hostname) == (meta["created_at"], meta["pid"], meta["hostname"])
        assert (run.status, run.started_at) == (status["status"], status["started_at"])
        assert run.ended_at == status.get("ended_at")
        assert run.best_metric_value == summary.get("best_metric_value")
        assert run.best_metric_name == summary.get("best_metric_name")
        assert run.summary == summary
        assert run.meta == meta
        assert run.environment == read_json(directory / "environment.json")
        assert run.deleted_at is None


def test_the_04_root_says_its_projects_names_and_artifact_counts(root_04: Path) -> None:
    for directory in run_directories(root_04):
        run = read_run(directory.relative_to(root_04).as_posix(), documents_in(directory))
        assert (run.project, run.name) == directory.relative_to(root_04).parts[:2]
        created = read_json(directory / "artifacts_created.json").get("artifacts", [])
        used = read_json(directory / "artifacts_used.json").get("artifacts", [])
        assert (run.artifacts_created, run.artifacts_used) == (len(created), len(used))
        assert run.assets.get("artifacts_created", []) == created


def test_a_run_is_placed_by_its_directory_when_nothing_else_is_known(root_04: Path) -> None:
    for directory in run_directories(root_04):
        path = directory.relative_to(root_04).as_posix()
        bare, full = read_run(path, {}), read_run(path, documents_in(directory))
        assert (bare.id, bare.project, bare.name) == (full.id, full.project, full.name)


def test_the_07_root_takes_projects_and_names_from_its_paths(root_07: Path) -> None:
    for directory in run_directories(root_07):
        path = directory.relative_to(root_07).as_posix()
        meta, assets = read_json(directory / "meta.json"), read_json(directory / "assets.json")
        run = read_run(path, documents_in(directory))
        project, _, rest = meta["path"].partition("/")
        assert (run.project, run.name) == (project, rest or meta["alias"] or "default")
        assert run.artifacts_created == len(assets["outputs"])
        assert run.artifacts_used == len(assets["datasets"]) + len(assets["pretrained"])
        assert run.assets == assets
        if rest:
            assert read_run(path, {}).name == run.name


def test_the_07_archive_gives_artifacts_that_exist_below_the_root(root_07: Path) -> None:
    archived = {
        version.path: version
        for directory in run_directories(root_07)
        for version in read_archived(directory.relative_to(root_07).as_posix(), documents_in(directory))
    }
    assert all((root_07 / path).exists() for path in archived)
    rolling = {path for path in list_tree(root_07) if path.startswith("archive/outputs/rolling/")}
    files = {path for path in rolling if (root_07 / path).is_file()}
    assert files == {path for path, version in archived.items() if version.type == "output"}
    assert {version.type for version in archived.values()} == {"output", "dataset", "model"}


def test_the_04_artifacts_are_read_from_their_version_lists(root_04: Path) -> None:
    touched = artifacts_touched(list_tree(root_04))
    assert sorted(touched) == ["artifacts/dataset/corpus", "artifacts/model/resnet-model"]
    for directory, changed in touched.items():
        written = read_json(root_04 / directory / "versions.json")
        path = f"{directory}/versions.json"
        versions = read_versions(path, (root_04 / path).read_bytes())
        assert versions is not None
        assert {version.path for version in versions} == changed
        for version, item in zip(versions, written["versions"], strict=True):
            assert (version.name, version.type) == (written["artifact_name"], written["artifact_type"])
            assert version.size_bytes == item["size_bytes"]
            assert version.created_by_run == item["created_by_run"]
            newest = max(other["version"] for other in written["versions"])
            assert version.aliases == (("latest",) if item["version"] == newest else ())
            own = f"{version.path}/metadata.json"
            metadata = read_version_metadata(own, (root_04 / own).read_bytes())
            assert metadata is not None
            assert metadata.num_files == item["num_files"]
            assert (metadata.name, metadata.type, metadata.version) == (
                version.name,
                version.type,
                version.version,
            )


def test_smart_mode_takes_exactly_the_metadata_of_a_root(any_root: Path) -> None:
    listing = list_tree(any_root)
    files = [path for path in listing if (any_root / path).is_file()]
    runs = find_runs(listing)
    expected = {
        path
        for path in files
        if path.endswith(".json")
        and (path.rpartition("/")[0] in runs or (path.startswith("artifacts/") and "/files/" not in path))
    }
    sizes = {path: (any_root / path).stat().st_size for path in files}
    assert {path for path in files if is_metadata(path, sizes[path], runs.__contains__)} == expected
    assert {path for path in files if is_metadata(path, sizes[path])} == expected


def test_locks_and_live_databases_are_the_only_files_skipped(any_root: Path) -> None:
    names = list_tree(any_root)
    skipped = {path for path in names if skip_reason(path, lambda _path: False)}
    assert skipped == {path for path in names if path.endswith(".lock") or path.startswith("runicorn.db")}
