"""A document as the library sees it, whatever it was made from: a title and a row of blocks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a list item, a table or a piece of code.

    ``level`` is a heading's rank (1 to 6) or a list item's depth (from 0). A table's ``lines`` are its rows,
    the header first if ``has_header``; a code block's are its lines; other blocks have only ``text``. ``page``
    counts from 1 where a document has pages, else it is 0.
    """

    kind: Literal["heading", "paragraph", "item", "table", "code"]
    text: str = ""
    level: int = 0
    lines: tuple[str, ...] = ()
    has_header: bool = False
    page: int = 0


@dataclass(frozen=True)
class Gap:
    """A part of a document that could not be read, and what to do about it, for the operator. The rest is
    searchable."""

    cause: str
    advice: str


@dataclass(frozen=True)
class Document:
    """What reading a raw document yields. ``keywords`` are searched but never shown.

    ``title`` is empty only while a document is being read, when it names none itself.
    """

    title: str
    blocks: tuple[Block, ...]
    updated_at: datetime | None = None
    keywords: str = ""
    gap: Gap | None = None
