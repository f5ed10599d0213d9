"""What is told in parts is told whole, wherever one part ends and the next begins."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runferry.agent import report
from runferry.agent.report import Report
from runferry.agent.scan import FILE, Record

RECORD: Record = (FILE, 1, 2, 3, 4, 5, 1, None, None)
TROUBLED: Record = (FILE, 1, 2, 3, 4, 5, 1, None, ("io", "it cannot be read"))

names = st.text("ab", min_size=1, max_size=40)
trees = st.dictionaries(names, st.dictionaries(names, st.sampled_from([RECORD, TROUBLED]), max_size=6), max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees, size=st.integers(1, 600))
def test_every_name_is_told_once_however_small_the_parts_are(
    tree: dict[str, dict[str, Record]], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "PART", size)
    parts: list[dict[str, Any]] = []
    told = Report(lambda part: parts.append({key: _copy(value) for key, value in part.items()}))
    for directory, records in tree.items():
        for name, record in records.items():
            told.upsert(directory, name, record)
    told.end((1, 2), 3, True)

    rows = [(directory, row[0]) for part in parts for directory, group in part.get("e", []) for row in group]
    assert rows == [(directory, name) for directory, records in tree.items() for name in records]
    problems = [path for part in parts for path, _, _ in part.get("p", [])]
    assert problems == [f"{path}/{name}" for path, records in tree.items() for name in records if records[name][8]]
    assert [bool(part.get("end")) for part in parts] == [False] * (len(parts) - 1) + [True]


def _copy(value: Any) -> Any:
    """Return a part as it is when it leaves: what is added to it afterwards is lost."""
    return [_copy(item) for item in value] if isinstance(value, list) else value
