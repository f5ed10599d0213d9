"""The filter language: what it understands, what it refuses with which words, and what it finds."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from tests.support.indexing import add_sync, make_run, put_runs

from runferry.errors import InvalidRequest
from runferry.store.db import Database
from runferry.store.query import Comparison, Match, Period, Word, parse_query
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunStore, SyncScope
from runferry.store.tables import runs, series, sources


def local(day: str) -> float:
    return datetime.fromisoformat(day).timestamp()


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("  ", ()),
        ("resnet", (Word("resnet"),)),
        ("-resnet", (Word("resnet", is_negated=True),)),
        ('"two words" -"and not"', (Word("two words"), Word("and not", is_negated=True))),
        ('"say \\"hi\\""', (Word('say "hi"'),)),
        ('"status:running"', (Word("status:running"),)),
        ("gpu1/2026 100% x_y", (Word("gpu1/2026"), Word("100%"), Word("x_y"))),
        ("status:running", (Match("status", ("running",)),)),
        ("STATUS:a,b", (Match("status", ("a", "b")),)),
        ("status:a x status:b", (Match("status", ("a", "b")), Word("x"))),
        ("tag:a tag:b", (Match("tag", ("a",)), Match("tag", ("b",)))),
        ("-tag:a", (Match("tag", ("a",), is_negated=True),)),
        ('project:"my project"', (Match("project", ("my project",)),)),
        ('name:"a*"', (Match("name", ("a\\*",)),)),
        ("lr<1e-3", (Comparison("lr", "<", 1e-3),)),
        ("lr<=1", (Comparison("lr", "<=", 1.0),)),
        ("lr==1", (Comparison("lr", "=", 1.0),)),
        ("-loss>=.5", (Comparison("loss", ">=", 0.5, is_negated=True),)),
        ("loss<inf", (Comparison("loss", "<", math.inf),)),
        ('"val acc"!=2', (Comparison("val acc", "!=", 2.0, is_quoted=True),)),
        ("train/loss<1", (Comparison("train/loss", "<", 1.0),)),
        ("train:loss<1", (Comparison("train:loss", "<", 1.0),)),
        ("created>2026-01-02", (Period("created", at("2026-01-02"), math.inf),)),
        ("created<=2026-01-02", (Period("created", -math.inf, at("2026-01-03")),)),
        ("ended=2026-01-02", (Period("ended", at("2026-01-02"), at("2026-01-03")),)),
        ("started!=2026-01-02", (Period("started", at("2026-01-02"), at("2026-01-03"), is_negated=True),)),
        ("-started!=2026-01-02", (Period("started", at("2026-01-02"), at("2026-01-03")),)),
        ("created<2026-01-02T12:30", (Period("created", -math.inf, at("2026-01-02T12:30")),)),
    ],
)
def test_what_is_written_becomes_terms(text: str, terms: tuple[Any, ...]) -> None:
    assert parse_query(text, zone=UTC) == terms


@pytest.mark.parametrize(
    ("text", "quoted", "reason"),
    [
        ('x "a', "'\"a'", "quotation mark is not closed"),
        ("ok -", "'-'", "a word is missing"),
        ("--x", "'--x'", "a word is missing"),
        ("foo:bar", "'foo:bar'", "foo: is no field (known: status:"),
        ("status:", "'status:'", "a value is missing after status:"),
        ('status:""', "'status:\"\"'", "a value is missing"),
        ("lr<abc", "'lr<abc'", "what follows < must be a number"),
        ("lr<", "'lr<'", "must be a number"),
        ("<3", "'<3'", "a name is missing before <"),
        ("lr!3", "'lr!3'", "! is no comparison"),
        ("lr<nan", "'lr<nan'", "NaN"),
        ("created>soon", "'created>soon'", "a day or a time such as 2026-01-31"),
        ("created>9999-12-31", "'created>9999-12-31'", "a day or a time"),
        ("tag:a*b", "'tag:a*b'", "a * may stand at the beginning and at the end"),
    ],
)
def test_what_is_not_understood_is_named_with_the_reason(text: str, quoted: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(text, zone=UTC)
    assert str(caught.value).startswith(f"q: {quoted} was not understood: ")
    assert reason in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_understood_or_refused_in_one_sentence(text: str) -> None:
    told = "q: "
    try:
        parse_query(text)
    except InvalidRequest as error:
        told = str(error)
    assert told.startswith("q: ")
    assert "\n" not in told


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_quoted_words_come_back_as_they_were(words: list[str], negated: list[bool]) -> None:
    quoted = [f'"{word}"'.replace("\\", "\\\\") for word in words if '"' not in word]
    text = " ".join(("-" if is_negated else "") + word for word, is_negated in zip(quoted, negated, strict=False))
    plain = [word for word in words if '"' not in word]
    expected = tuple(Word(word, is_negated) for word, is_negated in zip(plain, negated, strict=False))
    assert parse_query(text) == expected


@pytest.fixture
def filled(index: Database) -> SyncScope:
    scope = add_sync(index, "gpu1", "/data")
    put_runs(
        index,
        scope,
        make_run(
            "a",
            project="cv",
            name="ResNet",
            created_at=local("2026-01-02"),
            started_at=0.0,
            ended_at=50.0,
            summary={"loss": 0.1, "best_metric_mode": "min", "nested": {"deep": {"x": 3}}, "amp": True},
            meta={"tags": ["Paper", "a b"], "config": {"lr": 0.01, "loss": 9.0, "opt": {"wd": 1e-4}}},
            best_metric_value=0.1,
            best_metric_name="loss",
        ),
        make_run(
            "b",
            project="nlp",
            name="BÉRT",
            created_at=local("2026-01-03"),
            summary={"loss": 0.5, "config": {"lr": 1}, "junk": ["NaN"], "text": "7"},
            meta={"tags": ["paper-2"]},
            best_metric_value=0.9,
        ),
        make_run("c", project="100%", name="x_y", created_at=None, status="running", pid=1),
    )
    put_runs(index, add_sync(index, "gpu10", "/data"), make_run("z", project="cv", created_at=local("2026-01-04")))
    add_series(index, scope, "c", "loss", 0.3)
    add_series(index, scope, "b", "loss", 0.01)
    add_series(index, scope, "c", "acc", None)
    return scope


def add_series(index: Database, scope: SyncScope, run_id: str, key: str, last: float | None) -> None:
    """Store what ``ingest`` would know of a metric's last value."""
    with index.writing() as connection:
        run = connection.execute(select(runs.c.id).where(runs.c.run_id == run_id)).scalar_one()
        source: dict[str, object] = {
            column.name: 0 for column in sources.c if not column.nullable and column.name != "id"
        }
        texts = {"path": f"{run_id}/{key}", "reader": "x", "state": "{}", "edge_hash": b""}
        source |= {"run_id": run, "sync_id": scope.sync_id, **texts}
        source_id = connection.execute(insert(sources).values(source).returning(sources.c.id)).scalar_one()
        row = {"source_id": source_id, "run_id": run, "key": key, "kind": "number", "points": 1, "last": last}
        connection.execute(insert(series).values(row))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "zbac"),
        ("resnet", "a"),
        ("RESNET", "a"),
        ("bért", "b"),
        ("BÉRT", "b"),
        ("%", "c"),
        ("_", "c"),
        ("x_y", "c"),
        ("gpu1/", "bac"),
        ("gpu1", "zbac"),
        ("server:gpu1", "bac"),
        ("server:GPU1*", "zbac"),
        ("server:gpu10 cv", "z"),
        ("-cv", "bc"),
        ("project:CV", "za"),
        ("project:c*", "za"),
        ('project:"c*"', ""),
        ("project:100%", "c"),
        ("project:cv project:nlp", "zba"),
        ("-project:cv,nlp", "c"),
        ("name:bért", "b"),
        ("name:b*t", "b"),
        ("name:*t", "ba"),
        ("name:r*", "a"),
        ("name:n*", ""),
        ("project:x*", ""),
        ("project:*v", "za"),
        ("name:BÉRT", "b"),
        ("id:a", "a"),
        ("id:gpu10/z", "z"),
        ("status:running", "c"),
        ("tag:paper", "a"),
        ("tag:PAPER*", "ba"),
        ('tag:"a b"', "a"),
        ("tag:b", ""),
        ("tag:*b", "a"),
        ('tag:paper tag:"a b"', "a"),
        ("-tag:paper*", "zc"),
        ("lr<0.1", "a"),
        ("lr>=1", "b"),
        ("lr!=1", "a"),
        ("opt.wd=1e-4", "a"),
        ("nested.deep.x>2", "a"),
        ("amp=1", "a"),
        ("text=7", ""),
        ("loss=9", "a"),
        ("loss<1", "bc"),
        ("loss=0.01", ""),
        ("-loss<1", "za"),
        ("acc<1", ""),
        ("best>0.5", "b"),
        ("best<0.5", "a"),
        ('"best"<5', ""),
        ("duration<60", "a"),
        ("created>2026-01-03", "zb"),
        ("created<2026-01-03", "a"),
        ("-created<2026-01-03", "zbc"),
        ("resnet tag:paper lr<1 loss>5 server:gpu1 -bert", "a"),
    ],
)
def test_a_query_finds_what_it_says(index: Database, filled: SyncScope, query: str, expected: str) -> None:
    found, total = RunStore(index).list_runs(RunFilter(q=query))
    assert "".join(row.run_id for row in found) == expected
    assert total == len(expected)
    paged, total = RunStore(index).list_runs(RunFilter(q=query, limit=1))
    assert "".join(row.run_id for row in paged) == expected[:1]
    assert total == len(expected)


def test_best_knows_where_less_is_better(index: Database, filled: SyncScope) -> None:
    found, _ = RunStore(index).list_runs(RunFilter(sort="best"))
    assert [row.run_id for row in found][:2] == ["b", "a"]
    put_runs(index, filled, make_run("d", best_metric_value=0.05, summary={"best_metric_mode": "min"}))
    found, _ = RunStore(index).list_runs(RunFilter(sort="best"))
    assert [row.run_id for row in found][:3] == ["b", "d", "a"]


def test_what_is_derived_follows_the_documents(index: Database, filled: SyncScope) -> None:
    put_runs(index, filled, make_run("a", project="cv", summary={"loss": 0.1}, meta={"config": {"lr": 5}}))

    def find(query: str) -> list[str]:
        return [row.run_id for row in RunStore(index).list_runs(RunFilter(q=query))[0]]

    assert find("lr=5") == ["a"]
    assert find("lr=0.01") == []
    assert find("opt.wd=1e-4") == []
    assert find("loss=0.1") == ["a"]
    assert find("tag:paper") == []
