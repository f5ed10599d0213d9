"""Paces: what goes on is asked for ever less, and what has been calm as soon as ever."""

from __future__ import annotations

from runferry.service.paces import Paces


def test_what_goes_on_is_asked_for_ever_less_and_what_was_calm_at_once() -> None:
    now = 100.0
    paces = Paces(lambda: now, shortest=1.0, longest=10.0)
    assert paces.wait("run") == 0
    for pause in (1, 2, 4, 8, 10, 10):
        paces.note(["run"])
        assert (paces.wait("run"), paces.wait("other")) == (pause, 0)
        now += pause
    now += 10.5
    paces.note(["run"])
    assert paces.wait("run") == 1
    paces.clear()
    assert paces.wait("run") == 0
