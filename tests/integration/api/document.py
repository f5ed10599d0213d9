"""Reads ``tests/data/ssh_api.md``: its sections, its code blocks, its tables, and what shapes they promise."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "data/ssh_api.md"


@dataclass(frozen=True)
class Block:
    """One fenced block, and the headings it stands under, outermost first."""

    headings: tuple[str, ...]
    language: str
    text: str


@dataclass(frozen=True)
class Section:
    """Everything below one second-level heading."""

    title: str
    blocks: Sequence[Block]
    text: str

    def of(self, language: str, heading: str = "") -> list[str]:
        """Return the blocks in a language, of one sub-heading if it is named."""
        return [b.text for b in self.blocks if b.language == language and (not heading or heading in b.headings)]

    def json(self, heading: str = "") -> list[Any]:
        return [json.loads(text) for text in self.of("json", heading)]

    def table(self, first_column: str) -> list[list[str]]:
        """Return the rows of each table whose first column has this title, without backticks."""
        rows: list[list[str]] = []
        is_inside = False
        for line in self.text.splitlines():
            cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
            if not line.startswith("|"):
                is_inside = False
            elif cells[0] == first_column:
                is_inside = True
            elif is_inside and not set(line) <= set("|-: "):
                rows.append(cells)
        return rows


def read_sections() -> dict[str, Section]:
    parts = re.split(r"^## (.+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {title: read_section(title, text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def read_section(title: str, text: str) -> Section:
    blocks: list[Block] = []
    headings, language, lines = [title], None, list[str]()
    for line in text.splitlines():
        if language is None and line.startswith("### "):
            headings = [title, line[4:].strip()]
        elif language is None and line.startswith("```"):
            language, lines = line[3:].strip(), []
        elif language is not None and line.startswith("```"):
            blocks.append(Block(tuple(headings), language, "\n".join(lines)))
            language = None
        elif language is not None:
            lines.append(line)
    return Section(title, blocks, text)


def read_interfaces(section: Section) -> dict[str, dict[str, tuple[str, bool]]]:
    """Return the TypeScript interfaces: field -> (type, whether it is optional)."""
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for text in section.of("typescript"):
        name = re.search(r"interface (\w+)", text)
        assert name
        fields = re.findall(r"^\s+(\w+)(\??): ([^/\n]+?)\s*(?://.*)?$", text, flags=re.MULTILINE)
        found[name[1]] = {field: (kind, mark == "?") for field, mark, kind in fields}
    return found


def expect_shape(promised: Any, given: Any, where: str = "body") -> None:
    """Fail unless ``given`` has every promised key, with values of the same JSON types (1 and 1.0 differ)."""
    assert type(given) is type(promised), f"{where}: {given!r} is not like {promised!r}"
    if isinstance(promised, dict):
        for key, value in promised.items():
            assert key in given, f"{where}: no {key} in {sorted(given)}"
            expect_shape(value, given[key], f"{where}.{key}")
    elif isinstance(promised, list) and promised:
        assert given, f"{where}: empty"
        for position, item in enumerate(given):
            expect_shape(promised[0], item, f"{where}[{position}]")
