"""Makes an audience of many people from who holds which principal, by sets and not person by person.

Promises that a principal is never given to somebody who does not hold it, and that leaving something out only ever
makes the audience's rights narrower.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

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
    held = {principal: people & members for principal, people in holders.items()}
    missing = {principal: members - people for principal, people in held.items() if 2 * len(people) > len(members)}
    common = {principal for principal, people in missing.items() if not people}
    telling = set(common)
    for clause in clauses:
        if not clause & common and _covers(clause, members, held, missing):
            telling |= clause & held.keys()
    gained: defaultdict[str, set[str]] = defaultdict(set)
    lacked: defaultdict[str, set[str]] = defaultdict(set)
    for principal in telling:
        for member in missing.get(principal, ()):
            lacked[member].add(principal)
        for member in held[principal] if principal not in missing else ():
            gained[member].add(principal)
    usual = frozenset(telling & missing.keys())
    apart = gained.keys() | lacked.keys()
    kinds = {frozenset(usual - lacked.get(m, set()) | gained.get(m, set())) for m in apart}
    if len(apart) < len(members):
        kinds.add(usual)
    return Audience(tuple(sorted(_least(kinds), key=sorted)))


def _covers(
    clause: frozenset[str], members: Set[str], held: Mapping[str, Set[str]], missing: Mapping[str, Set[str]]
) -> bool:
    """Returns whether every member is one of the clause."""
    named = [principal for principal in clause if held.get(principal)]
    if sum(len(held[principal]) for principal in named) < len(members):
        return False
    first = max(named, key=lambda principal: len(held[principal]))
    rest = missing[first] if first in missing else members - held[first]
    for principal in named:
        rest = rest - held[principal]
    return not rest


def _least(kinds: set[frozenset[str]]) -> list[frozenset[str]]:
    """Returns the kinds that include no other."""
    if len(kinds) > MAX_COMPARED:
        return list(kinds)
    least: list[frozenset[str]] = []
    for kind in sorted(kinds, key=len):
        if not any(other <= kind for other in least):
            least.append(kind)
    return least
