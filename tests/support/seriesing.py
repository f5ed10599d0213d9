"""Series put straight into an index, as ``ingest.series`` would after having read a file."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import select

from runferry.model import MediaItem, SeriesColumn, SeriesKind
from runferry.store.db import Database
from runferry.store.runs import SyncScope
from runferry.store.series import SeriesStore, SourceRow
from runferry.store.series_writer import Advance, SeriesWriter
from runferry.store.tables import runs
from tests.support.indexing import make_run, put_runs

EVENTS = "events.jsonl"


def add_run(index: Database, scope: SyncScope, path: str = "cv/yolo/runs/one") -> int:
    """Put a run into the index and return its row id."""
    put_runs(index, scope, make_run(path))
    with index.reading() as connection:
        query = select(runs.c.id).where(runs.c.sync_id == scope.sync_id, runs.c.path == path)
        return int(connection.execute(query).scalar_one())


def column(
    values: Sequence[float] | Sequence[str], *, start: float = 0.0, times: Sequence[float] | None = None
) -> SeriesColumn:
    """Make a column with the steps from ``start`` on, and a second between two points."""
    steps = np.arange(start, start + len(values), dtype="<f8")
    given = steps + 1e9 if times is None else np.array(times, dtype="<f8")
    is_text = len(values) > 0 and isinstance(values[0], str)
    numbers: array[float] | list[str] = (
        [str(value) for value in values] if is_text else array("d", np.array(values, dtype="<f8").tobytes())
    )
    return SeriesColumn(array("d", steps.tobytes()), array("d", given.tobytes()), numbers)


class Source:
    """One file of a run, read on step by step by a writer of its own or a given one."""

    def __init__(self, index: Database, scope: SyncScope, run_id: int, path: str, writer: SeriesWriter | None = None):
        self.store = SeriesStore(index)
        self.writer = writer or SeriesWriter(index)
        self._scope = scope
        self._run_id = run_id
        self._path = f"{path}/{EVENTS}"

    @property
    def row(self) -> SourceRow | None:
        return self.store.look_at(self._scope.sync_id, self._path)[1]

    def step(
        self,
        columns: Mapping[tuple[str, SeriesKind], SeriesColumn] | None = None,
        *,
        media: Sequence[MediaItem] = (),
        is_fresh: bool = False,
        length: int = 100,
    ) -> Advance:
        """Make the next step, of ``length`` bytes; ``is_fresh`` begins anew."""
        before = None if is_fresh else self.row
        return Advance(
            run_id=self._run_id,
            sync_id=self._scope.sync_id,
            path=self._path,
            reader="test",
            generation=0,
            before=before,
            position=length + (before.position if before else 0),
            edge_hash=b"edges",
            state={"n": 1},
            columns=columns or {},
            media=media,
        )

    def write(self, columns: Mapping[tuple[str, SeriesKind], SeriesColumn], *, is_fresh: bool = False) -> None:
        assert self.writer.advance([self.step(columns, is_fresh=is_fresh)]) == [True]

    def write_numbers(self, values: Sequence[float], *, key: str = "loss", is_fresh: bool = False) -> None:
        """Add numbers of one key, with steps that go on."""
        rows = [] if is_fresh else self.store.list_series(self._run_id, [key])
        start = float(rows[0].points) if rows else 0.0
        self.write({(key, SeriesKind.NUMBER): column(values, start=start)}, is_fresh=is_fresh)

    def write_bad(self, count: int, first: str) -> None:
        assert self.writer.advance([replace(self.step(), bad=count, first_bad=first)]) == [True]
