"""How lines that are not finished look on a terminal, and where there is none."""

from __future__ import annotations

from io import StringIO

import pytest

from runferry.cli.tail import CLEAR_LINE, Printer


@pytest.fixture
def paper() -> StringIO:
    return StringIO()


def test_a_line_that_grows_is_replaced_on_a_terminal_and_written_once(paper: StringIO) -> None:
    printer = Printer(paper, is_terminal=True, width=40)
    printer.show("first")
    printer.show("\r 10%", is_open=True)
    printer.show("\r 20%", is_open=True, is_rest=True)
    printer.show("\r100%", is_rest=True)
    printer.show("next")
    assert paper.getvalue() == f"first\n 10%{CLEAR_LINE} 20%{CLEAR_LINE}100%\nnext\n"


def test_a_line_that_grows_is_written_when_it_is_whole_where_there_is_no_terminal(paper: StringIO) -> None:
    printer = Printer(paper, is_terminal=False, width=10_000)
    printer.show("in ", is_open=True)
    printer.show("\x1b[31mparts", is_open=True, is_rest=True)
    assert paper.getvalue() == ""
    printer.show("", is_rest=True)
    assert paper.getvalue() == "in parts\n"


def test_a_line_that_never_ends_is_written_at_the_end(paper: StringIO) -> None:
    printer = Printer(paper, is_terminal=False, width=10_000)
    printer.show("no newline", is_open=True)
    printer.end()
    printer.end()
    assert paper.getvalue() == "no newline\n"


def test_a_line_that_is_wider_than_the_terminal_does_not_wrap_before_it_is_whole(paper: StringIO) -> None:
    printer = Printer(paper, is_terminal=True, width=10)
    printer.show("漢" * 20, is_open=True)
    assert paper.getvalue() == "漢" * 4


def test_a_line_after_one_that_was_given_up_does_not_overwrite_it(paper: StringIO) -> None:
    printer = Printer(paper, is_terminal=True, width=40)
    printer.show("half", is_open=True)
    printer.show("of a new log")
    assert paper.getvalue() == f"half{CLEAR_LINE}half\nof a new log\n"
