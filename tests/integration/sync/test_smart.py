"""Smart mode: metadata crosses the wire, nothing else does, and the runs list is complete."""

from __future__ import annotations

from pathlib import Path

from tests.support.ferry import Ferry, files_below, run_directories, write_run
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

RUNS = 300
METADATA = {"meta.json", "status.json", "summary.json", "versions.json", "metadata.json", "manifest.json"}


def write_artifact(root: Path, name: str, versions: int) -> None:
    base = root / "artifacts" / "model" / name
    listed = ", ".join(f'{{"version": {n}, "created_at": 1.0, "size_bytes": 9}}' for n in range(1, versions + 1))
    for number in range(1, versions + 1):
        folder = base / f"v{number}"
        (folder / "files").mkdir(parents=True)
        (folder / "files" / "model.pt").write_bytes(b"w" * 200_000)
        (folder / "metadata.json").write_text(f'{{"name": "{name}", "type": "model", "version": {number}}}')
        (folder / "manifest.json").write_text('{"files": []}')
    (base / "versions.json").write_text(
        f'{{"artifact_name": "{name}", "artifact_type": "model", "versions": [{listed}], "aliases": {{"latest": 1}}}}'
    )


async def test_smart_mode_on_300_runs_moves_metadata_only(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    for place in run_directories(RUNS):
        write_run(root, *place, lines=400)
    write_artifact(root, "resnet", 3)
    write_artifact(root, "bert", 2)
    everything = files_below(root)
    metadata = {path: data for path, data in everything.items() if path.rpartition("/")[2] in METADATA}

    async with Ferry(tmp_path) as ferry, Proxy(sshd.port) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        local = await ferry.keep(root, Mode.SMART, interval=60.0)
        assert files_below(local) == metadata
        received = proxy.bytes_down
        total = sum(map(len, everything.values()))
        expected = sum(map(len, metadata.values()))
        assert received < expected + 500_000 < total / 5, f"{received} bytes for {expected} of metadata"

        runs, count = await ferry.service.list_runs(RunFilter())
        assert count == len(runs) == RUNS
        assert {run.id for run in runs} == {run_id for _, _, run_id in run_directories(RUNS)}
        status = await ferry.service.status()
        assert (status.cached_experiments, status.cached_artifacts) == (RUNS, 2)


async def test_next_sync_moves_on_and_a_changed_status_arrives_before_it(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", "20260101_000000_aaaaaa")
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root, Mode.SMART, interval=1.0)
        first = (await ferry.sync(Mode.SMART)).progress
        assert first.last_sync_at is not None
        assert first.next_sync_at == first.last_sync_at + 1.0

        async def has_moved() -> bool:
            later = (await ferry.sync(Mode.SMART)).progress
            return (later.next_sync_at or 0) > (first.next_sync_at or 0)

        await eventually(has_moved, within=5)
        (run / "status.json").write_text('{"status": "failed", "started_at": 1700000000.5}')
        copy = local / (run / "status.json").relative_to(root)
        await eventually(lambda: copy.read_bytes() == (run / "status.json").read_bytes(), within=2)


async def test_a_directory_that_becomes_a_run_later_has_its_metadata_fetched(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    late = root / "p" / "n" / "runs" / "20260101_000001_bbbbbb"
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root, Mode.SMART, interval=60.0)
        sync_id = (await ferry.sync(Mode.SMART)).record.id
        late.mkdir()
        (late / "meta.json").write_text('{"id": "20260101_000001_bbbbbb", "project": "p", "name": "n"}')
        copy = (late / "meta.json").relative_to(root)
        await eventually(lambda: copy.as_posix() in ferry.records(sync_id), within=5)
        assert not (local / copy).exists(), "not yet known to be a run's"
        (late / "events.jsonl").write_text("")
        await eventually((local / copy).exists, within=5)

        async def is_listed() -> bool:
            _, count = await ferry.service.list_runs(RunFilter())
            return count == 2

        await eventually(is_listed, within=5)
