"""Plain text to blocks. Underlined lines and those of AsciiDoc that begin with ``=`` are headings; other marks of
reStructuredText, AsciiDoc and Org stay as they stand."""

import re
from collections.abc import Iterator

from ingest.documents.blocks import Block, Document
from ingest.documents.readers.text.encoding import decode

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_UNDERLINE = re.compile(r"([=\-~^\"'`*+#])\1{2,}\s*")
_MARKED = re.compile(r"(={1,6}|\*{1,6}) (\S.{0,200})")
_OF_ASCIIDOC_OR_ORG = re.compile(r"^(?:={1,3} \S|:\w[\w-]*:(?: |$)|#\+\w+:)", re.MULTILINE)
_MOST_HEADING_CHARS = 200


def read(content: bytes, *, max_chars: int) -> Document:
    """A document without a title, unless its first line is a heading."""
    return Document("", tuple(blocks(decode(content))))


def blocks(text: str) -> Iterator[Block]:
    """Paragraphs as blank lines part them, with their line breaks, and headings."""
    ranks: dict[str, int] = {}  # of the characters that underline, in the order they come, as in reStructuredText
    has_marks = bool(_OF_ASCIIDOC_OR_ORG.search(text[:5_000]))
    for part in _BLANK.split(text):
        lines = [stripped for line in part.split("\n") if (stripped := " ".join(line.split()))]
        if heading := _heading(lines, ranks, has_marks=has_marks):
            yield heading[0]
            lines = lines[heading[1] :]
        if lines:
            yield Block("paragraph", "\n".join(lines))


def _heading(lines: list[str], ranks: dict[str, int], *, has_marks: bool) -> tuple[Block, int] | None:
    """The heading that a paragraph begins with, and how many lines it takes."""
    if len(lines) > 2 and _UNDERLINE.fullmatch(lines[0]) and lines[0] == lines[2]:
        return Block("heading", lines[1], level=_rank(lines[0][0] * 2, ranks)), 3
    is_underlined = len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]) and len(lines[0]) <= _MOST_HEADING_CHARS
    if is_underlined and len(lines[1]) >= 0.8 * len(lines[0]) and not _UNDERLINE.fullmatch(lines[0]):
        return Block("heading", lines[0], level=_rank(lines[1][0], ranks)), 2
    if has_marks and lines and (marked := _MARKED.fullmatch(lines[0])):
        return Block("heading", marked[2], level=len(marked[1])), 1
    return None


def _rank(mark: str, ranks: dict[str, int]) -> int:
    return min(ranks.setdefault(mark, len(ranks) + 1), 6)
