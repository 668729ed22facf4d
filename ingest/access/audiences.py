"""Makes an audience of many people from who holds which principal, by sets and not person by person.

Promises that a principal is never given to somebody who does not hold it, and that leaving something out only ever
makes the audience's rights narrower.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Set

from agent.types import Audience

NAMED = ("user:", "email:")  # principals that one person holds
MAX_COMPARED = 1_000  # kinds of members; of more, those whose rights include another's stay


def make_audience(members: Set[str], holders: Mapping[str, Set[str]], *, n_named: int) -> Audience:
    """Returns an audience with a member for each kind of people among ``members``, told apart by what they hold.

    ``holders`` are, by principal, the people who hold it; others than the members may be among them. Only
    principals that some document names matter. A kind whose rights include another's is left out: what all others
    may read, it may. No document names more than ``n_named`` principals at once, so one that names people
    cannot be for a kind of more people than that, and their names are left out::

        make_audience({"U1", "U2"}, {"everyone": {"U1", "U2"}, "group:S1": {"U1"}}, n_named=3)
        Audience(members=(frozenset({"everyone"}),))
    """
    common: set[str] = set()  # held by most
    gained: defaultdict[str, set[str]] = defaultdict(set)
    lacked: defaultdict[str, set[str]] = defaultdict(set)
    for principal, people in holders.items():
        held = people & members
        if 2 * len(held) > len(members):
            common.add(principal)
            for member in members - held:
                lacked[member].add(principal)
        else:
            for member in held:
                gained[member].add(principal)
    apart = gained.keys() | lacked.keys()
    kinds = Counter(frozenset(common - lacked.get(m, set()) | gained.get(m, set())) for m in apart)
    if len(apart) < len(members):
        kinds[frozenset(common)] += len(members) - len(apart)
    return Audience(tuple(sorted(_least(_without_names(kinds, n_named)), key=sorted)))


def _without_names(kinds: Counter[frozenset[str]], n_named: int) -> set[frozenset[str]]:
    """Leaves out the names of people that share all else with too many."""
    shared = {kind: frozenset(p for p in kind if not p.startswith(NAMED)) for kind in kinds}
    n_people: Counter[frozenset[str]] = Counter()
    for kind, rest in shared.items():
        n_people[rest] += kinds[kind]
    return {rest if n_people[rest] > n_named else kind for kind, rest in shared.items()}


def _least(kinds: set[frozenset[str]]) -> list[frozenset[str]]:
    """Returns the kinds that include no other."""
    if len(kinds) > MAX_COMPARED:
        return list(kinds)
    least: list[frozenset[str]] = []
    for kind in sorted(kinds, key=len):
        if not any(other <= kind for other in least):
            least.append(kind)
    return least
