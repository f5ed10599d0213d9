"""The sample tree of the demo: finished runs of three projects and a model in two versions (Runicorn 0.4).

It writes below the given root only, and for one time the same but for what names this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runferry.demo.training import Curves, Plan, RunWriter, make_rng, make_run_id, write_step

TREE = "experiments"
"""What the folder with the tree is called on the simulated server."""

HOUR = 3600.0
CHECKPOINT = 4 * 1024 * 1024
DEAD_PID = 2**22 + 1
"""Above the kernel's largest pid: never anybody's."""


@dataclass(frozen=True)
class Past:
    """One run of the past: how long ago it began, in hours, and how it ended."""

    plan: Plan
    hours_ago: float
    status: str = "finished"
    reason: str | None = None


PASTS = (
    Past(Plan("vision", "resnet50", steps=400, pace=9.0, seed=1, rate=1e-3), 76.0),
    Past(Plan("vision", "resnet50", steps=400, pace=9.0, seed=2, rate=3e-3), 52.5),
    Past(Plan("vision", "resnet50", steps=400, pace=9.0, seed=3, rate=3e-4), 28.0),
    Past(Plan("nlp", "gpt-small", steps=300, pace=30.0, seed=4, rate=2e-4), 49.0),
    Past(
        Plan("nlp", "gpt-small", steps=120, pace=30.0, seed=5, rate=6e-3),
        25.0,
        "failed",
        "loss is NaN at step 120",
    ),
    Past(Plan("tabular", "churn-mlp", steps=200, pace=0.5, seed=6, rate=1e-2), 8.0),
    Past(Plan("tabular", "churn-mlp", steps=80, pace=0.5, seed=7, rate=5e-2), 7.5, "interrupted"),
)


def build_tree(root: Path, *, now: float) -> int:
    """Write the whole sample tree below ``root`` and return how many runs it holds."""
    rng = make_rng(20)
    made = []
    for past in PASTS:
        began = now - past.hours_ago * HOUR
        made.append(write_past(root, past, run_id=make_run_id(began, rng), began=began))
    weights = [rng.randbytes(CHECKPOINT) for _ in range(2)]
    labels = "\n".join(f"class {number}" for number in range(200)).encode()
    shelf = Shelf(root, kind="model", name="resnet50-weights")
    for run, data in zip(made[:2], weights, strict=True):
        shelf.add({"checkpoint.bin": data, "config/labels.txt": labels}, run=run, at=now - 24 * HOUR)
    return len(made)


def write_past(root: Path, past: Past, *, run_id: str, began: float) -> RunWriter:
    """Write a run as it lies there after its end, with the times it would have."""
    plan = past.plan
    writer = RunWriter(root, plan, run_id=run_id, at=began, pid=DEAD_PID)
    curves = Curves(plan)
    for step in range(1, plan.steps + 1):
        write_step(writer, curves, plan, step=step, at=began + step * plan.pace)
    ended = began + (plan.steps + 1) * plan.pace
    if past.status == "failed":
        writer.add_metrics(plan.steps + 1, ended, loss=float("nan"), stage="train")
    writer.finish(past.status, ended, best=curves.best, step=curves.best_step, reason=past.reason)
    age_files(writer.directory, ended)
    return writer


def age_files(directory: Path, at: float) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            os.utime(path, (at, at))


class Shelf:
    """One artifact with its versions; equal files are hard links into ``artifacts/.dedup``."""

    def __init__(self, root: Path, *, kind: str, name: str) -> None:
        self._root = root / "artifacts"
        self._directory = self._root / kind / name
        self._label = {"name": name, "type": kind}
        self._versions: list[dict[str, object]] = []

    def add(self, files: Mapping[str, bytes], *, run: RunWriter, at: float) -> None:
        number = len(self._versions) + 1
        directory = self._directory / f"v{number}"
        listed = [self._store(directory / "files" / path, data, path=path, at=at) for path, data in files.items()]
        total = {"size_bytes": sum(map(len, files.values())), "num_files": len(files)}
        manifest = {
            "files": listed,
            "references": [],
            "total_size": total["size_bytes"],
            "total_files": len(files),
        }
        write_json(directory / "manifest.json", manifest | {"total_references": 0, "created_at": at})
        version = {
            "version": number,
            "created_at": at,
            "created_by_run": run.run_id,
            "status": "ready",
            **total,
        }
        about = {
            "updated_at": at,
            "num_references": 0,
            "metadata": {},
            "aliases": ["latest"],
            "tags": ["demo"],
        }
        write_json(directory / "metadata.json", {**self._label, **version, **about})
        self._versions.append({**version, "aliases": ["latest"]})
        names = {f"artifact_{key}": value for key, value in self._label.items()}
        index = {**names, "versions": self._versions, "aliases": {"latest": number}}
        write_json(self._directory / "versions.json", {**index, "created_at": at, "updated_at": at})
        entry = {**self._label, "version": number, "created_at": at, "num_references": 0, **total}
        run.write_json("artifacts_created.json", {"artifacts": [entry]})

    def _store(self, target: Path, data: bytes, *, path: str, at: float) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        stored = self._root / ".dedup" / digest[:2] / digest
        for parent in (stored.parent, target.parent):
            parent.mkdir(parents=True, exist_ok=True)
        if not stored.exists():
            stored.write_bytes(data)
        os.link(stored, target)
        return {"path": path, "size": len(data), "digest": f"sha256:{digest}", "modified_at": at}


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
