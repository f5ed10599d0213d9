"""Sample trees: always the same bytes, shaped like the training runs people have. Written once, then only read."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

SEED = 20260101
AGE = 7 * 24 * 3600.0
"""How long ago everything in a tree was written, by its mtime: nothing is in the making."""

FILES_PER_RUN = 25
_MEDIA_PER_RUN = 17


def write_runs(root: Path, runs: int) -> int:
    """Write ``runs`` finished runs of 25 files and about 197 kB each; return the bytes of all files.

    Per run: eight small texts and JSON documents, 96 kB of metrics, 24 kB of log, and media of 1 to 8 kB that
    cannot be compressed.
    """
    source = random.Random(SEED)
    metrics, log = write_metrics(source, 512 * 1024), write_log(source, 256 * 1024)
    for number in range(runs):
        run = root / f"project{number % 7}" / f"sweep{number % 3}" / "runs" / f"20260101_{number:06d}_{number:06x}"
        (run / "media").mkdir(parents=True)
        for name, text in describe_run(source, number).items():
            (run / name).write_text(text)
        (run / "events.jsonl").write_bytes(cut_lines(metrics, source, 96 * 1024))
        (run / "logs.txt").write_bytes(cut_lines(log, source, 24 * 1024))
        for index in range(_MEDIA_PER_RUN):
            (run / "media" / f"{index:04d}_sample.png").write_bytes(source.randbytes(source.randint(1000, 8000)))
    return age(root)


def write_random_file(path: Path, size: int) -> None:
    """Write ``size`` bytes that cannot be compressed, a week old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(SEED)
    with path.open("wb") as file:
        left = size
        while left:
            left -= file.write(source.randbytes(min(left, 1 << 22)))
    make_old(path)


def copy_file(source: Path, target: Path) -> None:
    """Make another file of the same bytes appear whole at ``target``, a week old."""
    aside = source.with_name(f"{source.name}.copy")
    shutil.copyfile(source, aside)
    make_old(aside)
    aside.replace(target)


def measure(root: Path) -> tuple[int, int]:
    """Return how many files lie below ``root`` and their bytes."""
    files = size = 0
    for folder, _, names in os.walk(root):
        files += len(names)
        size += sum(Path(folder, name).stat().st_size for name in names)
    return files, size


def age(root: Path) -> int:
    """Make every file old and return the bytes of all."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            total += path.stat().st_size
            make_old(path)
    return total


def make_old(path: Path) -> None:
    written = path.stat().st_mtime - AGE
    os.utime(path, (written, written))


def describe_run(source: random.Random, number: int) -> dict[str, str]:
    """Return the small documents of one run by name."""
    started = 1_767_000_000.0 + number
    meta: dict[str, object] = {"id": f"{number:06x}", "project": f"project{number % 7}", "name": f"sweep{number % 3}"}
    meta |= {"created_at": started, "pid": 4000 + number, "hostname": "gpu1", "python": "3.11.2"}
    status = {"status": "finished", "started_at": started, "ended_at": started + 3600}
    summary = {"best_metric_name": "acc", "best_metric_value": round(source.random(), 6)}
    settings = {f"parameter_{index}": round(source.random(), 6) for index in range(40)}
    packages = "".join(f"package-{index}=={index % 9}.{index % 13}.0\n" for index in range(60))
    return {
        "meta.json": json.dumps(meta | {"tags": ["baseline", "sweep"]}, indent=2),
        "status.json": json.dumps(status, indent=2),
        "summary.json": json.dumps(summary, indent=2),
        "config.json": json.dumps(settings, indent=2),
        "requirements.txt": packages,
        "notes.md": f"# Run {number}\n\nOne of a sweep over learning rates.\n",
    }


def write_metrics(source: random.Random, size: int) -> bytes:
    lines, total, step = [], 0, 0
    while total < size:
        data = {"global_step": step, "loss": round(source.random(), 6), "lr": 0.001, "acc": round(source.random(), 6)}
        line = json.dumps({"ts": 1_767_000_000.0 + step, "type": "metrics", "data": data}) + "\n"
        lines.append(line)
        total, step = total + len(line), step + 1
    return "".join(lines).encode()


def write_log(source: random.Random, size: int) -> bytes:
    lines, total, step = [], 0, 0
    while total < size:
        line = f"12:{step // 60 % 60:02d}:{step % 60:02d} | step {step} loss {source.random():.4f} | 118.2 img/s\n"
        lines.append(line)
        total, step = total + len(line), step + 1
    return "".join(lines).encode()


def cut_lines(text: bytes, source: random.Random, size: int) -> bytes:
    """Return about ``size`` bytes of whole lines from a random place."""
    length = int(size * source.uniform(0.6, 1.4))
    start = text.find(b"\n", source.randrange(len(text) - length - 200)) + 1
    return text[start : text.rfind(b"\n", start, start + length) + 1]
