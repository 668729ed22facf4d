"""Names who may read: principals, such as ``channel:C0ENG``, as people write them and in words."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.errors import UserError
from agent.types import (
    EVERY_WORKSPACE,
    EVERYONE,
    EXTERNAL,
    GUESTS,
    ONE_OF_MANY,
    OPERATOR,
    WORKSPACE,
    Audience,
)

if TYPE_CHECKING:
    from ingest.access.reader_sets import Readers

WAYS = (
    "everyone, guests, external, team:T…, channel:C…, user:U…, group:S…, email:name@company.example or "
    "domain:company.example"
)
_ID = r"[^\s,;]+"
_HOST = r"[^\s,;@]+\.[^\s,;@.]+"
_PRINCIPAL = re.compile(
    rf"{EVERYONE}|{GUESTS}|{EXTERNAL}|(?:team|channel|user|group):{_ID}|email:[^\s,;@]+@{_HOST}|domain:{_HOST}"
)
_LOWERED = ("email:", "domain:")
_OF_ONE_WORKSPACE = ("channel:", "user:", "group:")
_ASKS_IN = re.compile(rf"{WORKSPACE}[TE][A-Z0-9]+")
_WORDS = {
    "team": "the members of the workspace {}",
    "channel": "the members of the channel {}",
    "user": "the person {}",
    "group": "the members of the group {}",
    "email": "the person with the address {}",
    "domain": "people with an address at {}",
    "workspace": "whoever asks in the workspace {}",
}
_OUTSIDE = (GUESTS, EXTERNAL, "email:", "domain:", WORKSPACE)  # may be somebody who is not a member


def parse_principal(text: str) -> str:
    """Returns a principal as it is compared; raises :class:`ValueError` with a sentence that says what to write.

    >>> parse_principal("domain:Acme.Example")
    'domain:acme.example'
    """
    principal = text.strip()
    if principal.lower().startswith(_LOWERED) or principal.lower() in {EVERYONE, GUESTS, EXTERNAL}:
        principal = principal.lower()
    if not _PRINCIPAL.fullmatch(principal):
        raise ValueError(f"'{text}' does not name a reader. Write {WAYS}")
    return principal


def find_of_one_workspace(principals: Iterable[str]) -> list[str]:
    """Returns the principals whose ids are unique in their workspace only.

    >>> find_of_one_workspace(["everyone", "channel:C1", "team:T1"])
    ['channel:C1']
    """
    return sorted(name for name in principals if name.startswith(_OF_ONE_WORKSPACE))


def make_member(texts: Iterable[str]) -> Audience:
    """Returns the audience of one person who is all of these; a full member, unless they are a guest or of
    another company. Nobody named is the operator, who reads what is declared for any workspace.

    Raises :class:`UserError` with a line for each that is no principal."""
    principals, mistakes = set(), []
    for text in texts:
        try:
            principals.add(text if _ASKS_IN.fullmatch(text) else parse_principal(text))
        except ValueError as error:
            mistakes.append(f"{error}.")
    if mistakes:
        raise UserError("\n".join(mistakes))
    if any(name.startswith(WORKSPACE) for name in principals):
        principals.add(ONE_OF_MANY)
    elif not principals:
        principals.add(OPERATOR)
    is_outside = not principals.isdisjoint({GUESTS, EXTERNAL})
    return Audience((frozenset(principals if is_outside else {EVERYONE, *principals}),))


def is_covered(principal: str, by: Iterable[str]) -> bool:
    """Returns whether whoever is this principal is one of ``by``, as far as the names tell: a member of a channel
    or a group is taken for a full member, as most are."""
    names = frozenset(by)
    return principal in names or (EVERYONE in names and not principal.startswith(_OUTSIDE))


def is_wider(readers: "Readers", before: "Readers") -> bool:
    """Returns whether somebody may be among these readers who was not among those before, as far as names tell.

    For messages alone: what is applied at once is told by :func:`ingest.access.reader_sets.is_narrower`.
    """
    return not all(any(all(is_covered(one, wider) for one in set_) for set_ in readers) for wider in before)


def describe_readers(readers: "Readers") -> str:
    """Says in words who these readers are."""
    sets = [_describe_set(one) for one in sorted(readers, key=sorted)]
    if frozenset() in readers:
        return "nobody"
    return sets[0] if len(sets) == 1 else "those who are in each of these: " + "; and ".join(sets)


def describe_principal(principal: str) -> str:
    """Says in words who a principal is."""
    kind, _, name = principal.partition(":")
    if principal == EVERY_WORKSPACE:
        return "whoever asks in any workspace"
    if name:
        return _WORDS[kind].format(name) if kind in _WORDS else principal
    words = {EVERYONE: "everyone in the workspace", GUESTS: "guests", EXTERNAL: "people of other companies"}
    return words.get(principal, principal)


def _describe_set(one: frozenset[str]) -> str:
    return " or ".join(map(describe_principal, sorted(one, key=lambda name: (name != EVERYONE, name))))
