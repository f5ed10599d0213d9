"""Every state a document can be in, and every layout, has a defined outcome."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.formats import READERS, find_reader, runicorn
from runferry.formats.runicorn import (
    DOCUMENTS,
    artifacts_touched,
    find_runs,
    is_metadata,
    is_run_dir,
    keep_known,
    read_documents,
    read_version_metadata,
    read_versions,
    runs_begun,
    runs_touched,
)
from runferry.model import ArtifactVersion, Run

RUN = "20261122_182300_21e606"
PATH = f"nlp/bert/runs/{RUN}"

broken_documents = [
    b"",
    b"{",
    b'{"status": "fin',
    b"null",
    b"[]",
    b'"text"',
    b"12",
    b"NaN",
    b"[" * 10_000,
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b"\x00" * 100,
    b"\xff\xfe{",
]


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def read_run(path: str, documents: Mapping[str, bytes]) -> Run:
    return runicorn.read_run(path, read_documents(documents))


def read_archived(path: str, documents: Mapping[str, bytes]) -> list[ArtifactVersion]:
    return runicorn.read_archived(path, read_documents(documents))


def find_unreadable(documents: Mapping[str, bytes]) -> set[str]:
    return documents.keys() - read_documents(documents).keys()


@pytest.mark.parametrize(
    ("directory", "project", "name"),
    [
        ("nlp/bert/runs/r1", "nlp", "bert"),
        ("deep/er/nlp/bert/runs/r1", "nlp", "bert"),
        ("runs/r1", "default", "default"),
        ("old/runs/r1", "default", "default"),
        ("runs/cv/yolo/r1", "cv", "yolo"),
        ("runs/nlp/bert/base/r1", "nlp", "bert/base"),
        ("runs/cv/r1", "cv", "default"),
        ("runs/.recycle/r1", "default", "default"),
        ("r1", "default", "default"),
        ("", "default", "default"),
    ],
)
@pytest.mark.parametrize("mark", ["status.json", "events.jsonl"])
def test_runs_are_found_in_every_layout(directory: str, project: str, name: str, mark: str) -> None:
    start = f"{directory}/" if directory else ""
    listing = {f"{start}meta.json", f"{start}{mark}", f"{start}logs.txt", "other/meta.json", "x/events.jsonl"}
    assert find_runs(listing) == {directory}
    assert is_run_dir(directory, listing.__contains__)
    assert find_reader(READERS, directory, listing.__contains__) is runicorn
    run = read_run(directory, {})
    assert (run.project, run.name, run.id) == (project, name, directory.rpartition("/")[2] or "run")


def test_what_users_keep_inside_an_artifact_is_no_run() -> None:
    inside = ["artifacts/model/m/v1/files/ckpt", "archive/blobs/aa"]
    listing = [f"{path}/{name}" for path in inside for name in ("meta.json", "status.json")]
    assert find_runs(listing) == set()
    assert find_reader(READERS, inside[0], set(listing).__contains__) is None


def test_a_project_may_be_called_artifacts() -> None:
    assert find_runs(["artifacts/m/runs/r1/meta.json", "artifacts/m/runs/r1/status.json"]) == {"artifacts/m/runs/r1"}


def test_documents_touch_a_run_and_events_may_begin_one() -> None:
    changed = [f"{PATH}/{name}" for name in ("logs.txt", "media/meta.json", "notes.json")]
    assert runs_touched(changed, {PATH}.__contains__) == set()
    assert runs_touched([*changed, f"{PATH}/status.json"], {PATH}.__contains__) == {PATH}
    assert runs_touched([f"{PATH}/events.jsonl"], {PATH}.__contains__) == set()
    assert runs_begun([f"{PATH}/events.jsonl", f"{PATH}/meta.json"], {PATH}.__contains__) == {PATH}
    assert runs_begun([f"{PATH}/meta.json", "no/events.jsonl"], {PATH}.__contains__) == set()
    assert runs_touched(["meta.json"], {""}.__contains__) == {""}


names = st.sampled_from(["meta.json", "status.json", "events.jsonl", "logs.txt", "runs", "a", "b", "files", "v1"])
trees = st.sets(st.lists(names, min_size=1, max_size=6).map("/".join), max_size=30)


@settings(deadline=None)
@given(tree=trees)
def test_finding_runs_at_once_and_asking_one_by_one_agree(tree: set[str]) -> None:
    directories = {"/".join(path.split("/")[:depth]) for path in tree for depth in range(len(path.split("/")))}
    expected = {path for path in directories if is_run_dir(path, tree.__contains__)}
    assert find_runs(tree) == expected
    assert runs_touched(tree, expected.__contains__) == expected


def test_a_million_paths_are_looked_through_in_well_under_two_seconds() -> None:
    paths = [f"p{i % 50}/n{i % 7}/runs/r{i // 100}/media/{i}.png" for i in range(1_000_000)]
    paths += [f"p/n/runs/r{i}/{name}" for i in range(1000) for name in ("meta.json", "status.json")]
    started = time.process_time()
    assert len(find_runs(paths)) == 1000
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("data", broken_documents, ids=range(len(broken_documents)))
@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_broken_document_costs_only_what_it_would_have_said(name: str, data: bytes) -> None:
    whole = {
        "meta.json": encode({"id": "mine", "project": "p", "name": "n", "pid": 7, "created_at": 5}),
        "status.json": encode({"status": "finished", "started_at": 6, "ended_at": 8.5}),
        "summary.json": encode({"best_metric_value": 1, "best_metric_name": "acc"}),
        "environment.json": encode({"gpu": None}),
    }
    expected = read_run(PATH, {key: value for key, value in whole.items() if key != name})
    documents = {**whole, name: data}
    run = read_run(PATH, documents)
    if name == ".deleted":
        assert run.deleted_at == 8.5
    else:
        assert run == expected
        assert find_unreadable(documents) == {name}


def test_fields_of_the_wrong_type_leave_the_defaults() -> None:
    meta = {"id": 7, "project": ["p"], "name": None, "pid": True, "created_at": "now", "hostname": {}}
    status = {"status": 3, "started_at": True, "ended_at": [], "exit_reason": 4}
    summary = {"best_metric_value": "0.9", "best_metric_name": 1}
    run = read_run(
        PATH,
        {
            "meta.json": encode(meta),
            "status.json": encode(status),
            "summary.json": encode(summary),
            "artifacts_created.json": encode({"artifacts": {"a": 1}}),
            "artifacts_used.json": encode({"artifacts": [1, None, {}]}),
            "assets.json": encode({"outputs": "x", "datasets": [[]]}),
        },
    )
    assert (run.id, run.project, run.name, run.hostname, run.status) == (RUN, "nlp", "bert", "", "")
    assert (run.pid, run.created_at, run.started_at, run.ended_at, run.exit_reason) == (None,) * 5
    assert (run.best_metric_value, run.best_metric_name) == (None, None)
    assert (run.artifacts_created, run.artifacts_used) == (0, 1)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" + "0" * 400, "1e999", "9" * 5000])
def test_numbers_that_are_none_are_kept_as_words_and_never_as_values(number: str) -> None:
    document = f'{{"best_metric_value": {number}, "created_at": {number}, "pid": {number}}}'.encode()
    run = read_run(PATH, {"summary.json": document, "meta.json": document})
    assert (run.best_metric_value, run.created_at, run.pid) == (None, None, None)
    assert run.summary["best_metric_value"] in ("NaN", "Infinity", "-Infinity")


def test_large_integers_fit_the_index() -> None:
    for value in (2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30):
        summary = read_run(PATH, {"summary.json": encode({"value": value, "pid": value})}).summary
        assert summary == {"value": float(value), "pid": float(value)}
    assert read_run(PATH, {"summary.json": encode({"value": 2**63 - 1})}).summary == {"value": 2**63 - 1}
    assert read_run(PATH, {"meta.json": encode({"pid": 2**31})}).pid is None


def test_text_in_another_encoding_does_not_hide_the_rest() -> None:
    run = read_run(PATH, {"status.json": b'\xef\xbb\xbf{"status": "caf\xe9", "started_at": 1}'})
    assert (run.status, run.started_at) == ("caf\ufffd", 1.0)
    assert read_run(PATH, {"status.json": rb'{"status": "\ud800!"}'}).status == "\ufffd!"


def test_what_an_unreadable_document_said_before_stays() -> None:
    before = read_run(
        PATH,
        {
            "meta.json": encode({"id": "mine", "project": "p", "name": "n", "pid": 7}),
            "status.json": encode({"status": "running", "started_at": 6}),
            "summary.json": encode({"best_metric_value": 1}),
            "artifacts_used.json": encode({"artifacts": [{}]}),
        },
    )
    found = {"meta.json": encode({"id": "mine", "project": "q"}), "status.json": b"", "summary.json": b"{}"}
    after = keep_known(read_run(PATH, found), before, find_unreadable(found))
    assert (after.project, after.pid) == ("q", None)
    assert (after.status, after.started_at) == ("running", 6.0)
    assert (after.best_metric_value, after.artifacts_used) == (None, 0)
    assert keep_known(read_run(PATH, {}), before, DOCUMENTS) == before


def test_what_is_readable_is_told_beside_what_is_not() -> None:
    listed = {"artifacts_created.json": encode({"artifacts": [{"name": "a"}]})}
    before = read_run(PATH, {"meta.json": b"{", **listed})
    assert before.created_at is None
    found = {
        **{"meta.json": b"{", "artifacts_created.json": b"{", "status.json": encode({"started_at": 4})},
        "artifacts_used.json": encode({"artifacts": [{"name": "b"}, {"name": "c"}]}),
    }
    after = keep_known(read_run(PATH, found), before, find_unreadable(found))
    assert (after.created_at, after.artifacts_created, after.artifacts_used) == (4.0, 1, 2)
    assert after.assets == {"artifacts_created": [{"name": "a"}], "artifacts_used": [{"name": "b"}, {"name": "c"}]}
    again = {"meta.json": encode({"id": "mine"}), "status.json": b""}
    assert keep_known(read_run(PATH, again), after, find_unreadable(again)).created_at == 4.0


def test_any_status_is_kept() -> None:
    assert read_run(PATH, {"status.json": encode({"status": "paused (quota)"})}).status == "paused (quota)"


@pytest.mark.parametrize("written", ["a/b", "..", ".", "", "a\x00b", 5])
def test_an_id_that_could_not_be_asked_for_gives_way_to_the_directory_name(written: object) -> None:
    assert read_run(PATH, {"meta.json": encode({"id": written})}).id == RUN


def test_an_alias_names_a_run_only_where_its_path_does_not() -> None:
    def name_of(path: object) -> tuple[str, str]:
        run = read_run("runs/x/r1", {"meta.json": encode({"path": path, "alias": "try-1"})})
        return run.project, run.name

    assert name_of("cv/yolo") == ("cv", "yolo")
    assert name_of("cv") == ("cv", "try-1")
    assert name_of("") == ("default", "try-1")
    assert name_of(None) == ("x", "default")


def test_a_soft_deleted_run_says_when() -> None:
    assert read_run(PATH, {".deleted": encode({"deleted_at": 9.5})}).deleted_at == 9.5
    assert read_run(PATH, {".deleted": b""}).deleted_at == 0.0
    recycled = read_run("runs/.recycle/r1", {"status.json": encode({"started_at": 4})})
    assert recycled.deleted_at == 4.0
    assert read_run(PATH, {}).deleted_at is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
fields = st.sampled_from(
    ["id", "path", "alias", "project", "pid", "status", "created_at", "artifacts", "outputs", "deleted_at"]
)
documents = st.dictionaries(
    st.sampled_from(sorted(DOCUMENTS)),
    st.binary(max_size=60) | st.dictionaries(fields | st.text(), json_values, max_size=8).map(encode),
)


@settings(deadline=None)
@given(path=trees.map(lambda tree: min(tree, default="")), found=documents)
def test_no_bytes_make_reading_fail_or_give_what_cannot_be_stored(path: str, found: dict[str, bytes]) -> None:
    run = read_run(path, found)
    for part in (run.summary, run.meta, run.environment, run.assets):
        assert orjson.loads(orjson.dumps(part)) == part
    orjson.dumps([run.id, run.project, run.name, run.status, run.hostname, run.exit_reason])
    assert run.id
    assert "/" not in run.id
    read_archived(path, found)
    for data in found.values():
        read_versions("artifacts/t/n/versions.json", data)
        read_version_metadata("artifacts/t/n/v1/metadata.json", data)


def test_deep_documents_are_cut_rather_than_refused() -> None:
    value: object = "bottom"
    for _ in range(300):
        value = {"a": [value]}
    summary = read_run(PATH, {"summary.json": encode({"deep": value, "fine": 1})}).summary
    assert summary["fine"] == 1
    assert b'"..."' in orjson.dumps(summary)


def test_version_lists_keep_what_is_usable() -> None:
    data = encode(
        {
            "versions": [{"version": 1, "aliases": ["stale"]}, {"version": "2"}, 3, {"version": 4}],
            "aliases": {"latest": 4, "best": 4, "bad": "x", "worse": None},
        }
    )
    versions = read_versions("data/artifacts/model/m/versions.json", data)
    assert versions is not None
    assert [(version.path, version.name, version.type, version.aliases) for version in versions] == [
        ("data/artifacts/model/m/v1", "m", "model", ()),
        ("data/artifacts/model/m/v4", "m", "model", ("best", "latest")),
    ]
    assert read_versions("artifacts/model/m/versions.json", b"{") is None
    assert read_versions("elsewhere/versions.json", data) is None
    assert read_version_metadata("artifacts/model/m/v3/manifest.json", b"{}") is None
    described = read_version_metadata("artifacts/model/m/v3/metadata.json", b'{"version": 9}')
    assert described is not None
    assert described.version == 3


def test_artifacts_are_touched_by_their_lists_and_versions_only() -> None:
    changed = [
        "artifacts/model/m/versions.json",
        "artifacts/model/m/v2/metadata.json",
        "artifacts/model/m/v2/files/config.json",
        "artifacts/model/n/v1/.deleted",
        "artifacts/.dedup/aa/bb",
        f"{PATH}/meta.json",
    ]
    assert artifacts_touched(changed) == {
        "artifacts/model/m": {"artifacts/model/m/v2"},
        "artifacts/model/n": {"artifacts/model/n/v1"},
    }


@pytest.mark.parametrize(
    ("run_path", "archive_path", "expected"),
    [
        ("runs/cv/r1", "/data/root/archive/blobs/aa/x", "archive/blobs/aa/x"),
        ("lab/root/runs/cv/r1", "/data/lab/root/archive/blobs/aa/x", "lab/root/archive/blobs/aa/x"),
        ("runs/a/runs/cv/r1", "/d/archive/blobs/x", "runs/a/archive/blobs/x"),
        ("runs/.recycle/r1", "/data/root/archive/blobs/aa/x", "archive/blobs/aa/x"),
        ("cv/r1", "/data/root/archive/blobs/aa/x", None),
        ("runs/cv/r1", "/data/root/archive/../../x", None),
        ("runs/cv/r1", "/archive/x", None),
        ("runs/cv/r1", "/elsewhere/model.pt", None),
        ("runs/cv/r1", None, None),
    ],
)
def test_archived_files_are_found_below_the_synced_root_or_left_out(
    run_path: str, archive_path: str | None, expected: str | None
) -> None:
    found = {
        "meta.json": encode({"id": "r1", "path": "cv"}),
        "assets.json": encode({"outputs": [{"name": "model.pt", "archive_path": archive_path}]}),
    }
    versions = read_archived(run_path, found)
    assert [version.path for version in versions] == ([] if expected is None else [expected])
    assert all(version.name == "cv/model.pt" and version.created_by_run == "r1" for version in versions)


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        (f"{PATH}/meta.json", 10, True),
        (f"{PATH}/config.yaml", 10, True),
        (f"{PATH}/config.yml", 2**20, True),
        (f"{PATH}/.deleted", 10, True),
        (f"{PATH}/summary.json", 2**20 + 1, False),
        (f"{PATH}/events.jsonl", 10, False),
        (f"{PATH}/logs.txt", 10, False),
        (f"{PATH}/media/index.json", 10, False),
        ("artifacts/model/m/versions.json", 10, True),
        ("artifacts/model/m/v12/manifest.json", 10, True),
        ("artifacts/model/m/v12/.deleted", 10, True),
        ("artifacts/model/m/v12/files/config.json", 10, False),
        ("archive/manifests/datasets/aa/bb.json", 10, False),
        ("elsewhere/versions.json", 10, False),
    ],
)
def test_metadata_is_what_the_layouts_call_metadata(path: str, size: int, expected: bool) -> None:
    assert is_metadata(path, size, {PATH}.__contains__) is expected
    assert is_metadata(path, size) is expected


def test_a_run_directory_with_a_name_of_its_own_is_guessed_by_its_place() -> None:
    assert is_metadata("runs/my-best-run/meta.json", 10)
    assert not is_metadata("runs/cv/notes/meta.json", 10)
    assert is_metadata("runs/cv/notes/meta.json", 10, {"runs/cv/notes"}.__contains__)


def test_a_run_has_one_log_and_a_log_one_run() -> None:
    assert runicorn.log_files("p/n/runs/r", lambda _: False) == ["p/n/runs/r/logs.txt"]
    assert runicorn.log_files("", lambda _: True) == ["logs.txt"]
    assert runicorn.find_log_run("p/n/runs/r/logs.txt") == "p/n/runs/r"
    assert runicorn.find_log_run("logs.txt") == ""
    assert runicorn.find_log_run("p/n/runs/r/logs.txt.1") is None
