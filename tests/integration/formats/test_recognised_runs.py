"""Runs that other tools wrote, on a real server: found, listed with what was logged, and followed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.ferry import Ferry, files_below
from tests.support.many_mlruns import FILES_PER_RUN, METRICS, write_mlruns
from tests.support.mixed_tree import TOOLS, age, write_mixed
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import InvalidRequest, NotFound
from runferry.formats.run_format import HEAD, TAIL
from runferry.service.connections import ConnectRequest
from runferry.service.logs import LogQuery
from runferry.service.modes import ModeRequest
from runferry.service.views import RunView
from runferry.ssh.credentials import Credentials
from runferry.ssh.target import Target
from runferry.store.db import Database
from runferry.store.run_files import Role, RunFiles
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

WEIGHTS = 200_000
"""Bytes of a checkpoint in every run's directory."""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("mixed")
    root = folder / "root"
    root.mkdir()
    logged = write_mixed(root, 60, folder / "scratch")
    assert {path.split("/")[2] for path in logged} >= set(TOOLS)
    for path in logged:  # what smart mode must leave where it is: more than all that it may move
        (root / path / "weights.ckpt").write_bytes(os.urandom(WEIGHTS))
    age(root, 3600)
    return root, logged


async def list_runs(ferry: Ferry) -> dict[str, RunView]:
    views, _ = await ferry.service.list_runs(RunFilter())
    return {view.path: view for view in views}


async def wait_for_runs(ferry: Ferry, paths: set[str]) -> dict[str, RunView]:
    async def are_listed() -> bool:
        return set(await list_runs(ferry)) == paths

    await eventually(are_listed, within=20, what="exactly the runs of the tree")
    return await list_runs(ferry)


async def find_untrue(ferry: Ferry, logged: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return which runs do not say what was logged into them."""
    untrue: list[str] = []
    for path, view in (await list_runs(ferry)).items():
        expected = logged[path]
        if expected.get("format") == "runicorn":
            continue
        detail = await ferry.service.get_run(view.key)
        tags = detail.meta.get("tags", {})
        params = detail.meta.get("params", {})
        status = {"unknown": "unverified"}.get(expected["status"], expected["status"])
        if (view.name, params, tags, view.status) != (expected["name"], expected["params"], expected["tags"], status):
            untrue.append(path)
    return untrue


async def only_metadata_has_moved(ferry: Ferry, root: Path, local: Path) -> int:
    """Check which files are here, and that no more bytes came than these, the ends of others, and the listing.

    Returns how many that may be.
    """
    sync_id = (await ferry.sync(Mode.SMART)).record.id
    db = Database(ferry.data_dir / "runferry.db")
    db.open()
    try:
        listed = RunFiles(db).list_held(sync_id, Role.DOCUMENT), RunFiles(db).list_held(sync_id, Role.EXCERPT)
    finally:
        db.close()
    documents, excerpts = ({file.path for file, _ in found} for found in listed)
    here = files_below(local)
    assert {path for path in here if "/runs/20260101_000000_" not in path} <= documents
    ends = sum(min((root / path).stat().st_size, HEAD + TAIL) for path in excerpts)
    names = sum(1 for _ in root.rglob("*"))
    status = await ferry.service.status()
    assert status.current is not None
    most = sum(map(len, here.values())) + ends + 300 * names + 100_000
    assert status.current.received_bytes < most
    return most


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.SMART])
async def test_every_run_of_every_tool_is_listed_once_with_what_was_logged(
    sshd: Sshd, tmp_path: Path, mixed: tuple[Path, Mapping[str, dict[str, Any]]], mode: Mode
) -> None:
    root, logged = mixed
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root, mode)
        await wait_for_runs(ferry, set(logged))

        async def are_told() -> bool:
            return not await find_untrue(ferry, logged)

        await eventually(are_told, within=20, what="what was logged")
        if mode is Mode.SMART:
            assert await only_metadata_has_moved(ferry, root, local) < len(logged) * WEIGHTS / 4
        ferry.service.reindex.start()
        assert (await ferry.service.reindex.finished()).error is None
        assert not await find_untrue(ferry, logged)
    async with Ferry(tmp_path) as ferry:
        assert set(await list_runs(ferry)) == set(logged)
        assert not await find_untrue(ferry, logged)


async def test_thousands_of_tiny_files_are_listed_quickly_and_none_with_points_is_copied(
    sshd: Sshd, tmp_path: Path
) -> None:
    root = tmp_path / "mlruns"
    runs = write_mlruns(root, 40)
    age(root, 3600)
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root, Mode.SMART)
        await wait_for_runs(ferry, set(runs))

        async def are_told() -> bool:
            return {(view.status, view.project) for view in (await list_runs(ferry)).values()} == {
                ("finished", "experiment 0")
            }

        await eventually(are_told, within=20, what="what the metadata says")

        async def is_here() -> bool:
            return len(files_below(local)) == 40 * (FILES_PER_RUN - METRICS) + 1

        await eventually(is_here, within=20, what="all that the cards are read from")
        assert not any("/metrics/" in path for path in files_below(local))
        await only_metadata_has_moved(ferry, root, local)
        key = (await list_runs(ferry))[runs[7]].key
        page = await ferry.service.series.points(key, "metric_03", offset=0, limit=100)
        assert list(page.series[0][2].values) == [step / 8 for step in range(10)]
        assert sum("/metrics/" in path for path in files_below(local)) == METRICS


async def test_runs_come_and_go_with_their_directories(
    sshd: Sshd, tmp_path: Path, mixed: tuple[Path, Mapping[str, dict[str, Any]]]
) -> None:
    source, logged = mixed
    tensorboard = next(path for path in logged if "/tensorboard" in path)
    root = tmp_path / "root"
    (root / "one").mkdir(parents=True)
    (root / "two").mkdir()
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)
        shutil.copytree(source / tensorboard, root / "one/fresh")
        await wait_for_runs(ferry, {"one/fresh"})
        (root / "one/fresh").rename(root / "two/moved")

        async def is_moved() -> bool:
            shown = await list_runs(ferry)
            return {path for path, view in shown.items() if view.gone_at is None} == {"two/moved"}

        await eventually(is_moved, within=20)


async def test_logs_of_other_tools_runs_are_shown_and_their_state_is_told_as_it_is_known(
    sshd: Sshd, tmp_path: Path, mixed: tuple[Path, Mapping[str, dict[str, Any]]]
) -> None:
    root, logged = mixed
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)
        views = await wait_for_runs(ferry, set(logged))
        hydra = next(path for path in logged if "/hydra/" in path and logged[path]["has_logs"])
        page = await ferry.service.logs.page(views[hydra].key, LogQuery(tail=5))
        assert page.lines
        silent = next(view for view in views.values() if view.format == "tensorboard")
        assert silent.status == "unverified"
        assert str(silent.status_evidence).startswith("unverified: TensorBoard writes no status; last written to ")
        detail = await ferry.service.get_run(silent.key)
        assert detail.format_title == "TensorBoard"
        assert "It tells no status." in detail.format_notes
        with pytest.raises(NotFound, match="has no log"):
            await ferry.service.logs.page(silent.key, LogQuery(tail=5))


async def test_a_folder_is_told_by_the_tools_that_wrote_in_it(
    sshd: Sshd, tmp_path: Path, mixed: tuple[Path, Mapping[str, dict[str, Any]]]
) -> None:
    root, logged = mixed
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        found = await ferry.service.overview.preview(str(root), None, seconds=20)
        assert (found.runs, sum(found.formats.values()), sum(found.runs_in.values())) == (len(logged),) * 3
        assert found.formats["Runicorn"] == sum(one.get("format") == "runicorn" for one in logged.values())
        assert {"TensorBoard", "Weights & Biases", "MLflow"} <= set(found.formats)
        target = Target(sshd.host, sshd.port, sshd.username)
        credentials = Credentials(private_key_path=str(sshd.client_key_path), use_agent=False)
        report = await ferry.service.examine(ConnectRequest(target, credentials), str(root))
        assert report.steps[-1].name == "runs"
        assert f"{len(logged)} in {root}: " in report.steps[-1].message


async def test_only_runs_of_the_chosen_tools_are_recognised(
    sshd: Sshd, tmp_path: Path, mixed: tuple[Path, Mapping[str, dict[str, Any]]]
) -> None:
    root, logged = mixed
    own = {path for path, one in logged.items() if one.get("format") == "runicorn"}
    tensorboard = {path for path in logged if "/tensorboard" in path}
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root, Mode.SMART)
        await wait_for_runs(ferry, set(logged))
        request = ModeRequest(Mode.SMART, str(root), 2.0, formats=("tensorboard",))
        await ferry.service.configure_mode(request)

        async def are_chosen() -> bool:
            shown = await list_runs(ferry)
            return own | tensorboard <= set(shown) and {view.format for view in shown.values()} == {
                "runicorn",
                "tensorboard",
            }

        await eventually(are_chosen, within=20, what="runs of TensorBoard and Runicorn alone")
        with pytest.raises(InvalidRequest, match="formats: 'aim' is none of"):
            await ferry.service.configure_mode(ModeRequest(Mode.SMART, str(root), 2.0, formats=("aim",)))
