"""A document as a source hands it over: its bytes, or why it cannot be had."""

from dataclasses import dataclass
from datetime import datetime

from ingest.documents.formats import Format


@dataclass(frozen=True)
class RawDocument:
    """A document as fetched, not yet read."""

    content: bytes
    format: Format
    title: str  # used unless the document has one of its own
    updated_at: datetime | None = None


class FetchProblem(Exception):
    """One document cannot be had. ``cause`` and ``advice`` are shown to the operator.

    One that ``may_pass`` is tried again with every sync, and leaves an earlier version searchable.
    """

    def __init__(self, cause: str, advice: str, *, may_pass: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.advice = advice
        self.may_pass = may_pass
