"""The messages between :mod:`ingest.documents.converter` and its child process.

A request is a line of JSON and then the document's bytes; a reply is eight bytes of length and then JSON.
"""

from enum import StrEnum
from typing import NotRequired, TypedDict


class Failure(StrEnum):
    """Why a document was not read."""

    PROBLEM = "problem"  # with the document; the reply says what
    TIME = "time"
    CPU = "cpu"
    MEMORY = "memory"
    OUTPUT = "output"  # too much text
    CRASH = "crash"
    BUG = "bug"


class LimitsMessage(TypedDict):
    """:class:`ingest.documents.converter.ReaderLimits` as JSON."""

    seconds: float
    cpu_seconds: int
    memory_bytes: int
    max_chars: int


class RequestHead(TypedDict):
    """A raw document without its bytes; dates are in ISO 8601."""

    format: str
    title: str
    updated_at: str | None
    n_bytes: int
    page: int


class ExchangedBlock(TypedDict, total=False):
    """A block without its empty fields."""

    kind: str
    text: str
    level: int
    lines: tuple[str, ...]
    has_header: bool
    page: int
    anchor: str


class GapMessage(TypedDict):
    """A gap as JSON."""

    cause: str
    advice: str


class ScansMessage(TypedDict):
    """The scans of a document as JSON."""

    pages: list[int]
    n_stamped: int
    n_unchecked: int


class DocumentMessage(TypedDict):
    """A parsed document as JSON."""

    title: str
    blocks: list[ExchangedBlock]
    updated_at: str | None
    keywords: str
    gap: GapMessage | None
    readers: list[str] | None
    upkeep: dict[str, str]
    language: str
    scans: ScansMessage | None


class ReaderReply(TypedDict):
    """A document, or why there is none."""

    document: NotRequired[DocumentMessage]
    failure: NotRequired[Failure]
    cause: NotRequired[str]
    advice: NotRequired[str]
    scans: NotRequired[ScansMessage]
