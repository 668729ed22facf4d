"""Raw documents to documents: what they really are, their title, and nothing that shows nothing.

Runs in the child of :mod:`ingest.documents.sandbox`. A format is read by one module with a ``read``, which is
imported when the first document of it comes.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from ingest.documents.blocks import Block, Document
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import signature
from ingest.documents.readers.text.hidden_characters import strip_invisible

MAX_CHARS = 20_000_000  # of text
MAX_PIECES = 500_000  # blocks and lines of tables and code; a book of 1,000 pages has 50,000
MODULES: dict[Format, str] = {
    "markdown": "html.markdown",
    "text": "text.plain",
    "html": "html.html",
    "webpage": "html.maintext",
    "pdf": "pdf.pdf",
    "docx": "office.docx",
    "pptx": "office.pptx",
    "opendocument": "office.opendocument",
    "rtf": "text.rtf",
    "epub": "html.epub",
    "sheet": "office.sheet",
    "csv": "text.delimited",
    "json": "text.json_records",
    "notebook": "text.notebook",
    "mail": "mail.mail",
    "outlook": "mail.outlook",
}
_PRINTED = {"pdf", "docx", "pptx", "opendocument", "rtf"}  # documents whose first heading is their title
_SECTION = re.compile(
    r"[\dIVX]+[.\s]|(?:table of )?contents\b|introduction$|slide \d+$", re.IGNORECASE
)  # never a title


class _FormatReader(Protocol):
    def read(self, content: bytes, *, max_chars: int) -> Document: ...


def read_document(raw: RawDocument, *, max_chars: int = MAX_CHARS) -> Document:
    """Reads a raw document; raises :class:`FetchProblem` when it is no such document or holds no text."""
    format_ = signature.detect_format(raw)
    reader = cast(_FormatReader, import_module(f"ingest.documents.readers.{MODULES[format_]}"))
    try:
        found = reader.read(raw.content, max_chars=max_chars)
    except RecursionError:
        raise FetchProblem("is nested too deeply", "save it in a simpler form") from None
    if len(found.blocks) + sum(len(block.lines) for block in found.blocks) > MAX_PIECES:
        raise FetchProblem(
            f"holds more than {MAX_PIECES:,} paragraphs and rows", "split it into smaller documents"
        )
    blocks = _visible(found.blocks)
    title = strip_invisible(found.title).strip() or _heading(blocks, format_) or raw.title
    blocks = _without_repeated(title, blocks)
    if not any(block.kind != "heading" for block in blocks):
        raise FetchProblem("holds no text", "write something in it, or remove it")
    return replace(
        found,
        title=title,
        blocks=blocks,
        updated_at=found.updated_at or raw.updated_at,
        keywords=strip_invisible(found.keywords),
    )


def _visible(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Without characters that show nothing, and without what then is empty."""
    clean: list[Block] = []
    for block in blocks:
        text, lines = strip_invisible(block.text), tuple(map(strip_invisible, block.lines))
        if text.strip() or any(map(str.strip, lines)):
            is_clean = text == block.text and lines == block.lines
            clean.append(block if is_clean else replace(block, text=text, lines=lines))
    return tuple(clean)


def _heading(blocks: Sequence[Block], format_: Format) -> str:
    """The first heading of the first rank; of what is made to be printed only one that stands first."""
    if format_ in _PRINTED:
        first = blocks[0].text if blocks and blocks[0].kind == "heading" else ""
        return "" if _SECTION.match(first) else first
    return next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")


def _without_repeated(title: str, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Without the heading that only repeats the title."""
    repeats = [b for b in blocks if b.kind == "heading" and b.level == 1 and b.text == title]
    return tuple(block for block in blocks if block is not repeats[0]) if repeats else tuple(blocks)
