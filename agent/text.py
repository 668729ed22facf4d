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


def format_bytes(n: int) -> str:
    """Returns a number of bytes in the unit that suits it: "640 kB", "12 MB", "3.4 GB"."""
    if n < 1_000_000:
        return f"{n / 1_000:.0f} kB"
    return f"{n / 1_000_000:.0f} MB" if n < 1_000_000_000 else f"{n / 1_000_000_000:.1f} GB"
