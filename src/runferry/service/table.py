"""The table of runs: its possible columns, their values, its groups. It knows no row's status or freshness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runferry.blocking import in_thread
from runferry.store.db import Database
from runferry.store.run_list import RunFilter
from runferry.store.run_table import ColumnName, RunTable, Scalar
from runferry.store.sparklines import Sparkline, Sparklines


class Table:
    """Reads the index off the event loop."""

    def __init__(self, db: Database) -> None:
        self._store = RunTable(db)
        self._sparklines = Sparklines(db)

    async def columns(self) -> Sequence[ColumnName]:
        """Return the names that the newest runs have values for."""
        return await in_thread(self._store.list_columns)

    async def values(self, keys: Sequence[str], names: Sequence[str]) -> Mapping[str, Mapping[str, Scalar]]:
        """Return the named values of runs, by run key and name. Runs and names there are none of are left out."""
        return await in_thread(self._store.list_values, keys, names)

    async def groups(self, chosen: RunFilter, by: str) -> Sequence[tuple[str, int]]:
        """Return how many matching runs each value of a field has. Raises InvalidRequest."""
        return await in_thread(self._store.count_groups, chosen, by)

    async def sparklines(self, keys: Sequence[str], metric: str | None) -> Mapping[str, Sparkline]:
        """Draw a metric of each run, by default its main one, from what is here; nothing is fetched."""
        return await in_thread(self._sparklines.draw, keys, metric)
