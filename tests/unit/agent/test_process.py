"""Is the process that wrote a run still there? The judgement alone; the contract tests ask the real /proc."""

from __future__ import annotations

import pytest

from runferry.agent.process import Facts, is_same_host, judge, parse_boot_time, parse_stat

BOOT = 1_700_000_000.0


def facts(stat: str | None = None, exists: bool | None = None, booted: float = BOOT) -> Facts:
    return Facts("gpu1", booted, 100, stat, exists)


def stat_of(state: str = "S", ticks: int = 1000) -> str:
    return f"4242 (a (weird) name) {state} " + " ".join(["0"] * 18) + f" {ticks} 0 0"


def test_a_process_that_is_there_is_alive() -> None:
    assert judge(4242, "gpu1", BOOT + 60, facts(stat_of())) == ("alive", "pid 4242 is alive on gpu1")


def test_one_that_is_not_there_is_gone() -> None:
    assert judge(4242, "gpu1", BOOT + 60, facts(exists=False)) == ("gone", "pid 4242 no longer exists on gpu1")


def test_one_that_is_hidden_from_us_but_takes_signals_is_alive() -> None:
    assert judge(4242, "gpu1", BOOT + 60, facts(exists=True))[0] == "alive"


def test_a_pid_taken_by_a_later_process_is_gone() -> None:
    later = facts(stat_of(ticks=100_000))  # 1000 s after the boot
    assert judge(4242, "gpu1", BOOT + 60, later) == ("gone", "pid 4242 on gpu1 now belongs to a process started later")


def test_a_process_that_started_just_before_its_run_is_not_mistaken_for_a_later_one() -> None:
    assert judge(4242, "gpu1", BOOT + 10, facts(stat_of(ticks=1150)))[0] == "alive"


def test_a_restart_ends_every_process() -> None:
    assert judge(4242, "gpu1", BOOT - 60, facts(stat_of())) == ("gone", "gpu1 restarted since")


def test_a_zombie_has_ended() -> None:
    assert judge(4242, "gpu1", BOOT + 60, facts(stat_of("Z")))[0] == "gone"


def test_another_host_cannot_be_judged_here() -> None:
    answer = judge(4242, "gpu7", BOOT + 60, facts(stat_of()))
    assert answer == ("unknown", "the run was written on gpu7, this is gpu1")
    assert judge(4242, "", BOOT + 60, facts(stat_of()))[0] == "unknown"


def test_what_cannot_be_seen_is_unknown() -> None:
    assert judge(4242, "gpu1", BOOT + 60, facts())[0] == "unknown"
    assert judge(0, "gpu1", BOOT + 60, facts(stat_of()))[0] == "unknown"
    assert judge(2**40, "gpu1", BOOT + 60, facts(stat_of()))[0] == "unknown"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpu1", "gpu1", True),
        ("GPU1", "gpu1.", True),
        ("gpu1", "gpu1.cluster.org", True),
        ("gpu1.cluster.org", "gpu1", True),
        ("gpu1.a.org", "gpu1.b.org", False),
        ("gpu1", "gpu10", False),
        ("", "gpu1", False),
        ("", "", False),
    ],
)
def test_host_names_may_be_short_or_full(one: str, other: str, same: bool) -> None:
    assert is_same_host(one, other) is same


def test_the_kernels_texts_are_understood_and_damaged_ones_do_no_harm() -> None:
    assert parse_stat(stat_of("R", 77)) == ("R", 77)
    assert parse_stat("nonsense") == ("?", 0)
    assert parse_boot_time("cpu 1 2\nbtime 1700000000\nprocesses 5\n") == BOOT
    assert parse_boot_time("") == 0.0
