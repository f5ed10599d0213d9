"""Files that hold anything but what their names say, on a real server: told by name, and no harm to other runs."""

from __future__ import annotations

import random
from pathlib import Path

from tests.support.ferry import Ferry
from tests.support.sshd import Sshd
from tests.support.tool_files import event_file, scalar_value, summary_event
from tests.support.waiting import eventually

from runferry.model import ProblemCode
from runferry.store.run_list import RunFilter

GARBAGE = random.Random(3).randbytes(5000)
POINTS = {
    "events/events.out.tfevents.1700000000.host": GARBAGE,
    "wandb/offline-run-20260101_000000-abc/run-abc.wandb": GARBAGE,
    "swanlog/run-20260101_000000-abc/run-abc.swanlab": GARBAGE,
    "trainer/trainer_state.json": b'{"global_step": 1, "log_history": [{]}',
    "sacred/1/metrics.json": b"\xff\xfe\x00",
    f"mlruns/0/{'a' * 32}/metrics/loss": GARBAGE,
    "table/metrics.csv": b"step,loss\n0,0.5\n1,0.25,7\n2,\xff\xfe\n",
    "rows/log.jsonl": b'{"step": 0, "loss": 0.5}\nnot json\n',
    "live/plots/metrics/loss.tsv": b"1\t2\t3\n",
    "cv/yolo/runs/torn/events.jsonl": b'{"ts": 1, "type": "metrics", "data": {"loss": 1}}\n{"ts": 2, "type": "met\n',
}
DOCUMENTS = {
    "sacred/1/run.json": b"[" * 10,
    "sacred/1/config.json": b'{"lr": ',
    "job/.hydra/config.yaml": b"a: [1,\n\tb",
    "cv/yolo/runs/torn/meta.json": GARBAGE,
    "cv/yolo/runs/torn/status.json": b'{"status": "fin',
    "cv/yolo/runs/torn/summary.json": b"",
}
WHOLE = {
    f"mlruns/0/{'a' * 32}/meta.yaml": f"run_id: {'a' * 32}\n".encode(),
    "mlruns/0/meta.yaml": b"experiment_id: 0\n",
}


def write(root: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


async def told(ferry: Ferry) -> dict[str, str]:
    """Return what is said of damaged files, by their paths."""
    problems = (await ferry.sync()).problems
    return {one.path: one.message for one in problems if one.code is ProblemCode.DAMAGED}


async def test_every_damaged_file_is_told_by_name_and_other_runs_are_whole(sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, {**POINTS, **WHOLE, **DOCUMENTS})
    good = event_file(*(summary_event(step, scalar_value("loss", step / 4)) for step in range(10)))
    write(root, {"good/events.out.tfevents.1700000000.host": good})
    damaged = {*POINTS, *DOCUMENTS} - {"sacred/1/run.json"}  # which might be a list
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)

        async def are_told() -> bool:
            return set(await told(ferry)) == damaged

        await eventually(are_told, within=20, what="every damaged file")
        assert (await told(ferry))["table/metrics.csv"].startswith("A row before byte ")
        views = {view.path: view for view in (await ferry.service.list_runs(RunFilter()))[0]}
        page = await ferry.service.series.points(views["good"].key, "loss", offset=0, limit=100)
        assert list(page.series[0][2].values) == [step / 4 for step in range(10)]
        assert (views["cv/yolo/runs/torn"].id, views["cv/yolo/runs/torn"].project) == ("torn", "cv")
        listed = await ferry.service.files.list(views["rows"].key)
        assert listed.problems["log.jsonl"].message.startswith("At byte 25: not JSON")
        write(root, {"rows/log.jsonl": b'{"step": 0, "loss": 0.5}\n', "job/.hydra/config.yaml": b"a: 1\n"})
        write(root, {"cv/yolo/runs/torn/status.json": b'{"status": "finished"}'})
        damaged -= {"rows/log.jsonl", "job/.hydra/config.yaml", "cv/yolo/runs/torn/status.json"}
        await eventually(are_told, within=20, what="files that were mended to be told no more")
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        await eventually(are_told, within=20, what="the same after a restart")
