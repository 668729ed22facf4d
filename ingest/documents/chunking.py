"""Documents to chunks: along headings, at most so many tokens, never inside a sentence, item, row or code line
unless that alone is too long.

Promises that a chunk can be understood by itself: each carries its heading path, a table's rows repeat the
header, a list's later items repeat the line that leads into the list. Positions count from 0 without gaps, so
a chunk's neighbours are the positions before and after it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agent.llm.tokens import CHARS_PER_PROSE_TOKEN, estimate_prose_tokens
from ingest.documents.blocks import Block, Document

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
    """A piece of a document. ``heading_path`` leaves the title out; ``page`` is the one it begins on, or 0."""

    position: int
    heading_path: str
    text: str
    n_tokens: int
    page: int = 0


@dataclass(frozen=True)
class _Piece:
    """What is never torn apart. ``lead`` is repeated where a new chunk begins with this piece."""

    text: str
    lead: str = ""
    glue: str = "\n"  # what joins it to the piece before
    page: int = 0


@dataclass
class _Section:
    path: list[str]
    blocks: list[Block] = field(default_factory=list)


def split(document: Document, *, max_tokens: int) -> list[Chunk]:
    """The document's chunks in order, none longer than ``max_tokens`` by our estimate."""
    chunks: list[Chunk] = []
    for section in _sections(document.blocks):
        path = HEADING_SEPARATOR.join(section.path)
        for text, page in _packed(_pieces(section.blocks, max_tokens), max_tokens):
            chunks.append(Chunk(len(chunks), path, text, estimate_prose_tokens(len(text)), page))
    return chunks


def split_sentences(text: str) -> list[str]:
    """The sentences of a paragraph; a line break ends one too."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _sections(blocks: tuple[Block, ...]) -> Iterator[_Section]:
    """Runs of blocks under one heading; a heading without text of its own lives on in its children's path."""
    ranks: list[int] = []
    section = _Section([])
    for block in blocks:
        if block.kind != "heading":
            section.blocks.append(block)
            continue
        if section.blocks:
            yield section
        keep = sum(rank < block.level for rank in ranks)
        ranks = [*ranks[:keep], block.level]
        section = _Section([*section.path[:keep], block.text])
    if section.blocks:
        yield section


def _pieces(blocks: list[Block], max_tokens: int) -> Iterator[_Piece]:
    lead = ""
    for block in blocks:
        if block.kind == "paragraph":
            lead = block.text if block.text.endswith(":") and len(block.text) <= MAX_LEAD_CHARS else ""
        for piece in _block_pieces(block, lead, max_tokens):
            yield replace(piece, page=block.page) if block.page else piece


def _block_pieces(block: Block, lead: str, max_tokens: int) -> Iterator[_Piece]:
    if block.kind == "paragraph":
        yield from _paragraph(block.text, max_tokens)
    elif block.kind == "item":
        indent = "  " * block.level
        yield from _bounded(indent + block.text, lead=lead, max_tokens=max_tokens)
    elif block.kind == "table":
        yield from _table(block, max_tokens)
    else:
        yield from _code(block, max_tokens)


def _paragraph(text: str, max_tokens: int) -> Iterator[_Piece]:
    glue = "\n\n"
    for line in text.split("\n"):
        for sentence in split_sentences(line):
            for piece in _bounded(sentence, lead="", max_tokens=max_tokens):
                yield _Piece(piece.text, glue=glue)
                glue = " "
        glue = "\n"


def _bounded(text: str, *, lead: str, max_tokens: int) -> Iterator[_Piece]:
    """One piece, unless it alone is too long: then its sentences, then its words."""
    if estimate_prose_tokens(len(lead)) > max_tokens // 2:
        lead = ""
    room = (max_tokens - estimate_prose_tokens(len(lead))) * CHARS_PER_PROSE_TOKEN - 1
    for part in [text] if len(text) <= room else split_sentences(text):
        for piece in _cut(part, room):
            yield _Piece(piece, lead)


def _cut(text: str, room: int) -> Iterator[str]:
    """The text between spaces, or anywhere where there are none, in pieces of at most ``room`` characters."""
    start = 0
    while len(text) - start > room:
        at = text.rfind(" ", start + room // 2, start + room)
        at = at if at > 0 else start + room
        yield text[start:at].rstrip()
        start = at + (text[at] == " ")
    yield text[start:].strip() if start else text


def _table(table: Block, max_tokens: int) -> Iterator[_Piece]:
    header = f"{table.lines[0]}\n{_rule(table.lines[0])}" if table.has_header else ""
    rows = table.lines[1:] if table.has_header else table.lines
    if estimate_prose_tokens(len(header)) > max_tokens // 2:
        header, rows = "", table.lines
    if header:
        yield _Piece(header, glue="\n\n")
    for row in rows:
        yield from _bounded(row, lead=header, max_tokens=max_tokens)


def _rule(row: str) -> str:
    return "|" + "---|" * (row.count("|") - 1)


def _code(code: Block, max_tokens: int) -> Iterator[_Piece]:
    """A fence of its own per chunk, so that no chunk holds an open one."""
    room = max_tokens * CHARS_PER_PROSE_TOKEN - len("```\n\n```") - 1
    lines: list[str] = []
    for line in code.lines:
        for part in [line[i : i + room] for i in range(0, max(len(line), 1), room)]:
            if lines and len("\n".join([*lines, part])) > room:
                yield _fenced(lines)
                lines = []
            lines.append(part)
    if any(lines):
        yield _fenced(lines)


def _fenced(lines: list[str]) -> _Piece:
    return _Piece("```\n" + "\n".join(lines) + "\n```", glue="\n\n")


def _packed(pieces: Iterator[_Piece], max_tokens: int) -> Iterator[tuple[str, int]]:
    """Fills chunks with pieces, and tells each one's page; a lead line at a chunk's end moves on with its list."""
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
