"""One events.jsonl into a fresh index, as the service reads it, in a process of its own whose memory can be told.

``python -m bench.ingester FILE DIRECTORY`` prints JSON: points, bytes, seconds by the clock and of the processor, and
the peak of resident memory in bytes before it began and after it ended.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from tests.support.indexing import add_sync
from tests.support.seriesing import add_run

from runferry.ingest.series import SeriesIngest
from runferry.store.db import Database, upsert
from runferry.store.series import SeriesStore
from runferry.store.tables import files

RUN = "vision/resnet/runs/20260101_000000_000000"


def measure(source: Path, folder: Path) -> dict[str, float]:
    """Read the whole file, step by step; what is derived is in the index at ``folder`` afterwards."""
    path = f"{RUN}/events.jsonl"
    index = Database(folder / "runferry.db")
    index.open()
    scope = add_sync(index, "bench", "/data")
    run_id = add_run(index, scope, RUN)
    target = folder / "copy" / path
    target.parent.mkdir(parents=True)
    shutil.move(source, target)
    size = target.stat().st_size
    with index.writing() as connection:
        row = {"sync_id": scope.sync_id, "path": path, "kind": "file", "size": size, "held_size": size, "links": 1}
        row |= dict.fromkeys(("mtime_ns", "ctime_ns", "inode", "device", "generation"), 0) | {"is_racy": False}
        upsert(connection, files, [row], keys=["sync_id", "path"])
    ingest = SeriesIngest(index)
    forget_peak()
    before, began, used = peak(), time.perf_counter(), time.process_time()
    while ingest.read_on(scope.sync_id, folder / "copy", [path])[0].behind:
        pass
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    (found,) = SeriesStore(index).list_sources_of([run_id])[run_id]
    index.close()
    assert found.position == size, "not all of it was read"
    return {
        "points": found.points,
        "bytes": size,
        "seconds": seconds,
        "processor": processor,
        "before": before,
        "after": peak(),
    }


def forget_peak() -> None:
    """Begin to count the most memory anew; what this process had before it was itself counts otherwise."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Return the most memory this process has had at once since then, in bytes."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))
