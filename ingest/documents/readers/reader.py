"""Parses a raw document in the format that its bytes have, and settles its title.

Promises that no text contains invisible characters, files written as letters or what looks like a secret, that no
block is empty, and that a document with sentences that instruct a language model says so, as a gap. Runs in the
child of :mod:`ingest.documents.converter`. Each format has one module with a function ``read``, which is imported
with the first document of that format.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from agent import secrets
from agent.hidden_characters import strip_invisible
from agent.prompting import embedded_instructions
from agent.text import shorten
from ingest.documents.blocks import Block, BlockKind, Document, Gap, join_gaps
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers import language, signature
from ingest.documents.readers.text.inline_data import strip_inline_data

MAX_CHARS = 20_000_000  # of text
MAX_TITLE_CHARS = 200
MAX_CHARS_FOR_INSTRUCTIONS = 400_000  # that takes ~3 s; passages are looked at again when they are shown
MAX_PIECES = 500_000  # blocks and lines of tables and code; a book of 1,000 pages has 50,000
MODULES: dict[Format, str] = {
    Format.MARKDOWN: "html.markdown",
    Format.TEXT: "text.plain",
    Format.HTML: "html.html",
    Format.WEBPAGE: "html.maintext",
    Format.PDF: "pdf.pdf",
    Format.DOCX: "office.docx",
    Format.PPTX: "office.pptx",
    Format.OPENDOCUMENT: "office.opendocument",
    Format.RTF: "text.rtf",
    Format.EPUB: "html.epub",
    Format.SHEET: "office.sheet",
    Format.CSV: "text.delimited",
    Format.JSON: "text.json_records",
    Format.NOTEBOOK: "text.notebook",
    Format.MAIL: "mail.mail",
    Format.OUTLOOK: "mail.outlook",
    Format.PICTURE: "ocr.picture",
}
_PRINTED = {  # formats in which the first heading is the title
    *(Format.PDF, Format.DOCX, Format.PPTX, Format.OPENDOCUMENT, Format.RTF),
}
_SECTION = re.compile(
    r"[\dIVX]+[.\s]|(?:table of )?contents\b|introduction$|slide \d+$", re.IGNORECASE
)  # never a title


class _FormatReader(Protocol):
    """The module of a format."""

    def read(self, content: bytes, *, max_chars: int) -> Document: ...


def read_document(raw: RawDocument, *, max_chars: int = MAX_CHARS) -> Document:
    """Parses a raw document, or recognises one page of it; raises :class:`FetchProblem` when it is damaged or
    contains no text.

    >>> read_document(RawDocument(b"# Gate\\n\\nOpens at six.", Format.MARKDOWN, "gate.md")).title
    'Gate'
    """
    format_ = signature.detect_format(raw)
    try:
        document = _read(raw, format_, max_chars)
    except RecursionError:
        raise FetchProblem("is nested too deeply", "save it in a simpler form") from None
    if len(document.blocks) + sum(len(block.lines) for block in document.blocks) > MAX_PIECES:
        cause = f"contains more than {MAX_PIECES:,} paragraphs and rows"
        raise FetchProblem(cause, "split it into smaller documents")
    blocks = _clean(document.blocks)
    title = strip_invisible(document.title).strip() or _find_title(blocks, format_) or raw.title
    blocks = _drop_title(title, blocks)
    if not blocks and not raw.page:
        raise _no_text_problem(document.gap)
    document = replace(document, title=title, blocks=blocks, keywords=strip_invisible(document.keywords))
    document = replace(document, language=document.language or language.detect(blocks))
    masked = _mask_secrets(_note_instructions(document))
    return replace(masked, title=_clean_title(masked.title), updated_at=document.updated_at or raw.updated_at)


def _read(raw: RawDocument, format_: Format, max_chars: int) -> Document:
    if raw.page:
        from ingest.documents.readers.ocr import picture

        return picture.recognize_page(raw.content, format_, raw.page)
    reader = cast(_FormatReader, import_module(f"ingest.documents.readers.{MODULES[format_]}"))
    return reader.read(raw.content, max_chars=max_chars)


def _note_instructions(document: Document) -> Document:
    """Counts the sentences that instruct a model; they stay in the index, and are not shown to a model."""
    n_left, n_found = MAX_CHARS_FOR_INSTRUCTIONS, 0
    for block in document.blocks:
        text = block.text or "\n".join(block.lines)
        n_found += len(embedded_instructions.find(text[: max(n_left, 0)]))
        n_left -= len(text)
    if not n_found:
        return document
    sentences = "1 sentence instructs" if n_found == 1 else f"{n_found:,} sentences instruct"
    advice = "look at who wrote that; a model is not shown it"
    return replace(document, gap=join_gaps(document.gap, Gap(f"{sentences} a language model", advice)))


def _mask_secrets(document: Document) -> Document:
    """Takes secrets out before anything is split or embedded; says so as a gap, for the operator."""
    texts = [document.title, document.keywords]
    for block in document.blocks:
        texts += (block.text, "\n".join(block.lines))
    (title, keywords, *pairs), n_secrets = secrets.mask_all(texts)
    if not n_secrets:
        return document
    blocks = tuple(
        replace(block, text=text, lines=tuple(lines.split("\n")) if block.lines else ())
        for block, text, lines in zip(document.blocks, pairs[::2], pairs[1::2], strict=True)
    )
    return replace(
        document,
        title=title,
        blocks=blocks,
        keywords=keywords,
        gap=join_gaps(document.gap, _describe_secrets(n_secrets)),
    )


def _describe_secrets(n_secrets: int) -> Gap:
    masked = "1 secret is masked" if n_secrets == 1 else f"{n_secrets:,} secrets are masked"
    return Gap(masked, "take what is secret out of the document, and replace it where it is used")


def _clean_title(title: str) -> str:
    """Returns one line of at most ``MAX_TITLE_CHARS`` characters that are seen."""
    return shorten(" ".join(strip_invisible(title).split()), MAX_TITLE_CHARS)


def _no_text_problem(gap: Gap | None) -> FetchProblem:
    """Returns the reason why nothing was read: what could not be, or that there is nothing."""
    if gap is None:
        return FetchProblem("contains no text", "add text to it, or remove it")
    return FetchProblem(gap.cause, gap.advice.partition(";")[0])  # the rest of it is about the text there is


def _clean(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Removes invisible characters and inline data, and then empty blocks."""
    clean: list[Block] = []
    for block in blocks:
        text, lines = _clean_text(block.text), tuple(map(_clean_text, block.lines))
        if text.strip() or any(map(str.strip, lines)):
            is_clean = text == block.text and lines == block.lines
            clean.append(block if is_clean else replace(block, text=text, lines=lines))
    return tuple(clean)


def _clean_text(text: str) -> str:
    return strip_inline_data(strip_invisible(text))


def _find_title(blocks: Sequence[Block], format_: Format) -> str:
    """Returns the first heading of the first rank; in printed formats only a heading at the very beginning."""
    if format_ in _PRINTED:
        first = blocks[0].text if blocks and blocks[0].kind == BlockKind.HEADING else ""
        return "" if _SECTION.match(first) else first
    return next((block.text for block in blocks if block.kind == BlockKind.HEADING and block.level == 1), "")


def _drop_title(title: str, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Drops the heading that only repeats the title; it stays, as a paragraph, where it is all there is."""
    titles = (b for b in blocks if b.kind == BlockKind.HEADING and b.level == 1 and b.text == title)
    repeated = next(titles, None)
    rest = tuple(block for block in blocks if block is not repeated)
    if rest or repeated is None:
        return rest
    return (replace(repeated, kind=BlockKind.PARAGRAPH, level=0),)
