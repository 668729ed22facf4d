"""Finds statements of different documents that contradict each other, and which of two pages is the newer one.

Rather misses one than invents one: the words of two statements, under their titles and headings, have to be the
same but for those that say little, and one value (or whether it is so at all) another. So whatever only one of
them names (a place, a group of people, years of service) is a condition, and no contradiction.
"""

import re
from collections.abc import Sequence
from datetime import date

from tools.extractive.rules import claim_words, claims
from tools.extractive.rules.claims import Value
from tools.extractive.statements import Statement

MAX_CHARS = 600  # of a statement and its headings; a longer one says too much to be compared
SAME_AGE_DAYS = 30  # pages changed this close to each other are of the same age
FEWEST_WORDS, FEWEST_DENIED = 1, 2  # that claims about a value, and those about yes or no, have in common
_DAY = re.compile(r"(?<!\d)(20\d\d)(?:[-_/.](0[1-9]|1[0-2])(?:[-_/.](0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_SEGMENTS = re.compile(r"[/\\]+")


def contradict(one: Statement, other: Statement) -> bool:
    """Returns whether two statements of different documents cannot both be right."""
    if one.document == other.document or _are_parallel(one.url, other.url):
        return False
    if max(map(_count_chars, (one, other))) > MAX_CHARS:
        return False
    first, second = claims.read(one), claims.read(other)
    if first.words != second.words or len(first.values) != len(second.values):
        return False
    differing = [pair for pair in zip(first.values, second.values, strict=True) if pair[0] != pair[1]]
    if first.is_denied != second.is_denied:
        return not differing and len(first.words) >= FEWEST_DENIED
    return len(differing) == 1 and _exclude(*differing[0]) and len(first.words) >= FEWEST_WORDS


def is_newer(one: Statement, other: Statement) -> bool | None:
    """Returns whether the first one's page is the newer one, by title, path or last change; None where both are
    about equally old, or it is not known."""
    for days in (_list_days(one.title, other.title), _list_days(one.url, other.url)):
        if days and days[0] != days[1]:
            return days[0] > days[1]
    try:
        days_between = (date.fromisoformat(one.updated) - date.fromisoformat(other.updated)).days
    except ValueError:
        return None
    return days_between > 0 if abs(days_between) > SAME_AGE_DAYS else None


def _count_chars(statement: Statement) -> int:
    return len(statement.title) + len(statement.heading) + len(statement.lead) + len(statement.text)


def _exclude(one: Value, other: Value) -> bool:
    """Returns whether two values of one thing exclude each other: at least 20 and 25 do not."""
    if one.unit != other.unit:
        return False
    if one.bound == other.bound:
        return True
    if {one.bound, other.bound} == {-1, 1}:
        least, most = (one, other) if one.bound < 0 else (other, one)
        return least.low > most.high
    bounded, exact = (one, other) if one.bound else (other, one)
    return exact.high > bounded.high if bounded.bound > 0 else exact.low < bounded.low


def _are_parallel(url: str, other: str) -> bool:
    """Returns whether two addresses are the same but for the folder: the same page for two places."""
    first, second = _SEGMENTS.split(url.lower()), _SEGMENTS.split(other.lower())
    if len(first) != len(second) or first[-1] != second[-1] or not first[-1]:
        return False
    return any(a != b and _names_a_part(a) and _names_a_part(b) for a, b in zip(first, second, strict=True))


def _names_a_part(folder: str) -> bool:
    """Returns whether a folder's name may be of a place or a group: it is no date and no word for any folder."""
    names = [word for word in re.findall(r"[^\W\d_]{2,}", folder) if word not in claim_words.NAMING_A_FOLDER]
    return bool(names) and not _DAY.search(folder)


def _list_days(text: str, other: str) -> tuple[str, str] | None:
    """Returns the latest day (or month, or year) that each of two texts names, if both name one."""
    first, second = ([_to_day(match) for match in _DAY.finditer(each)] for each in (text, other))
    return (max(first), max(second)) if first and second else None


def _to_day(match: re.Match[str]) -> str:
    return "-".join(part or "00" for part in match.groups())


def list_contradicting(statements: Sequence[Statement], i: int, among: Sequence[int]) -> list[int]:
    """Returns the statements that contradict the ``i``-th, one of each document, in the order of ``among``."""
    found: dict[str, int] = {}
    for k in among:
        if k != i and statements[k].document not in found and contradict(statements[i], statements[k]):
            found[statements[k].document] = k
    return list(found.values())
