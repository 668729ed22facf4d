"""The parsed form of every document, whatever its format: a title and a sequence of blocks."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ingest.documents.upkeep import NO_UPKEEP, Upkeep


class BlockKind(StrEnum):
    """What a block is. The child process sends the values to its parent."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a list item, a table or a piece of code.

    ``level`` is a heading's rank (1 to 6) or a list item's depth (from 0). A table's ``lines`` are its rows,
    the header first if ``has_header``; a code block's are its lines; other blocks have only ``text``. ``page``
    counts from 1 where a document has pages, else it is 0. ``anchor`` is a heading's id, if it has one.
    """

    kind: BlockKind
    text: str = ""
    level: int = 0
    lines: tuple[str, ...] = ()
    has_header: bool = False
    page: int = 0
    anchor: str = ""


@dataclass(frozen=True)
class Gap:
    """A part of a document that could not be read, with advice for the operator. The rest is searchable."""

    cause: str
    advice: str


def join_gaps(gap: Gap | None, more: Gap) -> Gap:
    """Returns what is told of two gaps; the advice is the first one's."""
    return replace(gap, cause=f"{gap.cause}, and {more.cause}") if gap else more


@dataclass(frozen=True)
class Scans:
    """Pages that show something to read and hold no text, by number from 1.

    ``n_stamped`` of them have a line at an edge; ``n_unchecked`` others without text were not looked at.
    """

    pages: tuple[int, ...]
    n_stamped: int = 0
    n_unchecked: int = 0


@dataclass(frozen=True)
class Document:
    """A parsed document. ``keywords`` are searched but never shown.

    ``readers`` are whom it names in its front matter, as they stand there; None where it says nothing of them.
    ``upkeep`` is what that says of its care. ``language`` is the one it names, else the one it seems to be in; see
    :mod:`ingest.documents.languages`.

    ``scans`` are set only between a format's reader and :class:`ingest.documents.recognition.ScanReader`.

    ``title`` is empty only between a format's reader and :func:`ingest.documents.readers.reader.read_document`,
    for a document that does not name itself.
    """

    title: str
    blocks: tuple[Block, ...]
    updated_at: datetime | None = None
    keywords: str = ""
    gap: Gap | None = None
    readers: tuple[str, ...] | None = None
    upkeep: Upkeep = NO_UPKEEP
    language: str = ""
    scans: Scans | None = None
