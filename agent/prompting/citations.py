"""Citations in a model's text: ``[1]``, ``[2][3]``, ``[1, 2]``. Leaves code alone."""

import re
from collections.abc import Container

CITATION = re.compile(r"\[(\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,20})\]")  # models also write [1](url)
CODE = re.compile(r"(?:^|(?<=\n))```.*?(?:\n```|\Z)|(?<![`\\])`[^`\n]{1,500}`(?!`)", re.DOTALL)


def parse_numbers(citation: str) -> list[int]:
    """Returns the numbers inside one citation's brackets."""
    return [int(number) for number in re.findall(r"\d+", citation)]


def find_cited(text: str, known: Container[int]) -> list[int]:
    """Returns the known numbers that the text cites, each once, in order of first appearance.

    >>> find_cited("Five days [2, 1]. See `a[3]` and [9].", {1, 2, 3})
    [2, 1]
    """
    cited: dict[int, None] = {}
    for match in CITATION.finditer(CODE.sub("", text)):
        cited.update((n, None) for n in parse_numbers(match[1]) if n in known)
    return list(cited)
