"""Listings: applying a difference gives the new listing, whatever the two were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.model import Change, Entry, Kind, RootIdentity, Version
from runferry.sync.diff import apply, diff, difference_of

ROOT = RootIdentity(1, 2)
names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
versions = st.builds(Version, size=st.integers(0, 3), mtime_ns=st.integers(0, 2), inode=st.integers(1, 3))
entries = st.builds(lambda path, version: Entry(path, Kind.FILE, version), names, versions)
listings = st.lists(entries, max_size=12).map(lambda found: {entry.path: entry for entry in found})


@given(listings, listings)
def test_applying_the_difference_of_two_listings_gives_the_second(a: dict[str, Entry], b: dict[str, Entry]) -> None:
    result = dict(a)
    apply(result, diff(a, b))
    assert result == b


@given(listings, listings)
def test_a_complete_change_replaces_the_listing(a: dict[str, Entry], b: dict[str, Entry]) -> None:
    result = dict(a)
    apply(result, difference_of(a, Change(ROOT, upserts=tuple(b.values()), complete=True)))
    assert result == b


@given(listings, listings)
def test_what_lies_below_a_directory_that_could_not_be_read_is_never_removed(
    a: dict[str, Entry], b: dict[str, Entry]
) -> None:
    result = dict(a)
    apply(result, diff(a, b, unsure=["a"]))
    assert all(path in result for path in a if path.startswith("a/"))
    assert all(result[path] == entry for path, entry in b.items())


def test_a_removed_directory_takes_its_content_with_it_but_not_what_came_back() -> None:
    listing = {path: Entry(path, Kind.FILE, Version(1, 1)) for path in ("d/x", "d/e/y", "dx", "d")}
    back = Entry("d/x", Kind.FILE, Version(2, 2))
    apply(listing, difference_of(listing, Change(ROOT, upserts=(back,), removed=("d",))))
    assert listing == {"d/x": back, "dx": Entry("dx", Kind.FILE, Version(1, 1))}
