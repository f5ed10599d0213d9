"""An ``mlruns`` of many runs, as MLflow's file store leaves it: a tiny file per metric, parameter and tag."""

from __future__ import annotations

from pathlib import Path

METRICS, PARAMS, TAGS = 20, 25, 4
FILES_PER_RUN = METRICS + PARAMS + TAGS + 1


def write_mlruns(root: Path, runs: int, *, points: int = 10) -> list[str]:
    """Write finished runs, a hundred to an experiment, and return their directories relative to ``root``."""
    found: list[str] = []
    lines = "".join(f"{1_700_000_000_000 + step * 1000} {step / 8} {step}\n" for step in range(points))
    for number in range(runs):
        experiment, run_id = str(number // 100), f"{number:032x}"
        directory = root / experiment / run_id
        for folder in ("metrics", "params", "tags"):
            (directory / folder).mkdir(parents=True)
        (root / experiment / "meta.yaml").write_text(f"experiment_id: '{experiment}'\nname: experiment {experiment}\n")
        (directory / "meta.yaml").write_text(
            f"run_id: {run_id}\nrun_name: run {number}\nstatus: 3\nlifecycle_stage: active\n"
            f"experiment_id: '{experiment}'\nstart_time: 1700000000000\nend_time: 1700000100000\n"
        )
        for place in range(METRICS):
            (directory / f"metrics/metric_{place:02d}").write_text(lines)
        for place in range(PARAMS):
            (directory / f"params/param_{place:02d}").write_text(str(number + place))
        for place in range(TAGS):
            (directory / f"tags/tag_{place}").write_text(f"tag {place}")
        found.append(f"{experiment}/{run_id}")
    return found
