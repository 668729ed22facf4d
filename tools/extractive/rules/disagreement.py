"""Settles what is quoted where pages say different things.

What is in force comes before what is not, the newer page before the older one; of pages of one age all are named.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from tools.extractive.rules import contradictions, validity
from tools.extractive.statements import Statement

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Settlement:
    """What to quote: ``differing`` are groups of statements that contradict each other, of pages of the same age;
    ``chosen`` the others. ``ended``, ``older`` and ``other`` say otherwise: they are of a page that is not in
    force, of one that is merely older, and of one against which a verified answer is right."""

    chosen: list[int]
    differing: tuple[tuple[int, ...], ...] = ()
    ended: int | None = None
    older: int | None = None
    other: int | None = None


def settle(
    question: str,
    statements: Sequence[Statement],
    chosen: Sequence[int],
    relevance: Sequence[float],
    *,
    near: float,
    near_ended: float,
    is_quotable: Callable[[Statement], bool],
    verified: Collection[str] = (),
) -> Settlement:
    """Settles the ``chosen`` statements, best first, with all others that fit the question as well.

    Others count where they are at most ``near`` log odds less relevant than the best of those in force; those of
    pages that are not in force, ``near_ended``. What a document of ``verified`` says is right against any other.
    """
    has_ended = validity.find_superseded(question, statements)
    in_force = [i for i in chosen if not has_ended[i]]
    if not in_force:
        return Settlement([*chosen])
    best = max(relevance[i] for i in in_force)
    by_relevance = sorted(range(len(statements)), key=lambda i: -relevance[i])
    near_ones = [i for i in by_relevance if relevance[i] >= best - near_ended and is_quotable(statements[i])]
    ended = _find_ended(statements, in_force, [i for i in near_ones if has_ended[i]])
    others = [i for i in near_ones if not has_ended[i] and relevance[i] >= best - near]
    return _compare_pages(statements, in_force, others, _Ages(statements, verified), ended)


def _find_ended(statements: Sequence[Statement], in_force: Sequence[int], ended: Sequence[int]) -> int | None:
    """Returns the best of those not in force that has another figure than what is."""
    figures = _figures(statements[i].text for i in in_force)
    return next((i for i in ended if _figures([statements[i].text]) - figures), None)


def _figures(texts: Iterable[str]) -> set[str]:
    return {figure for text in texts for figure in _FIGURE.findall(text)}


def _compare_pages(
    statements: Sequence[Statement],
    in_force: Sequence[int],
    others: Sequence[int],
    ages: "_Ages",
    ended: int | None,
) -> Settlement:
    kept: list[int] = []
    differing: list[list[int]] = []
    older: int | None = None
    other: int | None = None
    settled: set[int] = set()
    for i in in_force:
        if i in settled:
            continue
        against = contradictions.list_contradicting(statements, i, others)
        newest = ages.find_newest([i, *against])
        same_age = [k for k in [i, *against] if k == newest or not ages.is_newer(newest, k)]
        behind = [k for k in [i, *against] if k not in same_age]
        settled.update([i, *against])
        if behind and statements[newest].document in ages.verified:
            other = behind[0] if other is None else other
        elif behind:
            older = behind[0] if older is None else older
        if len(same_age) == 1:
            kept.append(newest)
        elif group := next((group for group in differing if not set(group).isdisjoint(same_age)), None):
            group += [k for k in same_age if k not in group]
        else:
            differing.append(same_age)
    single = [i for i in dict.fromkeys(kept) if not any(i in group for group in differing)]
    return Settlement(single, tuple(map(tuple, differing)), ended, older, other)


@dataclass(frozen=True)
class _Ages:
    """Which statement of two counts more: a verified one, else that of the newer page."""

    statements: Sequence[Statement]
    verified: Collection[str]

    def is_newer(self, one: int, other: int) -> bool:
        first, second = self.statements[one], self.statements[other]
        is_verified = first.document in self.verified
        if is_verified != (second.document in self.verified):
            return is_verified
        return contradictions.is_newer(first, second) is True

    def find_newest(self, places: Sequence[int]) -> int:
        """Returns the first of which no other is newer."""
        newest = places[0]
        for i in places[1:]:
            newest = i if self.is_newer(i, newest) else newest
        return newest
