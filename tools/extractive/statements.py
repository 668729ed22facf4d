"""Cuts passages into statements: the smallest pieces that can be quoted and still be understood.

A statement is a sentence; a list item with the line that leads into its list; a table row with the names of its
columns; a piece of code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from agent.types import CitedPassage
from ingest.documents.chunking import split_sentences

_ITEM = re.compile(r"^(?P<indent> *)(?:[-*•]|(?P<number>\d{1,3})[.)])\s+(?P<text>.*)$")
_RULE = re.compile(r"^\|[-:| ]+\|$")
_FENCE = "```"


@dataclass(frozen=True)
class Statement:
    """``n`` is the passage's number; ``lead`` is the line that a reader needs before the text.

    ``entry`` is what an item of a list or a row of a table (its first cell) is about: a reader needs only the
    entries asked for. ``step`` is its number in a numbered list, or 0. ``keywords`` are words of the question
    under which the document is filed. ``document`` tells documents apart; ``updated`` and ``expired`` are as in
    :class:`agent.types.Passage`.
    """

    n: int
    title: str
    heading: str
    lead: str
    text: str
    score: float
    entry: str = ""
    step: int = 0
    keywords: str = ""
    document: str = ""
    url: str = ""
    updated: str = ""
    expired: str = ""


def list_statements(source: CitedPassage, keywords: str = "") -> list[Statement]:
    """Returns the statements of one passage, in order."""
    passage = source.passage
    return [
        Statement(
            n=source.n,
            title=passage.title,
            heading=passage.heading_path,
            lead=lead,
            text=text,
            score=passage.score,
            entry=entry,
            step=step,
            keywords=keywords,
            document=passage.document_id or passage.url or passage.title,
            url=passage.url,
            updated=passage.updated,
            expired=passage.expired,
        )
        for lead, text, entry, step in _parts(passage.text)
    ]


@lru_cache(maxsize=500)  # passages: 1 MB; what is found is judged, and then quoted
def _parts(text: str) -> tuple[tuple[str, str, str, int], ...]:
    return tuple(_split(text))


def _split(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yields (lead, text, entry, step) of each statement."""
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
                yield lead, _row(header, _cells(line)), _cells(line)[0], 0
            continue
        header = []
        if item:
            depth = len(item["indent"])
            parents = [(d, t) for d, t in parents if d < depth]
            above = " ".join([lead, *(t for _, t in parents)]).strip()
            yield above, item["text"], item["text"], int(item["number"] or 0)
            parents.append((depth, item["text"]))
        elif line.startswith(_FENCE):
            yield lead, line, "", 0
        else:
            parents = []
            own = split_sentences(line)
            lead = own[-1] if own and own[-1].endswith(":") else ""
            yield from (("", sentence, "", 0) for sentence in own)


def _logical_lines(text: str) -> Iterator[str]:
    """Yields lines, a code block as one; an empty line does not end a list or its lead line."""
    fence: list[str] = []
    for line in text.split("\n"):
        if line.startswith(_FENCE) or fence:
            fence.append(line)
            if len(fence) > 1 and line.startswith(_FENCE):
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
