"""Plain text to blocks, with the headings of reStructuredText, AsciiDoc and Org.

Underlined lines are headings, and in AsciiDoc and Org those that begin with ``=`` or ``*``. Leaves other markup
as it is.
"""

import re
from collections.abc import Iterator

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.readers.text.encoding import decode

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_UNDERLINE = re.compile(r"([=\-~^\"'`*+#])\1{2,}\s*")
_MARKED = re.compile(r"(={1,6}|\*{1,6}) (\S.{0,200})")
_OF_ASCIIDOC_OR_ORG = re.compile(r"^(?:={1,3} \S|:\w[\w-]*:(?: |$)|#\+\w+:)", re.MULTILINE)
_MAX_HEADING_CHARS = 200


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a text into a document without a title."""
    return Document("", tuple(blocks(decode(content))))


def blocks(text: str) -> Iterator[Block]:
    """Yields headings, and paragraphs as blank lines separate them, with their line breaks."""
    ranks: dict[str, int] = {}  # of the characters that underline, in the order they come, as in reStructuredText
    has_marks = bool(_OF_ASCIIDOC_OR_ORG.search(text[:5_000]))
    for part in _BLANK.split(text):
        lines = [stripped for line in part.split("\n") if (stripped := " ".join(line.split()))]
        if heading := _find_heading(lines, ranks, has_marks=has_marks):
            yield heading[0]
            lines = lines[heading[1] :]
        if lines:
            yield Block(BlockKind.PARAGRAPH, "\n".join(lines))


def _find_heading(lines: list[str], ranks: dict[str, int], *, has_marks: bool) -> tuple[Block, int] | None:
    """Returns the heading at the beginning of a paragraph and its number of lines."""
    if len(lines) > 2 and _UNDERLINE.fullmatch(lines[0]) and lines[0] == lines[2]:
        return Block(BlockKind.HEADING, lines[1], level=_rank(lines[0][0] * 2, ranks)), 3
    is_underlined = len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]) and len(lines[0]) <= _MAX_HEADING_CHARS
    if is_underlined and len(lines[1]) >= 0.8 * len(lines[0]) and not _UNDERLINE.fullmatch(lines[0]):
        return Block(BlockKind.HEADING, lines[0], level=_rank(lines[1][0], ranks)), 2
    if has_marks and lines and (match := _MARKED.fullmatch(lines[0])):
        return Block(BlockKind.HEADING, match[2], level=len(match[1])), 1
    return None


def _rank(mark: str, ranks: dict[str, int]) -> int:
    return min(ranks.setdefault(mark, len(ranks) + 1), 6)
