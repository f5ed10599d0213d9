"""A simulated training that writes one run the way Runicorn 0.4 does.

Runs as a script of its own (``python -I training.py --help``), a real process with a real pid, so it imports
nothing but the standard library. It never uses the network and never writes outside the given root. It ends
with its parent: its standard input is a pipe nobody writes to, whose end it waits for between two steps.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import select
import signal
import socket
import struct
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

IMAGE_SIZE = 48
LOCKED = ("status.json", "summary.json", "events.jsonl", "logs.txt")


@dataclass(frozen=True)
class Plan:
    """What a training will do: ``steps``, ``pace`` seconds each. ``seed`` and ``rate`` shape its curves."""

    project: str
    name: str
    steps: int
    pace: float
    seed: int
    rate: float = 1e-3


class RunWriter:
    """One run directory, written as the real tool does: JSON rewritten in place, lines appended."""

    def __init__(self, root: Path, plan: Plan, *, run_id: str, at: float, pid: int) -> None:
        self.run_id = run_id
        self.directory = root / plan.project / plan.name / "runs" / run_id
        (self.directory / "media").mkdir(parents=True)
        for name in LOCKED:
            (self.directory / f"{name}.lock").touch()
        self._started_at = at
        meta = {"id": run_id, "project": plan.project, "name": plan.name, "created_at": at}
        here = {"python": platform.python_version(), "platform": platform.platform()}
        self.write_json(
            "meta.json",
            meta | here | {"hostname": socket.gethostname(), "pid": pid, "storage_dir": str(root)},
        )
        self.write_json("environment.json", describe_environment())
        self.write_json("status.json", {"status": "running", "started_at": at})
        self.write_json("summary.json", {"config": {"learning_rate": plan.rate, "seed": plan.seed}})

    def write_json(self, name: str, value: object) -> None:
        (self.directory / name).write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")

    def add_metrics(self, step: int, at: float, **values: object) -> None:
        data = {**values, "global_step": step, "time": at}
        self._append("events.jsonl", json.dumps({"ts": at, "type": "metrics", "data": data}))

    def add_image(self, step: int, at: float, seed: int) -> None:
        rng = make_rng(seed * 1_000_003 + step)
        path = f"media/{int(at * 1000)}_{rng.randbytes(3).hex()}_sample.png"
        (self.directory / path).write_bytes(draw_png(rng))
        data = {"key": "sample", "path": path, "step": step, "caption": f"step {step}"}
        self._append("events.jsonl", json.dumps({"ts": at, "type": "image", "data": data}))

    def add_log(self, at: float, text: str) -> None:
        self._append("logs.txt", f"{time.strftime('%H:%M:%S', time.localtime(at))} | {text}")

    def finish(self, status: str, at: float, *, best: float, step: int, reason: str | None = None) -> None:
        summary = json.loads((self.directory / "summary.json").read_text(encoding="utf-8"))
        summary |= {"best_metric_value": best, "best_metric_name": "val_accuracy"}
        self.write_json("summary.json", summary | {"best_metric_step": step, "best_metric_mode": "max"})
        end: dict[str, object] = {"status": status, "started_at": self._started_at, "ended_at": at}
        self.write_json("status.json", end | ({"exit_reason": reason} if reason else {}))

    def _append(self, name: str, line: str) -> None:
        with (self.directory / name).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class Curves:
    """Plausible numbers of a training: a loss that falls, an accuracy that rises, both with noise."""

    def __init__(self, plan: Plan) -> None:
        self._rng = make_rng(plan.seed)
        self._floor = self._rng.uniform(0.05, 0.3)
        self._speed = 5.0 / max(plan.steps, 1) * self._rng.uniform(0.7, 1.4)
        self._rate = plan.rate
        self.best = 0.0
        self.best_step = 0

    def train(self, step: int) -> dict[str, object]:
        loss = self._floor + 2.2 * math.exp(-step * self._speed) + self._rng.gauss(0, 0.03)
        rate = self._rate * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step * self._speed / 5)))
        return {"loss": round(abs(loss), 6), "lr": round(rate, 9), "stage": "train"}

    def validate(self, step: int) -> dict[str, object]:
        value = (1 - self._floor) * (1 - math.exp(-step * self._speed)) + self._rng.gauss(0, 0.008)
        value = round(min(0.999, max(0.01, value)), 6)
        if value > self.best:
            self.best, self.best_step = value, step
        return {"val_accuracy": value, "val_loss": round(1.2 * (1 - value) + 0.05, 6), "stage": "val"}


def write_step(writer: RunWriter, curves: Curves, plan: Plan, *, step: int, at: float) -> None:
    """Write what one step leaves behind: a metrics and a log line, now and then a validation and an image."""
    values = curves.train(step)
    writer.add_metrics(step, at, **values)
    writer.add_log(at, f"step {step}/{plan.steps} loss {values['loss']} lr {values['lr']}")
    if step % 10 == 0:
        values = curves.validate(step)
        writer.add_metrics(step, at, **values)
        writer.add_log(at, f"validation: accuracy {values['val_accuracy']}")
    if step % 50 == 0:
        writer.add_image(step, at, plan.seed)


def make_rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - sample data that is the same every time, no secret


def make_run_id(at: float, rng: random.Random) -> str:
    return f"{time.strftime('%Y%m%d_%H%M%S', time.localtime(at))}_{rng.randbytes(3).hex()}"


def describe_environment() -> dict[str, object]:
    return {
        "python_version": sys.version,
        "platform": platform.platform(),
        "pip_packages": ["numpy==2.3.4", "torch==2.9.0"],
        "conda_packages": None,
        "conda_env": None,
        "git_info": {"branch": "main", "commit": "0" * 40, "dirty": False},
        "env_variables": {"CUDA_VISIBLE_DEVICES": "0"},
        "gpu_info": {"name": "simulated", "memory_total": "80 GB"},
    }


def draw_png(rng: random.Random) -> bytes:
    """Return a small greyscale picture of two waves, so that ``media/`` holds real images."""
    fx, fy, size = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.4), IMAGE_SIZE
    rows = (
        b"\0" + bytes(int(127 + 60 * math.sin(x * fx) + 60 * math.cos(y * fy)) for x in range(size))
        for y in range(size)
    )
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def is_parent_gone(within: float) -> bool:
    """Wait ``within`` seconds; say at once when the parent has closed our input."""
    readable, _, _ = select.select([sys.stdin], [], [], within)
    return bool(readable)


def train(root: Path, plan: Plan, *, run_id: str, crash_after: float | None) -> None:
    """Train at the plan's pace; with ``crash_after`` die without a word, as a job killed for memory does."""
    began = time.time()
    writer = RunWriter(root, plan, run_id=run_id, at=began, pid=os.getpid())
    curves = Curves(plan)
    for step in range(1, plan.steps + 1):
        write_step(writer, curves, plan, step=step, at=time.time())
        if crash_after is not None and time.time() - began > crash_after:
            writer.add_log(time.time(), "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB")
            os.kill(os.getpid(), signal.SIGKILL)
        if is_parent_gone(plan.pace):
            return
    writer.finish("finished", time.time(), best=curves.best, step=curves.best_step)


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate one training run in the Runicorn 0.4 layout.")
    parser.add_argument("root", type=Path)
    parser.add_argument("project")
    parser.add_argument("name")
    parser.add_argument("run_id")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--pace", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--crash-after", type=float)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides about the end
    plan = Plan(given.project, given.name, steps=given.steps, pace=given.pace, seed=given.seed)
    train(given.root, plan, run_id=given.run_id, crash_after=given.crash_after)


if __name__ == "__main__":
    main()
