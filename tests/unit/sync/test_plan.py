"""Decisions about one file. A model server and a model copy show that following the plan always ends equal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.model import Entry, Kind, Version
from runferry.remote.base import SMALL_FILE, Priority
from runferry.store.files import content_hash
from runferry.store.sync_state import Held
from runferry.sync.plan import Step, decide, is_racy, may_grow, priority_of


def held(version: Version) -> Held:
    return Held(version, b"", 0, False, 0.0)


def test_a_file_that_equals_what_is_held_needs_nothing() -> None:
    version = Version(10, 5, 5, 7, 1)
    assert decide(Entry("a.json", Kind.FILE, version), held(version)) is Step.NOTHING


def test_status_json_that_grows_by_one_byte_is_replaced_not_appended() -> None:
    entry = Entry("r/status.json", Kind.FILE, Version(11, 6, 6, 7, 1))
    assert decide(entry, held(Version(10, 5, 5, 7, 1))) is Step.SMALL


def test_a_same_size_rewrite_is_noticed_by_any_time_or_the_inode() -> None:
    old = Version(10, 5, 5, 7, 1)
    for new in (Version(10, 6, 5, 7, 1), Version(10, 5, 6, 7, 1), Version(10, 5, 5, 8, 1)):
        assert decide(Entry("a.json", Kind.FILE, new), held(old)) is Step.SMALL


def test_a_log_that_grew_is_appended_to_and_one_that_shrank_is_read_anew() -> None:
    old = Version(10, 5, 5, 7, 1)
    assert decide(Entry("logs.txt", Kind.FILE, Version(20, 6, 6, 7, 1)), held(old)) is Step.GROW
    assert decide(Entry("logs.txt", Kind.FILE, Version(5, 6, 6, 7, 1)), held(old)) is Step.SMALL


def test_a_log_of_which_more_was_read_than_is_listed_yet_is_read_on() -> None:
    """Fetched as it is listed, the copy would go backwards."""
    read, big = Version(SMALL_FILE + 50, 9, 9, 7, 1), SMALL_FILE + 1
    assert decide(Entry("logs.txt", Kind.FILE, Version(big, 5, 5, 7, 1)), held(read)) is Step.GROW
    assert decide(Entry("logs.txt", Kind.FILE, Version(big, 11, 11, 7, 1)), held(read)) is Step.BIG


def test_a_log_with_two_names_is_never_appended_to_in_place() -> None:
    entry = Entry("logs.txt", Kind.FILE, Version(20, 6, 6, 7, 1), links=2)
    assert decide(entry, held(Version(10, 5, 5, 7, 1))) is Step.SMALL


def test_a_big_file_whose_times_alone_changed_is_verified_before_it_is_fetched_again() -> None:
    big = SMALL_FILE + 1
    entry = Entry("model.pt", Kind.FILE, Version(big, 5, 9, 7, 1))
    assert decide(entry, held(Version(big, 5, 5, 7, 1))) is Step.VERIFY
    grown = Entry("model.pt", Kind.FILE, Version(big + 1, 5, 9, 7, 1))
    assert decide(grown, held(Version(big, 5, 5, 7, 1))) is Step.BIG


def test_a_suspect_is_looked_at_although_nothing_seems_to_differ() -> None:
    small, big = Version(10, 5, 5, 7, 1), Version(SMALL_FILE + 1, 5, 5, 7, 1)
    assert decide(Entry("a.json", Kind.FILE, small), held(small), is_suspect=True) is Step.SMALL
    assert decide(Entry("model.pt", Kind.FILE, big), held(big), is_suspect=True) is Step.VERIFY
    assert decide(Entry("logs.txt", Kind.FILE, big), held(big), is_suspect=True) is Step.GROW


def test_links_and_devices_are_never_opened() -> None:
    for kind in (Kind.LINK, Kind.OTHER):
        assert decide(Entry("x", kind, Version(1, 1)), None) is Step.NOTHING


def test_names_that_suggest_growth() -> None:
    for name in ("logs.txt", "events.jsonl", "train.log", "r/events.out.tfevents.17.host.0", "m.CSV", "run-1.wandb"):
        assert may_grow(name), name
    for name in ("status.json", "model.pt", "config.yaml", "a.png", "log"):
        assert not may_grow(name), name


def test_metadata_goes_first_and_bulk_last() -> None:
    order = [priority_of(*file) for file in (("status.json", 10), ("a.png", 10), ("a.json", SMALL_FILE + 1))]
    assert order == [Priority.METADATA, Priority.SMALL, Priority.BULK]


def test_a_file_is_racy_until_two_seconds_after_its_last_change() -> None:
    version = Version(1, 10_000_000_000, 10_500_000_000)
    assert is_racy(version, 12_400_000_000)
    assert not is_racy(version, 12_500_000_000)
    assert not is_racy(version, 0)


def test_a_file_whose_time_is_set_to_one_to_come_is_not_racy_for_ever() -> None:
    a_year, now = 31_536_000_000_000_000, 1_700_000_000_000_000_000
    assert is_racy(Version(1, now + a_year, now), now + 1_000_000_000)
    assert not is_racy(Version(1, now + a_year, now), now + 2_000_000_000)
    assert is_racy(Version(1, now + 5_000_000_000, now + 5_000_000_000), now), "a filesystem whose clock is ahead"
    assert not is_racy(Version(1, now + a_year, now + a_year), now), "changed while the clock was wrong"


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """A file's life on the server: appended to, rewritten at any size, replaced by rename, touched."""
    verbs = st.sampled_from(["append", "rewrite", "rename", "touch"])
    return draw(st.lists(st.tuples(verbs, st.binary(max_size=6)), min_size=1, max_size=12))


@given(histories(), st.sampled_from(["logs.txt", "status.json"]), st.data())
def test_following_the_plan_ends_with_the_servers_bytes(
    history: list[tuple[str, bytes]], name: str, data: st.DataObject
) -> None:
    remote, inode, clock = b"", 1, 1
    local, mine = b"", None
    for verb, payload in history:
        clock += 1
        if verb == "append":
            remote += payload
        elif verb != "touch":
            remote = payload
        inode += verb == "rename"
        if data.draw(st.booleans()):  # the copy does not see every step
            continue
        version = Version(len(remote), clock, clock, inode, 1)
        local, mine = follow(decide(Entry(name, Kind.FILE, version), mine), version, local, mine, remote=remote)
    version = Version(len(remote), clock, clock, inode, 1)
    for _ in range(2):  # a rewritten file takes two visits: notice, then fetch
        step = decide(Entry(name, Kind.FILE, version), mine)
        local, mine = follow(step, version, local, mine, remote=remote)
    assert local == remote


def follow(
    step: Step, version: Version, local: bytes, mine: Held | None, *, remote: bytes
) -> tuple[bytes, Held | None]:
    if step is Step.NOTHING:
        return local, mine
    if step is Step.GROW:
        if not remote.startswith(local):
            return local, None
        assert len(remote) >= len(local)
    return remote, Held(version, content_hash(remote), 0, False, 0.0)
