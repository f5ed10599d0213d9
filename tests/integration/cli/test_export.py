"""export: every point of runs as one table, in each format."""

from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from tests.integration.cli.driver import Cli, at
from tests.support.sshd import Sshd

SAMPLE = Path(__file__).parents[2] / "data" / "runicorn-0.4.tar.gz"

Key = tuple[str, str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(tmp_path / "server", filter="data")
    return tmp_path / "server" / "runicorn"


def read_losses(root: Path) -> list[tuple[str, float, str]]:
    """Read (run id, step, value as text) of every loss below a root."""
    found = []
    for path in root.rglob("events.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            record: dict[str, Any] = json.loads(line)
            if record["type"] == "metrics" and isinstance(record["data"].get("loss"), (int, float)):
                data = record["data"]
                found.append((path.parent.name, float(data["global_step"]), str(float(data["loss"]))))
    return sorted(found)


@pytest.mark.timeout(150)  # five commands, each with a server of its own
def test_every_point_is_exported_in_every_format(cli: Cli, sshd: Sshd, key: Key, root: Path, tmp_path: Path) -> None:
    assert cli.run("sync", at(sshd, str(root)), "--mode", "mirror", "--once", *key).code == 0
    expected = read_losses(root)
    assert len(expected) > 20

    done = cli.run("export", "-q", "", "-m", "loss")
    assert done.code == 0, done
    rows = list(csv.DictReader(done.out.splitlines()))
    found = [
        (row["run"].rpartition("/")[2], float(row["step"]), str(float(row["value"]))) for row in rows if row["value"]
    ]
    assert sorted(found) == expected

    for name in ("table.jsonl", "table.parquet"):
        done = cli.run("export", "-q", "", "-m", "loss", "-o", str(tmp_path / name))
        assert done.code == 0, done
        assert "points" in done.err
    objects = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    found = [
        (one["run"].rpartition("/")[2], one["step"], str(float(one["value"]))) for one in objects if "value" in one
    ]
    assert sorted(found) == expected
    table = pyarrow.parquet.read_table(tmp_path / "table.parquet").to_pylist()
    found = [(one["run"].rpartition("/")[2], one["step"], str(one["value"])) for one in table if one["text"] is None]
    assert sorted(found) == expected


def test_what_to_export_must_be_said(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("export")
    assert done.code == 2
    assert "Which runs?" in done.err
    done = cli.run("export", "-q", "", "--format", "xls", "-o", str(tmp_path / "table"))
    assert done.code == 2
    assert "csv" in done.err
    assert not (tmp_path / "table").exists()
