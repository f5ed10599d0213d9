"""The user's terminal: plain lines to stdout, notes and questions to stderr. Everything shown is cleaned here.

It never prints a secret and never lets text from a server act on the terminal.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runferry.cli.text import clean
from runferry.errors import InvalidCredentials

UNBOUNDED = 10_000
"""Columns of an output that is no terminal: nothing is cut where a program reads."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; a number is aligned right, a ``flexible`` one gives way first where it is narrow."""

    title: str
    is_number: bool = False
    is_flexible: bool = False


class Terminal:
    """Where a command shows and asks. ``is_interactive``: somebody is there to answer."""

    def __init__(self) -> None:
        self.out = make_console(is_error=False)
        self.err = make_console(is_error=True)

    @property
    def is_interactive(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: str = "", *, style: str = "") -> None:
        """Print one line of the command's result."""
        self.out.print(Text(clean(text), style=style), soft_wrap=True)

    def note(self, text: str, *, style: str = "") -> None:
        """Print one line about the work, not part of the result."""
        self.err.print(Text(clean(text), style=style), soft_wrap=True)

    def write(self, text: str) -> None:
        """Print JSON as it is: it has no raw control characters, they are escaped in it."""
        sys.stdout.write(f"{text}\n")

    def show_table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, column in enumerate(columns):
            widest = max((len(row[number]) for row in rows), default=0)
            table.add_column(
                column.title,
                justify="right" if column.is_number else "left",
                no_wrap=True,
                overflow="ellipsis",
                min_width=None if column.is_flexible else max(widest, len(column.title)),
            )
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self.out.print(table)

    def ask(self, prompt: str, *, is_secret: bool) -> str:
        """Ask a question. Raises InvalidCredentials where nobody can answer."""
        if not self.is_interactive:
            raise InvalidCredentials(f"Nobody is here to answer: {clean(prompt).strip()}")
        try:
            if is_secret:
                return getpass.getpass(f"{clean(prompt).rstrip()} ")
            sys.stderr.write(f"{clean(prompt).rstrip()} ")
            sys.stderr.flush()
            return input()
        except EOFError:
            raise InvalidCredentials("The question was not answered.") from None

    def confirm(self, question: str) -> bool:
        """Ask for a yes; anything else, and no answer, is a no."""
        try:
            return self.ask(f"{question} [y/N]", is_secret=False).strip().lower() in ("y", "yes")
        except InvalidCredentials:
            return False

    def read_secret_line(self) -> str:
        """Read a secret that a program wrote to our standard input. Raises InvalidCredentials when there is none."""
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise InvalidCredentials("--password: no password on standard input.")
        return line


def make_console(*, is_error: bool) -> Console:
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else UNBOUNDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
