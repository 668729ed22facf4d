"""Text and lists for people and models, cut to a length."""

from collections.abc import Sequence
from typing import TypeVar

ELLIPSIS = "…"

T = TypeVar("T")


def shorten(text: str, limit: int) -> str:
    """Returns the text, cut to ``limit`` characters with an ellipsis as the last one where it is longer.

    >>> shorten("annual leave", 8)
    'annual …'
    """
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def cut(items: Sequence[T], limit: int) -> tuple[Sequence[T], int]:
    """Returns the items to show, and how many more there are: never one, as it fits in the line that would say so.

    >>> cut(["a", "b", "c"], 2), cut(["a", "b", "c", "d"], 2)
    ((['a', 'b', 'c'], 0), (['a', 'b'], 2))
    """
    if len(items) <= limit + 1:
        return items, 0
    return items[:limit], len(items) - limit


def count(n: int, noun: str) -> str:
    """Returns a number with its noun.

    >>> count(1, "document"), count(2, "document")
    ('1 document', '2 documents')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
