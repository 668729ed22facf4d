"""Markdown to blocks, by way of HTML; reads front matter and removes the template tags of the site it is for.

Promises to lose no document over broken front matter, and to keep nothing that a reader of the page would not see;
where broken front matter names readers, the document is for nobody.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html import unescape

import frontmatter
from markdown_it import MarkdownIt

from agent.hidden_characters import strip_invisible
from ingest.documents import languages
from ingest.documents.blocks import Block, Document, Gap
from ingest.documents.readers.html import html
from ingest.documents.readers.html.templates import strip_tags
from ingest.documents.readers.text.encoding import decode
from ingest.documents.upkeep import MAX_CHARS, Upkeep

Matter = Mapping[str, object]  # by an author, so of any shape
_DATE_FIELDS = ("updated", "last_updated", "last_modified", "lastmod", "modified", "date")
_KEYWORD_FIELDS = ("keywords", "tags", "aliases", "synonyms", "description", "summary")
_LANGUAGE_FIELDS = ("lang", "language")
_UPKEEP_FIELDS = ("owner_slack", "review_in", "expires")  # as :class:`Upkeep` has them
_LEFT_OVER_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_FENCED_MATTER = re.compile(
    r"\A(?:---[ \t]*\n.*?\n(?:---|\.\.\.)|\+\+\+[ \t]*\n.*?\n\+\+\+)[ \t]*(?:\n|\Z)", re.DOTALL
)
_HEADING_ID = re.compile(
    r"^(#{1,6} [^\n{}]{1,500}?) ?\{:? ?#([\w.:-]{1,200})[^{}\n]{0,200}\}[ \t]*$", re.MULTILINE
)
_READERS_LINE = re.compile(
    r"^[ \t]*(?:-[ \t]+|\{[ \t]*)?[\"']?readers[\"']?[ \t]*[:=]", re.MULTILINE | re.IGNORECASE
)
_COMMENTS = re.compile(r"\A(?:\s*<!--.*?-->)+", re.DOTALL)  # of a licence, before what was meant as front matter
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_FENCES = ("---", "+++", "{")
_UNREADABLE = Gap(
    "has front matter that names readers and cannot be read, so nobody may read it",
    "correct it: between two lines of three dashes, readers: [everyone]",
)
_IMPORTS = re.compile(r"\A(?:\s*(?:import|export)\b[^\n]{0,500}[\"'][^\n]*)+")  # of MDX


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a document; its title, date, keywords, readers, upkeep and language are those of its front matter."""
    decoded = decode(content)
    matter, text = _split_matter(decoded)
    is_broken = _names_readers_in_vain(matter, decoded)
    return Document(
        title=_title(matter),
        blocks=tuple(blocks(_IMPORTS.sub("", text))),
        updated_at=_updated_at(matter),
        keywords=_keywords(matter),
        readers=() if is_broken else _readers(matter),
        gap=_UNREADABLE if is_broken else None,
        upkeep=Upkeep(*(_value(matter.get(name)) for name in _UPKEEP_FIELDS)),
        language=next(filter(None, (languages.parse(_value(matter.get(name))) for name in _LANGUAGE_FIELDS)), ""),
    )


def blocks(text: str) -> list[Block]:
    """Returns the blocks of Markdown without front matter; links left unparsed inside HTML become their text."""
    blocks = html.blocks(_parser().render(strip_tags(_HEADING_ID.sub(r'\1 <a id="\2"></a>', text))))
    return [replace(b, text=_LEFT_OVER_LINK.sub(r"\1", b.text)) if "](" in b.text else b for b in blocks]


def _split_matter(text: str) -> tuple[Matter, str]:
    """Returns front matter and the rest; invalid front matter is skipped, except for its title."""
    try:
        matter, rest = frontmatter.parse(text)
    except Exception:  # noqa: BLE001 - YAML, TOML and JSON parsers each have errors of their own
        return _salvage_title(text), _FENCED_MATTER.sub("", text)
    return (matter, rest) if isinstance(matter, dict) else ({}, rest)


def _salvage_title(text: str) -> Matter:
    """Returns the title of front matter that is otherwise broken, most often by a colon."""
    fenced = _FENCED_MATTER.match(text)
    title = re.search(r"^title:[ \t]*(.+)$", fenced[0] if fenced else "", re.MULTILINE)
    return {"title": title[1].strip().strip("\"'")} if title else {}


def _names_readers_in_vain(matter: Matter, text: str) -> bool:
    """Returns whether a text begins with what was meant as front matter, is none, and names readers."""
    if matter and matter.keys() != {"title"}:
        return False
    text = _COMMENTS.sub("", text).lstrip()
    fenced = _FENCED_MATTER.match(text)
    head = fenced[0] if fenced else _EMPTY_LINE.split(text, maxsplit=1)[0]
    return text.startswith(_FENCES) and bool(_READERS_LINE.search(head)) and _readers(matter) is None


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _title(matter: Matter) -> str:
    title = matter.get("title")
    return unescape(str(title)) if isinstance(title, str | int | float | date) else ""


def _updated_at(matter: Matter) -> datetime | None:
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


def _readers(matter: Matter) -> tuple[str, ...] | None:
    """Returns the readers as texts; None where it says nothing of them, and none where the value names none."""
    values = [value for name, value in matter.items() if str(name).strip().lower() == "readers"]
    if not values:
        return None
    value = [values[0]] if isinstance(values[0], str) else values[0]
    if not isinstance(value, list):
        return ()
    return tuple(str(item) if isinstance(item, str | int | float) else "" for item in value)


def _value(value: object) -> str:
    """Returns a single value as a text on one line; a date in ISO 8601."""
    if isinstance(value, bool) or not isinstance(value, str | int | date):
        return ""
    return " ".join(strip_invisible(str(value)).split())[:MAX_CHARS]


def _keywords(matter: Matter) -> str:
    values = (matter.get(field) for field in _KEYWORD_FIELDS)
    return "\n".join(filter(None, (_join_values(value) for value in values)))


def _join_values(value: object) -> str:
    """Joins a list's values, but not lists in lists: with YAML's aliases a short text may stand for billions."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value if isinstance(item, str | int | float))
    return value if isinstance(value, str) else ""
