"""A run's state is what its tool wrote, corrected only by what its own server said of its process."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.model import Liveness
from runferry.store.verdict import Check, describe_age, judge

NOW = 10_000.0
ALIVE = Check(Liveness.ALIVE, "pid 4242 alive on gpu1", NOW - 3)
GONE = Check(Liveness.GONE, "process gone: pid 4242 is not on gpu1", NOW - 3)
UNKNOWN = Check(Liveness.UNKNOWN, "the run was started on node7", NOW - 3)

checks = st.none() | st.sampled_from([ALIVE, GONE, UNKNOWN])


@settings(deadline=None)
@given(written=st.text(min_size=1).filter(lambda text: text != "running"), check=checks, connected=st.booleans())
def test_an_end_the_tool_wrote_is_never_overruled(written: str, check: Check | None, connected: bool) -> None:
    assert judge(written, check, now=NOW, connected=connected) == (written, "written by the run itself")


@settings(deadline=None)
@given(check=checks, connected=st.booleans(), is_gone=st.booleans())
def test_a_running_run_fails_only_by_its_servers_word(check: Check | None, connected: bool, is_gone: bool) -> None:
    status, _ = judge("running", check, now=NOW, connected=connected, is_gone=is_gone)
    assert status == ("failed" if check is GONE else "running")


@pytest.mark.parametrize(
    ("check", "connected", "evidence"),
    [
        (ALIVE, True, "pid 4242 alive on gpu1, checked 3 s ago"),
        (ALIVE, False, "unverified: not connected to its server; pid 4242 alive on gpu1, checked 3 s ago"),
        (UNKNOWN, True, "unverified: the run was started on node7, checked 3 s ago"),
        (None, True, "unverified: not checked yet"),
        (None, False, "unverified: not connected to its server"),
        (GONE, False, "process gone: pid 4242 is not on gpu1; it never wrote an end; checked 3 s ago"),
    ],
)
def test_the_evidence_says_who_said_what_and_when(check: Check | None, connected: bool, evidence: str) -> None:
    assert judge("running", check, now=NOW, connected=connected)[1] == evidence


def test_an_old_answer_no_longer_speaks_for_the_present() -> None:
    status, evidence = judge("running", ALIVE, now=NOW + 3600, connected=True)
    assert (status, evidence) == ("running", "unverified: pid 4242 alive on gpu1, checked 1 h ago")


def test_a_run_that_left_the_server_is_unverified() -> None:
    evidence = judge("running", ALIVE, now=NOW, connected=True, is_gone=True)[1]
    assert evidence == "unverified: its directory is gone from the server"


def test_a_run_without_a_readable_status_is_unverified() -> None:
    assert judge("", ALIVE, now=NOW, connected=True) == ("unverified", "unverified: no readable status yet")


def test_ages_are_said_as_people_say_them() -> None:
    ages = [describe_age(seconds) for seconds in (-5, 0, 59.9, 60, 3599, 3600, 172_799, 172_800)]
    assert ages == ["0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 days"]
