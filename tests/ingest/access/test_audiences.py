"""An audience that is made by sets reads what its members read, asked one by one."""

from collections.abc import Set

from hypothesis import given
from hypothesis import strategies as st

from agent.types import Audience
from ingest.access.audiences import make_audience
from ingest.access.reader_sets import ReaderSets, narrow, one_of

PEOPLE = [f"U{i}" for i in range(8)]
PRINCIPALS = ["everyone", "guests", "external", "group:S1", "group:S2", "channel:C1", "channel:C2"]
NAMES = [f"user:{person}" for person in PEOPLE]
holders = st.fixed_dictionaries({name: st.frozensets(st.sampled_from(PEOPLE)) for name in PRINCIPALS})
principals = st.frozensets(st.sampled_from(PRINCIPALS + NAMES), min_size=1, max_size=5)


@given(
    members=st.frozensets(st.sampled_from(PEOPLE), min_size=1),
    holders=holders,
    sets=st.lists(st.lists(principals, min_size=1, max_size=2), max_size=6),
)
def test_it_reads_exactly_what_each_member_reads(
    members: Set[str], holders: dict[str, Set[str]], sets: list[list[frozenset[str]]]
) -> None:
    holders |= {f"user:{person}": {person} for person in PEOPLE}
    known = ReaderSets()
    for i, parts in enumerate(sets):
        readers = one_of(parts[0])
        for part in parts[1:]:
            readers = narrow(readers, one_of(part))
        known.by_id[str(i)] = readers
    audience = make_audience(members, holders, known.clauses())
    expected = tuple(
        id_
        for id_, readers in known.by_id.items()
        if all(any(member in holders[p] for p in one) for member in members for one in readers)
    )
    assert known.readable(audience) == expected


def test_a_large_channel_has_few_kinds_of_members() -> None:
    members = {f"U{i}" for i in range(5_000)}
    guests = {"U1", "U2"}
    holders = {"everyone": members - guests, "guests": guests, "channel:C1": members}
    holders |= {f"user:U{i}": {f"U{i}"} for i in range(5_000)}
    holders |= {"group:S1": {f"U{i}" for i in range(0, 5_000, 2)}}
    named = [frozenset(names.split()) for names in ("user:U7", "group:S1 user:U3", "everyone", "everyone guests")]
    assert set(make_audience(members, holders, named).members) == {
        frozenset({"channel:C1", "everyone"}),
        frozenset({"channel:C1", "guests"}),
    }
    assert make_audience(members, holders, named[:3]) == Audience((frozenset({"channel:C1"}),))
    assert make_audience({"U9"}, {}, named) == Audience((frozenset(),))
