"""``docs/cli.md`` and the README tell of the command line what the command line tells of itself."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runferry import errors

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
RUNFERRY = Path(sys.executable).with_name("runferry")


def ask_help(*words: str) -> str:
    command = [str(RUNFERRY), *words, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "200"}).stdout


def list_commands() -> list[str]:
    """Return the commands that ``runferry --help`` names."""
    _, _, after = ask_help().partition("Commands:")
    return re.findall(r"^  ([a-z][\w-]*)", after, re.MULTILINE)


def list_error_classes() -> list[type[errors.RunferryError]]:
    found = (value for _, value in inspect.getmembers(errors, inspect.isclass))
    return [value for value in found if issubclass(value, errors.RunferryError)]


def test_the_document_has_a_section_for_every_command_and_for_no_other() -> None:
    sections = re.findall(r"^### `runferry ([a-z-]+)", DOCUMENT, re.MULTILINE)
    assert sorted(sections) == sorted(list_commands())


@pytest.mark.parametrize("command", re.findall(r"^### `runferry ([a-z-]+)", DOCUMENT, re.MULTILINE))
def test_the_document_names_every_option_of_a_command_and_no_other(command: str) -> None:
    section = re.split(r"^##", DOCUMENT.partition(f"### `runferry {command}")[2], maxsplit=1, flags=re.MULTILINE)[0]
    offered = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ask_help(command))) - {"--help"}
    shared = {"--url", "--data-dir", "--identity", "--password", "--json"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section))
    assert offered - shared <= named
    assert named <= offered, "the document promises an option that is not there"
    assert all(option in DOCUMENT for option in offered)


@pytest.mark.parametrize("kind", list_error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code_in_the_document(kind: type[errors.RunferryError]) -> None:
    rows = re.findall(r"^\| *(\d+) *\|.*$", DOCUMENT, re.MULTILINE)
    row = next((line for line in DOCUMENT.splitlines() if re.match(rf"\| *{kind.exit_code} *\|", line)), "")
    assert str(kind.exit_code) in rows
    assert f"`{kind.__name__}`" in row


def test_the_tree_in_the_errors_module_is_true() -> None:
    drawn = dict(re.findall(r"(\w+) +\d{3} +exit (\d+)", inspect.getdoc(errors) or ""))
    assert drawn == {kind.__name__: str(kind.exit_code) for kind in list_error_classes()}


def test_every_command_of_the_readme_is_a_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"^\s*(?:\.venv/bin/)?runferry ([a-z]+)", readme, re.MULTILINE))
    assert used
    assert used <= set(list_commands())


def test_every_make_target_of_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        used = set(re.findall(r"`?make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8")))
        assert used
        assert used <= targets
