"""A run's state is what its tool wrote, corrected only by what its own server said of its process."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.model import Liveness
from runferry.store.verdict import Activity, Check, Scene, describe_age, effective_status_of, judge

NOW = 1_767_302_000.0  # 2026-01-01 21:13:20 UTC
ALIVE = Check(Liveness.ALIVE, "pid 4242 is alive on gpu1", NOW - 3)
GONE = Check(Liveness.GONE, "pid 4242 no longer exists on gpu1", NOW - 600)
RESTARTED = Check(Liveness.GONE, "gpu1 restarted since", NOW - 600)
UNKNOWN = Check(Liveness.UNKNOWN, "the run was written on node7, this is gpu1", NOW - 3)
SCENE = Scene(NOW, True, pid=4242, hostname="gpu1", zone=UTC)
CLOSED = replace(SCENE, is_connected=False)
LOST = replace(CLOSED, is_lost=True)

checks = st.none() | st.sampled_from([ALIVE, GONE, UNKNOWN])


@settings(deadline=None)
@given(written=st.text(min_size=1).filter(lambda text: text != "running"), check=checks, connected=st.booleans())
def test_an_end_the_tool_wrote_is_never_overruled(written: str, check: Check | None, connected: bool) -> None:
    scene = replace(SCENE, is_connected=connected)
    assert judge(written, check, scene) == (written, "written by the run itself")


@settings(deadline=None)
@given(check=checks, connected=st.booleans(), is_gone=st.booleans())
def test_a_running_run_fails_only_by_its_servers_word(check: Check | None, connected: bool, is_gone: bool) -> None:
    status, _ = judge("running", check, replace(SCENE, is_connected=connected, is_gone=is_gone))
    assert status == effective_status_of("running", check) == ("failed" if check is GONE else "running")


@pytest.mark.parametrize(
    ("check", "scene", "evidence"),
    [
        (ALIVE, SCENE, "process 4242 alive on gpu1, checked 3 s ago"),
        (
            replace(ALIVE, checked_at=NOW - 3600),
            SCENE,
            "unverified: process 4242 was alive on gpu1, checked 1 h ago",
        ),
        (UNKNOWN, SCENE, "unverified: the run was written on node7, this is gpu1, checked 3 s ago"),
        (None, SCENE, "unverified: not checked yet"),
        (None, CLOSED, "unverified: not connected to its server"),
        (None, LOST, "unverified: connection lost"),
        (None, replace(LOST, contact_at=NOW - 7200), "unverified: connection lost 2 h ago"),
        (
            replace(ALIVE, checked_at=NOW - 7200),
            replace(LOST, contact_at=NOW - 7300),
            "unverified: connection lost 2 h ago; process 4242 was alive on gpu1 then",
        ),
        (
            UNKNOWN,
            replace(CLOSED, contact_at=NOW - 60),
            "unverified: not connected, last heard of its server 3 s ago",
        ),
        (GONE, SCENE, "process 4242 gone since 21:03 (checked 10 min ago), exit unknown"),
        (
            GONE,
            replace(LOST, activity=Activity("log line", NOW - 670)),
            "process 4242 gone since 21:03 (checked 10 min ago), last log line 21:02:10, exit unknown",
        ),
        (
            RESTARTED,
            replace(SCENE, activity=Activity("metric", NOW - 86400)),
            "process 4242 gone since 21:03 (gpu1 restarted since, checked 10 min ago), "
            "last metric 2025-12-31 21:13:20, exit unknown",
        ),
    ],
)
def test_the_evidence_says_who_said_what_and_when(check: Check | None, scene: Scene, evidence: str) -> None:
    assert judge("running", check, scene)[1] == evidence


def test_a_run_that_left_the_server_is_unverified() -> None:
    evidence = judge("running", ALIVE, replace(SCENE, is_gone=True))[1]
    assert evidence == "unverified: its directory is gone from the server"


def test_a_run_without_a_readable_status_is_unverified() -> None:
    assert judge("", ALIVE, SCENE) == ("unverified", "unverified: no readable status yet")


def test_ages_are_said_as_people_say_them() -> None:
    ages = [describe_age(seconds) for seconds in (-5, 0, 59.9, 60, 3599, 3600, 172_799, 172_800)]
    assert ages == ["0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 days"]
