"""A server is its host key; its label and directory never change and never clash."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runferry.store.db import Database
from runferry.store.servers import ServerRow, ensure_server

KEY_A = "SHA256:Ab+/cDef0123456789AbcdefghijklmnopqrstuvwxyZ"
KEY_B = "SHA256:Zz9/cDef0123456789AbcdefghijklmnopqrstuvwxyZ"


def meet(index: Database, host_key: str, host: str, port: int | None = None) -> ServerRow:
    with index.writing() as connection:
        return ensure_server(connection, host_key, host=host, port=port, now=1.0)


def test_a_server_is_labelled_by_its_host_and_its_port_only_where_that_is_unusual(index: Database) -> None:
    assert meet(index, KEY_A, "gpu1", 22).label == "gpu1"
    assert meet(index, KEY_B, "gpu1", 2222).label == "gpu1:2222"


def test_the_same_key_under_another_name_keeps_its_first_label(index: Database) -> None:
    first = meet(index, KEY_A, "gpu1")
    assert meet(index, KEY_A, "10.0.0.5", 2200) == first


def test_another_key_under_a_taken_name_is_told_apart_by_its_fingerprint(index: Database) -> None:
    first, second = meet(index, KEY_A, "gpu1"), meet(index, KEY_B, "gpu1")
    assert second.label == "gpu1~zz9cde"
    assert second.directory == "gpu1-zz9cdef0"
    assert first.id != second.id


def test_fingerprints_that_begin_alike_still_get_their_own_labels(index: Database) -> None:
    keys = [KEY_A, KEY_A + "b", KEY_A + "c", "SHA256:", "SHA256:+"]
    rows = [meet(index, key, "gpu1") for key in keys]
    assert len({row.label for row in rows}) == len(keys)
    assert len({row.directory for row in rows}) == len(keys)


def test_an_ipv6_address_with_a_port_stays_readable(index: Database) -> None:
    row = meet(index, KEY_A, "::1", 2222)
    assert row.label == "[::1]:2222"
    assert row.directory == "1-2222-abcdef01"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(host=st.text(min_size=1), port=st.none() | st.integers(1, 65535), key=st.text())
def test_any_host_gives_a_safe_directory_and_a_label_without_slash(
    index: Database, host: str, port: int | None, key: str
) -> None:
    row = meet(index, "SHA256:" + key.encode().hex(), host, port)
    assert re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,200}", row.directory)
    assert "/" not in row.label
