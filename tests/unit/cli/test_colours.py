"""What a stranger's log may do to a terminal: set colours, and nothing else."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.cli.colours import RESET, tame

HARMLESS = re.compile(r"(?:[^\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\x1b\[[0-9;:]*m)*")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\tb", "a\tb"),
        ("\x1b[31mred\x1b[0m", f"\x1b[31mred\x1b[0m{RESET}"),
        ("\x1b[38;2;1;2;3mrgb \x1b[4:3mcurly", f"\x1b[38;2;1;2;3mrgb \x1b[4:3mcurly{RESET}"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("\x1b[10Aup", "up"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jc1", "c1"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1bP+q544e\x1b\\dcs", "dcs"),
        ("\x1b[>4;1mkeys", "keys"),
        ("\x1b[?25lhidden cursor", "hidden cursor"),
        ("\x1bcreset", "reset"),
        ("\x1b(0line drawing", "line drawing"),
        ("\x1b]0;unfinished", "0;unfinished"),
        ("\x1b", "\\x1b"),
        ("bell\x07 back\x08space", "bell backspace"),
        ("right \u202eto left", "right \\u202eto left"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"),
        ("line\u2028separator", "line\\u2028separator"),
        ("\r 10%\r 20%", " 20%"),
        (" 10%\r 20%\r", " 20%"),
        ("\r\r", ""),
        ("\x1b[32m 10%\r\x1b[33m 20%", f"\x1b[33m 20%{RESET}"),
        ("form\x0cfeed", "form\\x0cfeed"),
    ],
)
def test_a_line_is_shown_with_its_colours_and_without_anything_that_acts(text: str, shown: str) -> None:
    assert tame(text, has_colours=True) == shown
    assert tame(text, has_colours=False) == re.sub(r"\x1b\[[0-9;:]*m", "", shown)


@given(st.text(st.sampled_from("\x1b[]PX^_m;0159:?>Hc\x07\x08\r\x9b\x9c\x9d\\ a(é\u202e"), max_size=40), st.booleans())
def test_nothing_that_acts_on_a_terminal_is_ever_left(text: str, has_colours: bool) -> None:
    shown = tame(text, has_colours=has_colours)
    assert HARMLESS.fullmatch(shown), shown
    assert has_colours or "\x1b" not in shown


@pytest.mark.parametrize("unit", ["\x1b]", "\x1b[", "\x9d", "\x1bP", "\x1b[0;", "\x1b]0;\x9d", "\r", "\x1b(", "\x1b "])
def test_a_hostile_line_takes_no_time(unit: str) -> None:
    text = unit * (130_000 // len(unit))
    began = time.perf_counter()
    tame(text, has_colours=True)
    assert time.perf_counter() - began < 2.0
