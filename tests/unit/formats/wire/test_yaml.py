"""YAML as tools write it, and YAML that means harm."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.formats.wire.yaml import DEPTH, NESTING, read_yaml, read_yaml_object

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=PLAIN, style=st.sampled_from([None, True, False]))
def test_what_pyyaml_writes_is_read_as_it_was(value: object, style: bool | None) -> None:
    assert read_yaml(yaml.safe_dump(value, default_flow_style=style).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-05),
        ("1.0e-05", 1e-05),
        (".nan", "NaN"),
        ("-.inf", "-Infinity"),
        ("2026-11-22", "2026-11-22"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("0123", "0123"),
        ("99999999999999999999", 1e20),
        ("null", None),
        ("~", None),
        ("'run: α/β'", "run: α/β"),
        ("${a.b}", "${a.b}"),
        ("[1, {a: 2}]", [1, {"a": 2}]),
        ("!!python/tuple [1, 2]", [1, 2]),
        ("!!python/object:os.system {command: x}", {"command": "x"}),
        ("{1: a, true: b, null: c, [1]: d}", {"1": "a", "true": "b", "null": "c", "...": "d"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("1e+999", "Infinity"),
        ("7e12345", "7e12345"),
        ("1.5e3", 1500.0),
    ],
)
def test_scalars_tags_and_anchors_become_plain_values(text: str, value: object) -> None:
    assert read_yaml(text.encode()) == value


def test_a_document_that_repeats_itself_without_end_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert read_yaml("\n".join(lines).encode()) is None
    assert read_yaml(b"&a [*a]") == [None]


def test_what_lies_too_deep_is_cut() -> None:
    value = read_yaml(b"[" * NESTING + b"]" * NESTING)
    for _ in range(DEPTH):
        assert isinstance(value, list)
        (value,) = value
    assert value == "..."


@pytest.mark.parametrize("levels", [NESTING + 1, 5000])
def test_what_nests_without_end_is_refused(levels: int) -> None:
    assert read_yaml(b"[" * levels + b"]" * levels) is None


def test_only_mappings_are_objects() -> None:
    assert read_yaml_object(b"a: 1\n---\nb: 2\n") == {"a": 1}
    assert read_yaml_object(b"- 1\n") is None
    assert read_yaml_object(b"") is None
    assert read_yaml_object(b"a: [1\n") is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="a:-[]{}&*!|>'\"%@# \n\t\r0.~", max_size=80).map(str.encode))
def test_garbage_is_never_an_exception(data: bytes) -> None:
    value = read_yaml(data)
    assert not isinstance(value, float) or math.isfinite(value)
