"""Passages to statements: the smallest pieces that can be quoted and still be understood.

A sentence; a list item with the line that leads into its list; a table row with the names of its columns; a
piece of code.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ingest.documents.chunking import split_sentences

_ITEM = re.compile(r"^(?P<indent> *)(?:[-*•]|\d{1,3}[.)])\s+(?P<text>.*)$")
_RULE = re.compile(r"^\|[-:| ]+\|$")


@dataclass(frozen=True)
class Statement:
    """``n`` is the passage's number; ``lead`` is what a reader must have read before the text.

    ``keywords`` are words of the question under which the document is filed; ``entry`` is what an
    item of a list or a row of a table (its first cell) is about: of these a reader needs only those asked for.
    """

    n: int
    order: int
    title: str
    heading: str
    url: str
    lead: str
    text: str
    score: float
    entry: str = ""
    keywords: str = ""


def statements(passage: Mapping[str, Any]) -> list[Statement]:
    """The statements of one passage as the kernel shows it to a model, in order."""
    return [
        Statement(
            n=int(passage["n"]),
            order=order,
            title=str(passage.get("title", "")),
            heading=str(passage.get("heading", "")),
            url=str(passage.get("url", "")),
            lead=lead,
            text=text,
            score=float(passage.get("score") or 0.0),
            entry=entry,
            keywords=str(passage.get("keywords", "")),
        )
        for order, (lead, text, entry) in enumerate(_pieces(str(passage["text"])))
    ]


def _pieces(text: str) -> Iterator[tuple[str, str, str]]:
    lead = ""
    parents: list[tuple[int, str]] = []
    header: list[str] = []
    lines = list(_logical_lines(text))
    for line, following in pairwise([*lines, ""]):
        item = _ITEM.match(line)
        if line.startswith("|"):
            if _RULE.match(following):
                header = _cells(line)
            elif not _RULE.match(line):
                yield lead, _row(header, _cells(line)), _cells(line)[0]
            continue
        header = []
        if item:
            depth = len(item["indent"])
            parents = [(d, t) for d, t in parents if d < depth]
            yield " ".join([lead, *(t for _, t in parents)]).strip(), item["text"], item["text"]
            parents.append((depth, item["text"]))
        elif line.startswith("```"):
            yield lead, line, ""
        else:
            parents = []
            found = split_sentences(line)
            lead = found[-1] if found and found[-1].endswith(":") else ""
            yield from (("", sentence, "") for sentence in found)


def _logical_lines(text: str) -> Iterator[str]:
    """Lines, a code block counting as one; an empty line ends nothing a lead line leads into."""
    fence: list[str] = []
    for line in text.split("\n"):
        if line.startswith("```") or fence:
            fence.append(line)
            if len(fence) > 1 and line.startswith("```"):
                yield "\n".join(fence)
                fence = []
        elif line.strip():
            yield line.rstrip()
    if fence:
        yield "\n".join(fence)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _row(header: list[str], cells: list[str]) -> str:
    named = zip(header, cells, strict=False) if len(header) == len(cells) else [("", cell) for cell in cells]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)
