"""Citations: ``[1]``, ``[2][3]``, ``[1, 2]`` in a model's text. Code is left alone."""

import re
from collections.abc import Container

CITATION = re.compile(r"\[(\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,20})\]")  # models also write [1](url)
CODE = re.compile(r"(?:^|(?<=\n))```.*?(?:\n```|\Z)|(?<![`\\])`[^`\n]{1,500}`(?!`)", re.DOTALL)


def numbers(citation: str) -> list[int]:
    """The numbers inside one citation's brackets."""
    return [int(number) for number in re.findall(r"\d+", citation)]


def cited(text: str, known: Container[int]) -> list[int]:
    """The known numbers the text cites, each once, in order of first appearance."""
    found: dict[int, None] = {}
    for match in CITATION.finditer(CODE.sub("", text)):
        found.update((n, None) for n in numbers(match[1]) if n in known)
    return list(found)
