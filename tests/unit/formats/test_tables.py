"""Tables as people and tools write them: CSV, TSV, JSON Lines; wide, long, quoted, torn."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runferry.formats.csv_table import TableParser
from runferry.formats.findings import Findings
from runferry.formats.json_rows import RowsParser
from runferry.formats.overlap import join
from runferry.formats.plain import Plain, is_likely
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import TableRules
from runferry.model import SeriesKind

Points = dict[str, list[tuple[float, float]]]


def points_of(*batches: Findings) -> Points:
    columns = join(batch.columns for batch in batches)
    return {
        key: list(zip(column.steps, column.values, strict=True))  # type: ignore[arg-type]
        for (key, _), column in columns.items()
    }


def read(data: str | bytes, rules: TableRules | None = None) -> Points:
    found = TableParser(rules=rules or TableRules()).feed(data if isinstance(data, bytes) else data.encode())
    assert found.bad == 0, found.first_bad
    return points_of(found)


def test_a_wide_table_has_a_series_per_column() -> None:
    assert read("step,loss,acc\n0,1.5,\n5,nan,0.5\n7,-inf,NA\n") == {
        "loss": [(0, 1.5), (5, pytest.approx(math.nan, nan_ok=True)), (7, -math.inf)],
        "acc": [(5, 0.5)],
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiters_newlines_and_marks_of_all_kinds_are_taken(delimiter: str, newline: str, mark: bytes) -> None:
    rows = [["epoch", "loss", " val loss ", "text"], ["0", "1.5", " 2.5", "a"], ["1", "", "3.5 ", "b"]]
    data = mark + newline.join(delimiter.join(row) for row in rows).encode() + newline.encode()
    assert read(data) == {"loss": [(0, 1.5)], "val loss": [(0, 2.5), (1, 3.5)]}


def test_quotes_may_hold_delimiters_newlines_and_quotes() -> None:
    table = 'step,"train, ""loss""",note\n0,"1.5","two\nlines, and ""more"""\n1,2.5,plain\n'
    assert read(table) == {'train, "loss"': [(0, 1.5), (1, 2.5)]}


def test_the_best_column_says_the_step_and_the_others_are_metrics() -> None:
    assert read("epoch,loss,global_step\n0,1,10\n") == {"epoch": [(10, 0)], "loss": [(10, 1)]}
    assert read("Epoch,loss\n3,1\n") == {"loss": [(3, 1)]}
    assert read("loss,acc\n1,2\n3,4\n") == {"loss": [(0, 1), (1, 3)], "acc": [(0, 2), (1, 4)]}


def test_a_long_table_has_a_series_per_name() -> None:
    expected = {"a": [(0, 1), (1, 3)], "b": [(0, 2)]}
    assert read("name,value,step\na,1,0\nb,2,0\na,3,1\nb,,1\n") == expected
    assert read('"step","metric","value"\n0,"a",1\n0,"b",2\n1,"a",3\n') == expected


def test_times_are_times_and_never_metrics() -> None:
    found = TableParser().feed(b"step,time,loss\n0,1700000000.5,1\n1,2023-11-14T22:13:20+00:00,2\n2,12.5,3\n")
    (column,) = found.columns.values()
    assert list(column.times)[:2] == [1700000000.5, 1700000000.0]
    assert math.isnan(column.times[2])


def test_a_decimal_comma_is_understood_where_commas_delimit_nothing() -> None:
    assert read("step;loss\n0;1,5\n1;2,25\n") == {"loss": [(0, 1.5), (1, 2.25)]}


def test_underscores_and_other_languages_digits_are_no_numbers() -> None:
    assert read("step,loss\n0,1_000\n1,2\n2,\u0661\n3,0x10\n") == {"loss": [(1, 2)]}


def test_a_header_written_again_is_passed_over() -> None:
    assert read("step,loss\n0,1\nstep,loss\n1,2\n") == {"loss": [(0, 1), (1, 2)]}


def test_a_row_without_a_step_lies_where_the_one_before_does() -> None:
    assert read("step,loss,val\n5,1,\n,,2\n6,3,\n") == {"loss": [(5, 1), (6, 3)], "val": [(5, 2)]}


def test_rows_of_another_width_are_noted_and_give_no_points() -> None:
    found = TableParser().feed(b"step,loss,acc\n0,1,2\n1,0.12,0.3,4\n2,0.5\n3,3,4,,\n\n4,5,6\n")
    assert points_of(found) == {"loss": [(0, 1), (3, 3), (4, 5)], "acc": [(0, 2), (3, 4), (4, 6)]}
    assert found.bad == 2


def test_the_last_row_counts_when_its_newline_is_there() -> None:
    parser = TableParser()
    assert points_of(parser.feed(b"step,loss\n0,1\n1,0.12"), parser.flush()) == {"loss": [(0, 1)]}
    assert points_of(parser.feed(b"5\n")) == {"loss": [(1, 0.125)]}


def test_what_begins_with_numbers_is_no_table() -> None:
    for data in (b"1,2,3\n4,5,6\n", b"\n\n0.5\n", b"a,2\n1,2\n"):
        found = TableParser().feed(data)
        assert (found.points, found.bad) == (0, 1)


def test_rules_say_which_columns_count() -> None:
    rules = TableRules(steps=("n",), columns=frozenset({"y"}))
    assert read("step,n,x,y\n0,5,1,2\n", rules) == {"y": [(5, 2)]}
    assert read("step,n,x,y\n0,5,1,2\n", TableRules(steps=("n",), ignored=frozenset({"x"}))) == {
        "step": [(5, 0)],
        "y": [(5, 2)],
    }


def test_a_quote_that_never_closes_is_no_quote() -> None:
    rows = "".join(f"{step},{step}\n" for step in range(2000))
    found = TableParser().feed(f'step,loss\n0,"1\n{rows}'.encode())
    assert len(points_of(found)["loss"]) >= 1990


def test_json_lines_are_read_flat_and_nested() -> None:
    rows = [
        {"step": 1, "loss": 0.5, "val": {"acc": 1, "deep": {"x": True}}, "name": "a", "list": [1], "none": None},
        {"step": 2, "loss": math.nan, "epoch": 3, "time": 1700000000, "odd": "Infinity"},
    ]
    found = RowsParser().feed("".join(json.dumps(row) + "\n" for row in rows).encode())
    points = points_of(found)
    assert math.isnan(points.pop("loss")[1][1])
    assert points == {"val/acc": [(1, 1)], "val/deep/x": [(1, 1)], "epoch": [(2, 3)], "odd": [(2, math.inf)]}
    assert ("val/deep/x", SeriesKind.BOOLEAN) in found.columns
    assert found.columns["epoch", SeriesKind.NUMBER].times[0] == 1700000000
    assert found.bad == 0


def test_long_json_lines_have_a_series_per_name() -> None:
    data = (
        b'{"metric": "a", "value": 1, "step": 3}\n{"metric": "b", "value": "NaN", "step": 3}\n{"loss": 2, "step": 4}\n'
    )
    points = points_of(RowsParser().feed(data))
    assert points.pop("b")[0][0] == 3
    assert points == {"a": [(3, 1)], "loss": [(4, 2)]}


def test_the_last_json_line_needs_no_newline_where_its_object_is_whole() -> None:
    parser = RowsParser()
    assert parser.feed(b'{"step": 1, "loss": 2').points == 0
    assert parser.flush().points == 0
    assert parser.feed(b"5}").points == 0
    assert points_of(parser.flush()) == {"loss": [(1, 25)]}
    other = RowsParser(parser.position, parser.state)
    assert points_of(other.feed(b'\n{"step": 2, "loss": 3}\n')) == {"loss": [(2, 3)]}


def test_lines_that_are_no_objects_are_noted() -> None:
    found = RowsParser().feed(b'nonsense\n[1]\n{"step": 1, "loss": 1}\n{"step": 2, "lo\n\n"x"\n')
    assert (found.points, found.bad) == (1, 4)


def test_rows_without_steps_are_counted_across_a_cut() -> None:
    parser = RowsParser()
    first = parser.feed(b'{"loss": 1}\n{"loss": 2}\n')
    second = RowsParser(parser.position, parser.state).feed(b'{"loss": 3}\n')
    assert points_of(first, second) == {"loss": [(0, 1), (1, 2), (2, 3)]}


def test_deep_objects_and_names_without_end_are_bounded() -> None:
    deep: object = 1
    for _ in range(200):
        deep = {"a": deep}
    found = RowsParser().feed(json.dumps({"x": deep, "y" * 5000: 1, "step": 1}).encode() + b"\n")
    assert found.points == 0
    assert found.bad == 1
    columns = ",".join(f"c{n}" for n in range(30_000))
    assert TableParser().feed(f"step,{columns}\n".encode()).bad == 1


def test_names_tell_what_is_likely() -> None:
    assert all(
        map(is_likely, ("metrics.csv", "training.csv", "log.jsonl", "train_log.CSV", "results.tsv", "val-loss.csv"))
    )
    assert not any(map(is_likely, ("data.csv", "metrics.txt", "users.jsonl", "csv", "log", "train_images.csv")))


def test_parameters_lie_beside_a_plain_table() -> None:
    documents = {"config.json": b'{"lr": 0.1, "deep": {"x": [1]}}', "args.yaml": b"lr: 1e-5\nname: x\n"}
    run = Plain().read_card("proj/exp", documents, {})
    assert (run.name, run.project) == ("exp", "proj")
    assert run.meta["params"] == {"lr": 0.1, "deep": {"x": [1]}, "name": "x"}


CELLS = st.sampled_from(
    ["1", "-2.5", "nan", "", "x", "1e400", '"4"', '"a,b"', '"a\nb"', '""', "NA", " 7 ", "\x00", "é"]
)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12).map(
    lambda rows: "step,a,b\n" + "".join(",".join(row) + "\n" for row in rows)
)


def spell(points: Mapping[str, list[tuple[float, float]]]) -> str:
    """Return all points, and the order of their series."""
    return repr(list(points.items()))


@settings(max_examples=150, deadline=None)
@given(table=TABLES, cuts=st.lists(st.integers(0, 200), max_size=6))
@example(table='step,a,b\n0,"a\nb",1\n1,2,3\n', cuts=[13])
def test_tables_mean_the_same_in_any_pieces_and_after_any_cut(table: str, cuts: list[int]) -> None:
    check_pieces(lambda position=0, state=None: TableParser(position, state), table.encode(), cuts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["step", "loss", "time", "x"]), JSON) | JSON, max_size=10)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_json_lines_mean_the_same_in_any_pieces_and_after_any_cut(rows: list[object], cuts: list[int]) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    check_pieces(lambda position=0, state=None: RowsParser(position, state), data, cuts)


def check_pieces(make: Callable[..., SeriesParser], data: bytes, cuts: list[int]) -> None:
    whole = make().feed(data)
    assert isinstance(whole, Findings)
    parser, at, batches = make(), 0, []
    for cut in sorted(cuts):
        batches.append(parser.feed(data[at : at + cut]))
        parser = make(parser.position, json.loads(json.dumps(parser.state)))
        at = parser.position
    batches.append(parser.feed(data[at:]))
    found = [batch for batch in batches if isinstance(batch, Findings)]
    assert spell(points_of(*found)) == spell(points_of(whole))
    assert sum(batch.bad for batch in batches) == whole.bad


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_never_an_exception(data: bytes) -> None:
    for parser in (TableParser(), RowsParser()):
        for bytes_ in (data, b"step,a\n" + data, b'{"step": 1}\n' + data):
            parser.feed(bytes_)
            parser.flush()
