"""Raw documents to documents: encoding, front matter, template tags, Markdown, hidden text.

Promises to lose no document over broken front matter, and to keep nothing a reader of the page would not see.
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html import escape, unescape
from typing import Any

import frontmatter
from markdown_it import MarkdownIt

from ingest import html
from ingest.blocks import Block, Document
from ingest.source import FetchProblem, RawDocument
from ingest.templates import without_tags

_DATE_FIELDS = ("updated", "last_updated", "last_modified", "lastmod", "modified", "date")
_KEYWORD_FIELDS = ("keywords", "tags", "aliases", "synonyms", "description", "summary")
_LEFT_OVER_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_FENCED_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def document(raw: RawDocument) -> Document:
    """Reads a raw document; raises :class:`FetchProblem` when it is binary or holds no text."""
    text = decoded(raw.content)
    matter, text = _matter(text) if raw.format == "markdown" else ({}, text)
    blocks = _markdown(text) if raw.format == "markdown" else _plain(text)
    title, blocks = _titled(matter, blocks, raw.title)
    if not any(block.kind != "heading" for block in blocks):
        raise FetchProblem("holds no text", "write something in it, or remove it")
    return Document(
        title=title,
        blocks=tuple(blocks),
        updated_at=_updated_at(matter) or raw.updated_at,
        keywords=_keywords(matter),
    )


def decoded(content: bytes) -> str:
    """UTF-8, UTF-16 with a byte order mark, else Windows-1252; raises :class:`FetchProblem` for binary data."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in content:
        encodings = []
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
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
