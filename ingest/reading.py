"""Raw documents to documents: what they really are, encoding, front matter, template tags, hidden text.

Promises to lose no document over broken front matter, and to keep nothing a reader of the page would not see.
"""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html import escape, unescape
from typing import Any

import frontmatter
from markdown_it import MarkdownIt

from ingest import html
from ingest.blocks import Block, Document
from ingest.formats import Format
from ingest.source import FetchProblem, RawDocument
from ingest.templates import without_tags

MAX_CHARS = 20_000_000
_PDF, _ZIP, _OLE = b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html\b)", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta\b[^>]{0,200}?\bcharset=[\"']?([\w-]{2,40})", re.IGNORECASE)
_SECTION = re.compile(
    r"[\dIVX]+[.\s]|(?:table of )?contents\b|introduction$", re.IGNORECASE
)  # no document's title
_DATE_FIELDS = ("updated", "last_updated", "last_modified", "lastmod", "modified", "date")
_KEYWORD_FIELDS = ("keywords", "tags", "aliases", "synonyms", "description", "summary")
_LEFT_OVER_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_FENCED_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def document(raw: RawDocument, *, max_chars: int = MAX_CHARS) -> Document:
    """Reads a raw document; raises :class:`FetchProblem` when it is no such document or holds no text."""
    try:
        matter, blocks = _read(raw, _format(raw), max_chars)
    except RecursionError:
        raise FetchProblem("is nested too deeply", "save it in a simpler form") from None
    title, blocks = _titled(matter, blocks, raw.title)
    if not any(block.kind != "heading" for block in blocks):
        raise FetchProblem("holds no text", "write something in it, or remove it")
    return Document(
        title=title,
        blocks=tuple(blocks),
        updated_at=_updated_at(matter) or raw.updated_at,
        keywords=_keywords(matter),
    )


def _format(raw: RawDocument) -> Format:
    """What a document is, whatever its name says; raises :class:`FetchProblem` if it is nothing we read."""
    content = raw.content
    is_packed = raw.format in {"pdf", "docx"}
    if is_packed and not content.strip():
        raise FetchProblem("is empty", "write something in it, or remove it")
    if content.startswith(_PDF) or (is_packed and _PDF in content[:1024]):
        return "pdf"
    if is_packed and content.startswith(_ZIP):
        return "docx"
    if content.startswith(_OLE):
        raise FetchProblem("is an older Word document, or has a password", "save it as .docx without a password")
    if is_packed:
        kind = "a PDF" if raw.format == "pdf" else "a Word document"
        raise FetchProblem(f"is not {kind}, whatever its name says", "save it in that format, or remove it")
    return "html" if _PAGE.match(content) else raw.format


def _read(raw: RawDocument, format_: Format, max_chars: int) -> tuple[dict[str, Any], list[Block]]:
    """What the document says about itself, and its blocks."""
    if format_ in {"pdf", "docx"}:
        converted_title, blocks = _converted(raw.content, format_, max_chars)
        first = blocks[0].text if blocks and blocks[0].kind == "heading" else ""
        heading = "" if _SECTION.match(first) else first
        return {"title": converted_title or heading or raw.title}, blocks
    declared = _CHARSET.search(raw.content[:2048]) if format_ == "html" else None
    text = decoded(raw.content, declared=declared[1].decode() if declared else None)
    if format_ == "html":
        title, blocks = html.page(text)
        return {"title": title}, blocks
    if format_ == "markdown":
        matter, text = _matter(text)
        return matter, _markdown(text)
    return {}, _plain(text)


def _converted(content: bytes, format_: str, max_chars: int) -> tuple[str, list[Block]]:
    if format_ == "pdf":
        from ingest import pdf

        return pdf.converted(content, max_chars=max_chars)
    from ingest import docx

    return docx.converted(content)


def decoded(content: bytes, *, declared: str | None = None) -> str:
    """UTF-8, UTF-16 with a byte order mark, else the declared encoding, else Windows-1252.

    Raises :class:`FetchProblem` for binary data.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in content:
        encodings = []
    else:
        encodings = ["utf-8-sig", *([declared] if declared else []), "cp1252"]
    for encoding in encodings:
        with suppress(UnicodeDecodeError, LookupError):  # an encoding may be misspelt
            return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    raise FetchProblem("is not text in UTF-8, UTF-16 or Windows-1252", "save it as UTF-8")


def _matter(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and the rest; front matter that is no valid YAML is skipped, and its document kept."""
    try:
        matter, rest = frontmatter.parse(text)
    except Exception:  # noqa: BLE001 - YAML, TOML and JSON parsers each have errors of their own
        return _salvaged(text), _FENCED_MATTER.sub("", text)
    return (matter, rest) if isinstance(matter, dict) else ({}, rest)


def _salvaged(text: str) -> dict[str, Any]:
    """The title of front matter that is otherwise broken, most often by a colon."""
    fenced = _FENCED_MATTER.match(text)
    title = re.search(r"^title:[ \t]*(.+)$", fenced[0] if fenced else "", re.MULTILINE)
    return {"title": title[1].strip().strip("\"'")} if title else {}


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _markdown(text: str) -> list[Block]:
    """Links that stay Markdown because they stand inside HTML become their text."""
    blocks = html.blocks(_parser().render(without_tags(text)))
    return [replace(b, text=_LEFT_OVER_LINK.sub(r"\1", b.text)) if "](" in b.text else b for b in blocks]


def _plain(text: str) -> list[Block]:
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in re.split(r"\n\s*\n", text))
    return html.blocks(paragraphs.replace("\n", "<br>"))


def _titled(matter: dict[str, Any], blocks: list[Block], fallback: str) -> tuple[str, list[Block]]:
    """The title, and the blocks without the heading that only repeats it."""
    heading = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    title = html.visible(unescape(str(matter.get("title") or ""))).strip() or heading or fallback
    repeats = [b for b in blocks if b.kind == "heading" and b.level == 1 and b.text == title]
    return title, [block for block in blocks if block not in repeats[:1]]


def _updated_at(matter: dict[str, Any]) -> datetime | None:
    for field in _DATE_FIELDS:
        value = matter.get(field)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def _keywords(matter: dict[str, Any]) -> str:
    values = (matter.get(field) for field in _KEYWORD_FIELDS)
    texts = [", ".join(map(str, v)) if isinstance(v, list) else v for v in values if isinstance(v, list | str)]
    return html.visible("\n".join(texts))
