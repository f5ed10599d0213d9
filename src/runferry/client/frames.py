"""Points as data frames, where the libraries for that are installed. It asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runferry.client.values import Points
from runferry.errors import InvalidRequest

if TYPE_CHECKING:
    import pandas
    import polars

COLUMNS = ("run", "metric", "step", "time", "value")


def make_columns(found: Iterable[tuple[str, Points]]) -> dict[str, list[Any]]:
    """Return the points of many runs as one long table: a row for each, numbers only (texts are left out)."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for run, points in found:
        if points.kind == "text":
            continue
        columns["run"] += [run] * len(points)
        columns["metric"] += [points.metric] * len(points)
        columns["step"] += points.steps
        columns["time"] += points.times
        columns["value"] += points.values
    return columns


def make_pandas(found: Iterable[tuple[str, Points]]) -> pandas.DataFrame:
    """Raises InvalidRequest where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise InvalidRequest("pandas is not installed; get it with: pip install 'runferry[pandas]'") from None
    return pandas.DataFrame(make_columns(found), columns=list(COLUMNS))


def make_polars(found: Iterable[tuple[str, Points]]) -> polars.DataFrame:
    """Raises InvalidRequest where polars is not installed."""
    try:
        import polars
    except ImportError:
        raise InvalidRequest("polars is not installed; get it with: pip install 'runferry[polars]'") from None
    kinds = {"run": polars.String, "metric": polars.String}
    schema = {name: kinds.get(name, polars.Float64) for name in COLUMNS}
    return polars.DataFrame(make_columns(found), schema=schema, strict=False)
