"""What the project has agreed on about its own files, held to by reading them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 500
WAITING = Path("tests/support/waiting.py")
HERE = Path("tests/meta/test_conventions.py")

SKIPS = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b|unittest\.skip")
SLEEPS = re.compile(r"(?:\btime|asyncio)\.sleep\((?!0(?:\.0\d+)?\))|^from time import .*\bsleep\b", re.MULTILINE)
"""Ticks below a tenth of a second are let through: they pace a loop that samples or watches, and wait for nothing."""

FORBIDDEN_NAMES = frozenset({"utils", "helpers", "common", "manager", "misc"})


def list_files(*patterns: str) -> list[Path]:
    """Return the project's own files, relative to its root: those that git tracks or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(path for name in set(listed) if (ROOT / (path := Path(name))).is_file())


def find(pattern: re.Pattern[str], files: list[Path]) -> Iterator[str]:
    for path in files:
        text = (ROOT / path).read_text(encoding="utf-8")
        for found in pattern.finditer(text):
            yield f"{path}:{text[: found.start()].count(chr(10)) + 1}: {found[0].strip()}"


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    files = [path for path in list_files("tests/*.py") if path != HERE]
    assert files
    assert not list(find(SKIPS, files))


def test_no_test_sleeps_outside_the_one_place_that_waits() -> None:
    files = [path for path in list_files("tests/*.py") if path not in (WAITING, HERE)]
    assert not list(find(SLEEPS, files))


def test_no_source_file_is_longer_than_the_limit() -> None:
    files = list_files("src/*.py", "tests/*.py", "bench/*.py", "src/*.js", "src/*.css", "scripts/*")
    long = {str(path): count for path in files if (count := len((ROOT / path).read_text().splitlines())) > MOST_LINES}
    assert not long


def test_every_module_says_what_it_is() -> None:
    modules = [path for path in list_files("src/*.py") if (ROOT / path).stat().st_size]
    silent = [str(path) for path in modules if not (ROOT / path).read_text().lstrip().startswith(('"""', "#!"))]
    assert not silent
    assert not [str(path) for path in modules if path.stem in FORBIDDEN_NAMES]


LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", list_files("*.md", ":!tests/data"), ids=str)
def test_links_of_a_document_resolve(path: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", (ROOT / path).read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (ROOT / path.parent / name) if name else ROOT / path
        if not file.exists() or (anchor and anchor not in list_anchors(file)):
            broken.append(target)
    assert not broken


def list_anchors(file: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+\s+(.*)$", FENCE.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
