"""The headers of files, whatever their names are."""

from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from runferry.api.file_headers import describe_disposition, describe_type, make_headers

ACTIVE = ("html", "htm", "xhtml", "svg", "xml", "xsl", "js", "mjs", "css", "pdf", "swf", "wasm", "hta", "mht")


def test_what_a_browser_could_run_is_only_saved() -> None:
    for suffix in (*ACTIVE, *(suffix.upper() for suffix in ACTIVE)):
        assert describe_type(f"file.{suffix}") == ("application/octet-stream", False)
    assert describe_type("html") == ("application/octet-stream", False)
    assert describe_type("a.html.txt") == ("text/plain; charset=utf-8", True)


@given(st.text(min_size=1))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    text = describe_disposition(name, is_shown=False)
    assert text.isascii()
    assert text.isprintable()
    assert text.count('"') == 2
    encoded = text.rpartition("''")[2]
    if not any(0xD800 <= ord(one) < 0xE000 for one in name):
        assert unquote(encoded) == name


@given(st.floats(-1e10, 1e10), st.floats(-1e6, 1e12))
def test_odd_clocks_give_headers_all_the_same(mtime: float, age: float) -> None:
    headers = make_headers("a", etag="e", mtime=mtime, age=age, freshness="live")
    assert int(headers["Age"]) >= 0
    assert headers["Last-Modified"].endswith("GMT")
