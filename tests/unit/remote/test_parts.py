"""Two changes told one after the other, and one that says the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.agent.report import Part, Report
from runferry.agent.scan import DIR, FILE, Record
from runferry.model import Change, Entry, Kind, Problem, ProblemCode, RootIdentity, Version
from runferry.remote.parts import Assembly, is_empty, merge

ROOT = RootIdentity(1, 2)
PATHS = st.sampled_from(["a", "b", "c", "d"])

entries = st.builds(lambda path, size: Entry(path, Kind.FILE, Version(size, 0)), PATHS, st.integers(0, 3))
problems = st.builds(lambda path: Problem(path, ProblemCode.IO, "x"), PATHS)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    upserts = {entry.path: entry for entry in draw(st.lists(entries, max_size=4))}
    removed = tuple(path for path in draw(st.sets(PATHS, max_size=4)) if path not in upserts)
    complete = draw(st.booleans())
    found = {problem.path: problem for problem in draw(st.lists(problems, max_size=3))}
    return Change(ROOT, tuple(upserts.values()), () if complete else removed, tuple(found.values()), complete=complete)


State = tuple[dict[str, Entry], dict[str, Problem]]


def apply(state: State, change: Change) -> State:
    told, trouble = ({}, {}) if change.complete else (dict(state[0]), dict(state[1]))
    for path in change.removed:
        told.pop(path, None)
        trouble.pop(path, None)
    for entry in change.upserts:
        told[entry.path] = entry
        trouble.pop(entry.path, None)
    trouble.update({problem.path: problem for problem in change.problems})
    return told, trouble


@given(changes(), changes(), changes())
def test_a_merged_change_says_what_the_two_say(start: Change, first: Change, second: Change) -> None:
    state = apply(({}, {}), start)
    assert apply(state, merge(first, second)) == apply(apply(state, first), second)


def test_only_a_change_that_says_nothing_is_empty() -> None:
    assert is_empty(Change(ROOT))
    assert not is_empty(Change(ROOT, complete=True))
    assert not is_empty(Change(ROOT, unsure=("a",)))


def test_a_report_of_any_size_fits_its_frames_and_arrives_whole() -> None:
    parts: list[Part] = []
    report = Report(parts.append)
    record: Record = (FILE, 5, 10**18, 10**18, 10**6, 66, 1, None, None)
    for number in range(3):
        report.upsert("", f"dir-{number}", (DIR, 0, 0, 0, number, 66, 1, None, None))
        for index in range(9000):
            report.upsert(f"dir-{number}", f"events-{index:06}.jsonl", record)
    report.end((66, 2), 7, True)
    assert len(parts) > 3
    assembly = Assembly()
    found = [assembly.add(part) for part in parts]
    assert found[:-1] == [None] * (len(parts) - 1)
    change = found[-1]
    assert change is not None
    assert len(change.upserts) == 27_003
    assert (change.root, change.clock_ns, change.complete) == (RootIdentity(66, 2), 7, True)


def test_what_is_removed_and_there_again_is_there() -> None:
    change = Assembly().add(
        {
            "r": ["a", "b"],
            "e": [["", [["a", 0, 1, 1, 1, 1, 1, 1]]]],
            "end": {"root": [1, 2], "clock": 1, "complete": False},
        }
    )
    assert change is not None
    assert change.removed == ("b",)
    assert [entry.path for entry in change.upserts] == ["a"]
