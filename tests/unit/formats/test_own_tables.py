"""A user's own rules: which files they mean, what is read from these, and what is said of rules that are none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.formats.listing import Listing
from runferry.formats.own_rules import OwnRule, OwnRules, read_rules
from runferry.formats.own_tables import OwnTables
from runferry.formats.recognition import FORMATS, FoundRun, find_runs, sources_of

RULES = b"""
[[table]]
glob = "jobs/**/out-*.dat"
step = "It"
time = "When"
columns = ["Loss"]

[[table]]
glob = "rows.json"
"""
TABLE = b"It;Loss;Acc;When\n10;0.5;1;1700000000\n20;0.25;2;1700000001\n"


def find_with(rules: OwnRules, paths: list[str]) -> tuple[Listing, list[FoundRun]]:
    listing = Listing(paths)
    formats = [OwnTables(rules.rules) if one.FORMAT == OwnTables.FORMAT else one for one in FORMATS]
    return listing, find_runs(listing, formats)


def test_what_a_rule_names_is_a_run_and_read_as_it_says() -> None:
    paths = ["jobs/a/b/out-1.dat", "jobs/out-2.dat", "other/out-3.dat", "x/y/rows.json", "jobs/a/notes.dat"]
    listing, runs = find_with(read_rules(RULES), paths)
    assert [run.path for run in runs] == ["jobs", "jobs/a/b", "x/y"]
    (source,) = sources_of(runs[1], listing)
    found = source.part.format.make_parser(source.name).feed(TABLE)
    assert {key: list(column.steps) for (key, _), column in found.columns.items()} == {"Loss": [10.0, 20.0]}
    assert [list(column.times) for column in found.columns.values()] == [[1700000000.0, 1700000001.0]]
    (rows,) = sources_of(runs[2], listing)
    assert rows.part.format.make_parser(rows.name).feed(b'{"step": 3, "loss": 0.5}\n').points == 1


def test_without_rules_nothing_is_anybodys_own() -> None:
    assert find_with(OwnRules(), ["jobs/a/b/out-1.dat"])[1] == []


def test_a_rule_decides_how_a_table_is_read_and_not_whose_run_it_is() -> None:
    rules = read_rules(b'[[table]]\nglob = "metrics.csv"\nstep = "batch"\n')
    listing, (run,) = find_with(rules, ["job/.hydra/config.yaml", "job/metrics.csv"])
    assert run.parts[0].format.FORMAT == "hydra"
    (source,) = sources_of(run, listing)
    found = source.part.format.make_parser(source.name).feed(b"batch,step,loss\n7,1,0.5\n")
    assert {key: list(column.steps) for (key, _), column in found.columns.items()} == {"step": [7.0], "loss": [7.0]}


@pytest.mark.parametrize(
    ("glob", "path", "is_meant"),
    [
        ("*.txt", "a/b/c.txt", True),
        ("a/*.txt", "a/b/c.txt", False),
        ("a/**/*.txt", "a/c.txt", True),
        ("**/b/c.txt", "a/b/c.txt", True),
        ("/c.txt", "a/c.txt", False),
        ("a/?.txt", "a/c.txt", True),
    ],
)
def test_globs_mean_paths_and_names_alone_where_they_hold_no_slash(glob: str, path: str, is_meant: bool) -> None:
    assert OwnRule(glob).matches(path) is is_meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[table]", "It is not valid TOML"),
        ("rules = 1", "It may hold tables called [[table]], and nothing else."),
        ("[[table]]\nglob = 1", "Rule 1: glob is to be a pattern of paths"),
        ('[[table]]\nglob = "logs/*"', "Rule 1: glob is to end with a name or a kind of file"),
        ('[[table]]\nglob = "a.csv"\nstep = 1', "Rule 1: step and time are names of columns."),
        ('[[table]]\nglob = "a.csv"\ncolumns = "loss"', "Rule 1: columns is a list of names."),
        ('[[table]]\nglob = "a.csv"\nstap = "x"', "Rule 1: 'stap' is none of columns, glob, step, time."),
        ('[[table]]\nglob = "**/**/**/**/a.csv"', "Rule 1: glob may hold ** 3 times."),
        ("#" * 70_000, "It has more than 64 KiB."),
    ],
)
def test_what_is_wrong_with_rules_is_said_and_the_others_are_used(text: str, why: str) -> None:
    assert read_rules(text.encode()).problems[0].startswith(why)
    good = '[[table]]\nglob = "good.csv"\n'
    if text.startswith("[[table]]\n"):
        assert [rule.glob for rule in read_rules(f"{text}\n{good}".encode()).rules] == ["good.csv"]


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: f"[[table]]\nglob = {text}".encode())))
def test_strangers_rules_are_never_an_exception(data: bytes) -> None:
    for rule in read_rules(data).rules:
        rule.matches("a/b/c.txt")
        find_with(OwnRules((rule,)), ["a/b/c.txt", "c.txt"])
