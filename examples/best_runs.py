"""Prints the best runs of all servers and the last loss of each. Usage: python examples/best_runs.py [ADDRESS]"""

from __future__ import annotations

import sys

from runferry import Client


def main(url: str) -> None:
    with Client(url) as ferry:
        for run in ferry.runs(sort="best", limit=10):
            losses = run.points("loss").get("loss")
            last = f"{losses.values[-1]:.4g}" if losses is not None and len(losses) else "none yet"
            print(f"{run.key}  {run.status}  best {run.best_metric_value}  last loss {last}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:23300")
