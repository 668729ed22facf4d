"""Splits documents into chunks along headings, up to a number of tokens.

Promises not to split a sentence, item, row or line of code unless it is too long by itself, and that a chunk can
be understood alone: it carries its heading path, a table's rows repeat the header, a list's later items repeat the
line that introduces the list. Positions count from 0 without gaps. Takes time in proportion to the document,
because it runs in the process that syncs, outside the child's limits.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from agent.llm.tokens import CHARS_PER_PROSE_TOKEN, estimate_prose_tokens
from ingest.documents.blocks import Block, BlockKind, Document

HEADING_SEPARATOR = " > "
MAX_LEAD_CHARS = 300
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bDr)(?<!\bvs)(?<!\bNo)(?<!\bSt)(?<!\bInc)"
    r"(?<!\bU\.S)(?<!\bapprox)"
    r"(?<![.!?…]{2})"  # a long row of dots is tried twice, not once for each dot
    r"[.!?…。！？]+[\"'”’)\]]*(?:\s+(?=[\"'“‘(\[`#*]*[A-Z0-9À-Þ\u0400-\u042f#@/]|[^\x00-\x7f])|(?<=[。！？]))|\n+"
)


@dataclass(frozen=True)
class Chunk:
    """A piece of a document. ``heading_path`` omits the title; ``page`` is the one it begins on, or 0.

    ``anchor`` names the section that it is in, or is empty.
    """

    position: int
    heading_path: str
    text: str
    n_tokens: int
    page: int = 0
    anchor: str = ""


@dataclass(frozen=True)
class _Piece:
    """Text that is never split further. ``lead`` is repeated where a new chunk begins with this piece."""

    text: str
    lead: str = ""
    glue: str = "\n"  # between the previous piece and this one
    page: int = 0


@dataclass
class _Section:
    path: list[str]
    blocks: list[Block] = field(default_factory=list)
    anchor: str = ""


_END = Block(BlockKind.HEADING)  # of rank 0, so that it ends every section


def split(document: Document, *, max_tokens: int) -> list[Chunk]:
    """Returns the document's chunks in order, none longer than ``max_tokens`` by our estimate.

    >>> paragraph = Block(BlockKind.PARAGRAPH, "It opens at six. It closes at ten.")
    >>> [chunk.text for chunk in split(Document("Gate", (paragraph,)), max_tokens=6)]
    ['It opens at six.', 'It closes at ten.']
    """
    chunks: list[Chunk] = []
    for section in _split_sections(document.blocks):
        path = HEADING_SEPARATOR.join(section.path)
        for text, page in _pack(_split_blocks(section.blocks, max_tokens), max_tokens):
            n_tokens = estimate_prose_tokens(len(text))
            chunks.append(Chunk(len(chunks), path, text, n_tokens, page, section.anchor))
    return chunks


def split_sentences(text: str) -> list[str]:
    """Returns the sentences of a paragraph; a line break ends one too."""
    ends = [end.end() for end in _SENTENCE_END.finditer(text)]
    sentences = (text[start:end].strip() for start, end in pairwise([0, *ends, len(text)]))
    return [sentence for sentence in sentences if sentence]


def _split_sections(blocks: tuple[Block, ...]) -> Iterator[_Section]:
    """Yields runs of blocks under one heading, and runs of headings that have nothing below them.

    A heading with text somewhere below it needs none of its own: it is in the path of that text.
    """
    ranks, page = list[int](), 0
    section, bare = _Section([]), _Section([])
    for block in (*blocks, _END):
        if block.kind != BlockKind.HEADING:
            section.blocks.append(block)
            continue
        n_above = sum(rank < block.level for rank in ranks)
        is_bare = not section.blocks and n_above < len(section.path)
        if bare.blocks and not (is_bare and bare.path == section.path[:-1]):
            yield bare
            bare = _Section([])
        if is_bare:
            heading = Block(BlockKind.PARAGRAPH, section.path[-1], page=page)
            anchor = bare.anchor if bare.blocks else section.anchor
            bare = _Section(section.path[:-1], [*bare.blocks, heading], anchor)
        elif section.blocks:
            yield section
        ranks, page = [*ranks[:n_above], block.level], block.page
        section = _Section([*section.path[:n_above], block.text], anchor=block.anchor)
    if bare.blocks:
        yield bare


def _split_blocks(blocks: list[Block], max_tokens: int) -> Iterator[_Piece]:
    lead = ""
    for block in blocks:
        if block.kind == BlockKind.PARAGRAPH:
            lead = block.text if block.text.endswith(":") and len(block.text) <= MAX_LEAD_CHARS else ""
        for piece in _split_block(block, lead, max_tokens):
            yield replace(piece, page=block.page) if block.page else piece


def _split_block(block: Block, lead: str, max_tokens: int) -> Iterator[_Piece]:
    if block.kind == BlockKind.PARAGRAPH:
        yield from _split_paragraph(block.text, max_tokens)
    elif block.kind == BlockKind.ITEM:
        indent = "  " * block.level
        yield from _split_text(indent + block.text, lead=lead, max_tokens=max_tokens)
    elif block.kind == BlockKind.TABLE:
        yield from _split_table(block, max_tokens)
    else:
        yield from _split_code(block, max_tokens)


def _split_paragraph(text: str, max_tokens: int) -> Iterator[_Piece]:
    glue = "\n\n"
    for line in text.split("\n"):
        for sentence in split_sentences(line):
            for piece in _split_text(sentence, lead="", max_tokens=max_tokens):
                yield _Piece(piece.text, glue=glue)
                glue = " "
        glue = "\n"


def _split_text(text: str, *, lead: str, max_tokens: int) -> Iterator[_Piece]:
    """Yields the text as one piece; if that is too long, its sentences, and if one is too long, its words."""
    if estimate_prose_tokens(len(lead)) > max_tokens // 2:
        lead = ""
    room = (max_tokens - estimate_prose_tokens(len(lead))) * CHARS_PER_PROSE_TOKEN - 1
    for part in [text] if len(text) <= room else split_sentences(text):
        for piece in _cut(part, room):
            yield _Piece(piece, lead)


def _cut(text: str, room: int) -> Iterator[str]:
    """Yields pieces of at most ``room`` characters, cut at spaces, or anywhere where there are none."""
    start = 0
    while len(text) - start > room:
        at = text.rfind(" ", start + room // 2, start + room)
        at = at if at > 0 else start + room
        yield text[start:at].rstrip()
        start = at + (text[at] == " ")
    yield text[start:].strip() if start else text


def _split_table(table: Block, max_tokens: int) -> Iterator[_Piece]:
    header = f"{table.lines[0]}\n{_header_rule(table.lines[0])}" if table.has_header else ""
    rows = table.lines[1:] if table.has_header else table.lines
    if estimate_prose_tokens(len(header)) > max_tokens // 2:
        header, rows = "", table.lines
    if header:
        yield _Piece(header, glue="\n\n")
    for row in rows:
        yield from _split_text(row, lead=header, max_tokens=max_tokens)


def _header_rule(row: str) -> str:
    return "|" + "---|" * (row.count("|") - 1)


def _split_code(code: Block, max_tokens: int) -> Iterator[_Piece]:
    """Yields complete code fences, so that no chunk contains an open one."""
    room = max_tokens * CHARS_PER_PROSE_TOKEN - len("```\n\n```") - 1
    lines: list[str] = []
    for line in code.lines:
        for part in [line[i : i + room] for i in range(0, max(len(line), 1), room)]:
            if lines and len("\n".join([*lines, part])) > room:
                yield _fence(lines)
                lines = []
            lines.append(part)
    if any(lines):
        yield _fence(lines)


def _fence(lines: list[str]) -> _Piece:
    return _Piece("```\n" + "\n".join(lines) + "\n```", glue="\n\n")


def _pack(pieces: Iterator[_Piece], max_tokens: int) -> Iterator[tuple[str, int]]:
    """Yields each chunk's text and page; a lead line at a chunk's end moves to the next one with its list."""
    text, page = "", 0
    for piece in pieces:
        joined = f"{text}{piece.glue}{piece.text}" if text else piece.text
        if not text or estimate_prose_tokens(len(joined)) <= max_tokens:
            text, page = joined, page if text else piece.page
            continue
        if piece.lead and text.endswith(piece.lead):
            text = text[: -len(piece.lead)].rstrip()
        if text:
            yield text, page
        text, page = f"{piece.lead}\n{piece.text}" if piece.lead else piece.text, piece.page
    if text:
        yield text, page
