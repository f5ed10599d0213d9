"""Reading what users type for a server and a place on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.errors import InvalidRequest
from runferry.ssh.target import Target, parse_location, parse_target


@pytest.mark.parametrize(
    ("text", "host", "port", "username"),
    [
        ("gpu1", "gpu1", None, None),
        ("ann@gpu1", "gpu1", None, "ann"),
        ("ann@gpu1:2222", "gpu1", 2222, "ann"),
        (" ann@gpu1 ", "gpu1", None, "ann"),
        ("ann@corp@gpu1", "gpu1", None, "ann@corp"),
        ("::1", "::1", None, None),
        ("ann@::1", "::1", None, "ann"),
        ("[::1]:2222", "::1", 2222, None),
        ("ann@[fe80::1%eth0]", "fe80::1%eth0", None, "ann"),
        ("ssh://gpu1", "gpu1", None, None),
        ("ssh://ann@gpu1:2222/", "gpu1", 2222, "ann"),
        ("ssh://ann@[::1]:22", "::1", 22, "ann"),
    ],
)
def test_a_target_is_read(text: str, host: str, port: int | None, username: str | None) -> None:
    assert parse_target(text) == Target(host, port, username)


@pytest.mark.parametrize(
    "text",
    [
        *("", "@gpu", "gpu:", "gpu:x", "gpu:0", "gpu:65536", "gpu:22:22@", "-oProxyCommand=x", "a b"),
        *("ann@-x", "-x@gpu", "gpu,other", "g\npu", "gpu\0", "*", "!gpu", "[::1", "[::1]22", "a/b"),
        *("ssh://", "ssh://gpu/path", "ssh://ann:secret@gpu", "ssh://gpu:x", "gpu:٣", "x" * 300, "1.2.3.4:22:data"),
    ],
)
def test_what_cannot_be_a_target_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_target(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "target", "path"),
    [
        ("ann@gpu1:/data/runs", Target("gpu1", None, "ann"), "/data/runs"),
        ("gpu1:", Target("gpu1"), ""),
        ("gpu1", Target("gpu1"), ""),
        ("gpu1:runs", Target("gpu1"), "runs"),
        ("gpu1:~/runs", Target("gpu1"), "~/runs"),
        ("gpu1:/odd:name@x", Target("gpu1"), "/odd:name@x"),
        ("ann@gpu1:2222:/data", Target("gpu1", 2222, "ann"), "/data"),
        ("gpu1:2222", Target("gpu1"), "2222"),
        ("ann@[::1]:/data", Target("::1", None, "ann"), "/data"),
        ("[::1]:2222:/data", Target("::1", 2222), "/data"),
        ("ssh://ann@gpu1:2222/data/a%20b", Target("gpu1", 2222, "ann"), "/data/a b"),
        ("ssh://gpu1/~/runs", Target("gpu1"), "~/runs"),
        ("ssh://gpu1", Target("gpu1"), ""),
    ],
)
def test_a_location_is_read(text: str, target: Target, path: str) -> None:
    assert parse_location(text) == (target, path)


@pytest.mark.parametrize("text", ["/data", ":/data", "@gpu:/x", "[::1]x", "a b:/x", "gpu:99999:/x"])
def test_what_cannot_be_a_location_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_location(text)


names = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)


@given(host=names, port=st.none() | st.integers(1, 65535), username=st.none() | names)
def test_a_target_survives_being_written_and_read(host: str, port: int | None, username: str | None) -> None:
    target = Target(host, port, username)
    assert parse_target(str(target)) == target


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_target, parse_location):
        try:
            parse(text)
        except InvalidRequest as error:
            assert str(error).isprintable()  # noqa: PT017 - most texts are refused, some are not
