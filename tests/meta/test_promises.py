"""What the documents promise is proven by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize("name", ["reliability.md", "security.md"])
def test_every_promise_names_tests_that_exist(name: str) -> None:
    lines = (ROOT / "docs" / name).read_text().splitlines()
    promises = [line for line in lines if line.startswith("| ") and not line.startswith("| Promise ")]
    assert len(promises) > 10
    missing: list[str] = []
    for line in promises:
        proofs = _PROOF.findall(line)
        missing += [f"{path}::{test}" for path, test in proofs if not has_test(ROOT / path, test)]
        assert proofs, f"no test is named: {line}"
    assert not missing


def has_test(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    found = ast.walk(ast.parse(path.read_text()))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in found)
