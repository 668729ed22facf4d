"""A document as a source delivers it: its bytes, or the reason why it could not be fetched or read."""

from dataclasses import dataclass
from datetime import datetime

from ingest.documents.anchors import AnchorStyle
from ingest.documents.blocks import Scans
from ingest.documents.formats import Format


@dataclass(frozen=True)
class RawDocument:
    """A document as fetched, not yet parsed."""

    content: bytes
    format: Format
    title: str  # used unless the document has one of its own
    updated_at: datetime | None = None
    anchors: AnchorStyle = AnchorStyle.IDS  # which names the page's sections have
    page: int = 0  # the one whose picture is recognised; 0: the document's text is read


class FetchProblem(Exception):
    """One document cannot be fetched or read. ``cause`` and ``advice`` are shown to the operator.

    ``cause`` continues a sentence that begins with the document's name. A problem that ``may_pass`` is tried again
    with every sync, and leaves an earlier version searchable. ``scans`` are what there may be to recognise in a
    document without text.
    """

    def __init__(self, cause: str, advice: str, *, may_pass: bool = False, scans: Scans | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.advice = advice
        self.may_pass = may_pass
        self.scans = scans
