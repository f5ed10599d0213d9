"""The user's terminal: plain lines to stdout, notes and questions to stderr. Everything shown is cleaned here.

It never prints a secret and never lets text from a server act on the terminal.
"""

from __future__ import annotations

import asyncio
import getpass
import select
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runferry.blocking import in_thread, wait_out
from runferry.cli.text import clean
from runferry.errors import InvalidCredentials

P = ParamSpec("P")
T = TypeVar("T")

LOOK_SECONDS = 0.1
"""How soon a question that is given up is no longer waited for."""

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
        self._has_given_up = threading.Event()

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

    async def talk(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what asks the person in a thread. Ctrl-C ends the question: nobody has to answer it first."""
        talking = asyncio.ensure_future(in_thread(function, *args, **kwargs))
        try:
            return await asyncio.shield(talking)
        except asyncio.CancelledError:
            self._has_given_up.set()
            await wait_out([talking])
            if not talking.cancelled():
                talking.exception()
            raise

    def ask(self, prompt: str, *, is_secret: bool) -> str:
        """Ask a question. Raises InvalidCredentials where nobody can answer."""
        if not self.is_interactive:
            raise InvalidCredentials(f"Nobody is here to answer: {clean(prompt).strip()}")
        shown = f"{clean(prompt).rstrip()} "
        try:
            if sys.platform == "win32" and is_secret:
                return getpass.getpass(shown)
            with silence() if is_secret else nullcontext():
                sys.stderr.write(shown)
                sys.stderr.flush()
                return self._read_line()
        except EOFError:
            raise InvalidCredentials("The question was not answered.") from None

    def _read_line(self) -> str:
        """Return the line that the person types. Raises EOFError where there is none, and where it is given up."""
        while sys.platform != "win32" and not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            if self._has_given_up.is_set():
                raise EOFError
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\r\n")

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


@contextmanager
def silence() -> Iterator[None]:
    """Show nothing of what is typed meanwhile."""
    if sys.platform == "win32":
        yield
        return
    import termios

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(keyboard, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
        sys.stderr.write("\n")
        sys.stderr.flush()
