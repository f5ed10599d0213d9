"""Formats of other packages: the example of CONTRIBUTING.md, installed, and packages that do it wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

from runferry.formats.listing import Listing
from runferry.formats.run_format import Names, RunFormat
from runferry.formats.third_parties import guard, load

ROOT = Path(__file__).parents[3]

USE = """
from runferry.formats.listing import Listing
from runferry.formats.recognition import FORMATS, INSTALLED, find_runs, sources_of
from runferry.model import SeriesKind
listing = Listing(["a/run.toy", "a/points.toy", "b/metrics.csv"])
toy, plain = find_runs(listing)
(source,) = sources_of(toy, listing)
card = toy.parts[0].format.read_card("a", {"run.toy": b'{"name": "first", "lr": 0.5}'}, {})
parser = source.part.format.make_parser(source.name)
batches = [parser.feed(b'{"step": 1, "loss": 0.25}\\n{"step": 2, "lo'), parser.feed(b'ss": 0.125}\\n'), parser.flush()]
points = [value for batch in batches for column in batch.columns.values() for value in column.values]
print(card.format, card.name, card.meta["params"]["lr"], points, len(INSTALLED.problems), plain.parts[0].format.FORMAT)
"""


class Raising(RunFormat):
    FORMAT, TITLE, READER = "raising", "Raising", "raising-1"

    def find_runs(self, listing: Listing) -> dict[str, str]:
        raise ValueError("find_runs")

    def documents(self, names: Names) -> list[str]:
        raise KeyError("documents")


class Nameless(RunFormat):
    pass


def test_the_example_of_the_guide_works_as_an_installed_package(tmp_path: Path) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    code = guide.split("```python\n# toy_format.py\n")[1].split("```")[0]
    (tmp_path / "toy_format.py").write_text(code)
    about = tmp_path / "toy_format-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-format\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[runferry.formats]\ntoy = toy_format:Toy\nbroken = nowhere:Nothing\nagain = toy_format:Toy\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "toy first 0.5 [0.25, 0.125] 2 plain\n", done.stderr


def test_a_format_that_cannot_be_used_is_told_and_left_out() -> None:
    values = ["nowhere:Nothing", f"{__name__}:Nameless", "json:loads", "runferry.formats.plain:Plain"]
    found = load([EntryPoint(f"f{at}", value, "runferry.formats") for at, value in enumerate(values)], {"plain"})
    assert not found.formats
    assert len(found.problems) == len(values)


def test_a_format_that_fails_has_found_nothing() -> None:
    one = guard(Raising())
    assert one.find_runs(Listing(["a/x"])) == {}
    assert one.documents(["x"]) == []
    assert one.read_card("a", {}, {}).format == "raising"
    parser = one.make_parser("x", 7)
    batch = parser.feed(b"abc")
    assert (batch.bad, parser.position, parser.flush().bad) == (1, 10, 0)
