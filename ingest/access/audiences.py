"""Makes an audience of many people from who holds which principal, by sets and not person by person.

Promises that a principal is never given to somebody who does not hold it, and that leaving something out only ever
makes the audience's rights narrower.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from agent.types import Audience

MAX_COMPARED = 1_000  # kinds of members; of more, those whose rights include another's stay


def make_audience(
    members: Set[str], holders: Mapping[str, Set[str]], clauses: Iterable[frozenset[str]]
) -> Audience:
    """Returns an audience with a member for each kind of people among ``members``, told apart by what they hold.

    ``holders`` are, by principal, the people who hold it; others than the members may be among them. ``clauses``
    are the sets of principals that documents name. Only principals that all members hold, or that a set names in
    which every member is one, tell kinds apart: no other can let all of them read. A kind whose rights include
    another's is left out: what all others may read, it may. For example::

        make_audience({"U1", "U2"}, {"everyone": {"U1", "U2"}, "group:S1": {"U1"}}, [frozenset({"everyone"})])
        Audience(members=(frozenset({"everyone"}),))
    """
    common = {name for name, people in holders.items() if len(people) >= len(members) and members <= people}
    known: dict[str, _Holders] = {name: _Holders(frozenset(), are_most=True) for name in common}
    for clause in clauses:
        if clause.isdisjoint(common):
            known |= _find_cover(clause, members, holders, known)
    gained: defaultdict[str, set[str]] = defaultdict(set)
    lacked: defaultdict[str, set[str]] = defaultdict(set)
    for name, one in known.items():
        for member in one.few:
            (lacked if one.are_most else gained)[member].add(name)
    usual = frozenset(name for name, one in known.items() if one.are_most)
    apart = gained.keys() | lacked.keys()
    kinds = {frozenset(usual - lacked.get(m, set()) | gained.get(m, set())) for m in apart}
    if len(apart) < len(members):
        kinds.add(usual)
    return Audience(tuple(sorted(_least(kinds), key=sorted)))


class _Holders(NamedTuple):
    """Who of the members holds a principal: the ``few`` who do, or all but the few."""

    few: Set[str]
    are_most: bool

    @staticmethod
    def among(members: Set[str], people: Set[str]) -> "_Holders":
        without = members - people if 2 * len(people) > len(members) else members
        are_most = 2 * len(without) < len(members)
        return _Holders(without if are_most else people & members, are_most)


def _find_cover(
    clause: frozenset[str], members: Set[str], holders: Mapping[str, Set[str]], known: Mapping[str, _Holders]
) -> Mapping[str, _Holders]:
    """Returns some principals of the clause, of which every member holds one; none where there are none such."""
    names = {name for name in clause if holders.get(name)}
    if sum(len(holders[name]) for name in names) < len(members):
        return {}
    first = max(names, key=lambda name: (len(holders[name]), name))
    one = known.get(first) or _Holders.among(members, holders[first])
    cover = {first: one}
    rest = one.few if one.are_most else members - one.few
    while rest:  # whoever holds most of them is next, so that few principals tell kinds apart
        names -= cover.keys()
        left = {name: rest - holders[name] for name in names}
        best = min(left, key=lambda name: (len(left[name]), name), default=None)
        if best is None or len(left[best]) == len(rest):
            return {}
        cover[best], rest = known.get(best) or _Holders.among(members, holders[best]), left[best]
    return cover


def _least(kinds: set[frozenset[str]]) -> list[frozenset[str]]:
    """Returns the kinds that include no other."""
    if len(kinds) > MAX_COMPARED:
        return list(kinds)
    least: list[frozenset[str]] = []
    for kind in sorted(kinds, key=len):
        if not any(other <= kind for other in least):
            least.append(kind)
    return least
