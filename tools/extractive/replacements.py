"""Finds what a follow-up puts another thing of the same kind in the place of.

"and sick leave?" replaces "annual leave", "and for a Model S?" the "Model 3", "and Bremen?" the only other place,
"and after 5 years?" the "3 years". Whatever is replaced is left out of the earlier question, so that neither a
search nor an answer is about both.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

from ingest.search.text import STOP_WORDS, stem

MAX_WORDS = 4  # of what replaces something; a longer follow-up is a question of its own
_BEGINS = re.compile(
    r"^(?:(?:and|or|but|so|then|also|ok|okay)\b[ ,]*)*(?:(?:what|how) about\b|what if\b)?\s*"
    r"(?:(?:it is|it's|is it|i have|for|in|at|on|with|after|of|by|to|from)\b\s*)*(?:(?:a|an|the|my|our)\b\s*)?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:[-'’.&][^\W_]+)*%?")
_NAME = re.compile(r"[A-Z][\w.&-]*")
_FOLLOWS = re.compile(r"^(?:and|or|but|so|then|what|how|also|ok)\b", re.IGNORECASE)


def leave_out(question: str, background: str) -> str:
    """Returns the earlier question without what this one replaces; as it is where nothing is."""
    if not _FOLLOWS.match(question.strip()):
        return background
    own = [word[0] for word in _WORD.finditer(_BEGINS.sub("", question.strip()))]
    if not 0 < len(own) <= MAX_WORDS:
        return background
    for start, end in sorted(set(_find_replaced(own, background)), reverse=True):
        background = f"{background[:start].rstrip()} {background[end:].lstrip()}"
    return re.sub(r"(?<!\s)\s++([?.!,;])", r"\1", background).strip()


def _find_replaced(own: list[str], background: str) -> list[tuple[int, int]]:
    """Returns the places of the words that are replaced: beside a word that both have, else the only name."""
    before = list(_WORD.finditer(background))
    replaced = [word.span() for word in _beside_common(own, before)] if len(own) > 1 else []
    if replaced:
        return replaced
    names = [word for word in before[1:] if _NAME.fullmatch(word[0]) and word[0] not in own and word[0] != "I"]
    are_names = all(_NAME.fullmatch(word) for word in own)
    return [names[0].span()] if len(names) == 1 and are_names else []


def _beside_common(own: list[str], before: list[re.Match[str]]) -> Iterator[re.Match[str]]:
    """Yields what tells one of a kind from another where both name it: a word before, behind, or a number."""
    stems = [stem(word[0].lower()) for word in before]
    first, second, last = stem(own[0].lower()), stem(own[1].lower()), stem(own[-1].lower())
    for i, (word, following) in enumerate(zip_longest(before, before[1:])):
        if stems[i] == last and i and _is_other(before[i - 1][0], own):
            yield before[i - 1]
        elif following and stems[i] == first and _is_label(following[0], own):
            yield following
        elif following and word[0][0].isdigit() and own[0][0].isdigit() and stems[i + 1] == second:
            yield word


def _is_other(word: str, own: list[str]) -> bool:
    """Returns whether a word before the common one is another kind of it: no stop word, and not the same."""
    return word.lower() not in STOP_WORDS and word.lower() not in {one.lower() for one in own}


def _is_label(word: str, own: list[str]) -> bool:
    """Returns whether a word behind the common one tells one of its kind from another: a number or a letter."""
    is_short = word[0].isdigit() or len(word) == 1 or word.isupper()
    return is_short and word not in own
