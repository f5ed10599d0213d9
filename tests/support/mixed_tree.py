"""One tree with runs of every tool side by side, as a shared disk has them: copies of what the real tools wrote."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.ferry import write_run
from tests.support.foreign_runs import Sample, unpack_root

TOOLS = (
    *("dvclive", "generic", "hf_trainer", "hydra", "keras_csv", "lightning", "mlflow", "sacred", "swanlab"),
    *("tensorboard", "wandb"),
)
"""The tools whose runs are directories of their own."""

PROJECTS = ("vision", "speech", "language", "robots", "climate")


def write_mixed(root: Path, runs: int, scratch: Path) -> Mapping[str, dict[str, Any]]:
    """Write at least so many runs below ``root``, every tenth of them Runicorn's; ``scratch`` must not lie in it.

    Returns what was logged into each run, by its directory relative to ``root``; Runicorn's say ``format`` alone.
    """
    samples = [unpack_root(tool, scratch) for tool in TOOLS]
    found: dict[str, dict[str, Any]] = {}
    for number, (project, sample) in enumerate(_places(samples)):
        if len(found) >= runs:
            return found
        place = f"{project}/team_{number // 55}/{sample.root.name}"
        shutil.copytree(sample.root, root / place, symlinks=True)
        found |= {f"{place}/{path}" if path else place: expected for path, expected in sample.expected.items()}
        while len(found) < runs and sum(one.get("format") == "runicorn" for one in found.values()) * 10 < len(found):
            run_id = f"20260101_000000_{len(found):06x}"
            run = write_run(root, project, f"team_{number // 55}", run_id)
            found[run.relative_to(root).as_posix()] = {"format": "runicorn"}
    return found


def age(root: Path, seconds: float) -> None:
    """Make everything look modified that long ago, as most of a disk is."""
    for path in (root, *root.rglob("*")):
        status = path.lstat()
        when = status.st_mtime - seconds
        os.utime(path, (when, when), follow_symlinks=False)


def _places(samples: list[Sample]) -> Iterator[tuple[str, Sample]]:
    return zip(itertools.cycle(PROJECTS), itertools.cycle(samples), strict=False)
