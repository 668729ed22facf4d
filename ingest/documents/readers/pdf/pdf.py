"""PDF to blocks: opens the file and reads its pages.

:mod:`ingest.documents.readers.pdf.glyphs` reads the position, size and weight of each run of characters, of which
:mod:`ingest.documents.readers.pdf.layout` makes headings, lists and tables. Promises to name pages that cannot be
read, and those that hold no text, which :mod:`ingest.documents.recognition` may read. Does not read forms, notes
or attachments.
"""

import re
from dataclasses import dataclass, field

import pypdfium2
from pypdfium2 import raw

from ingest.documents.blocks import Document, Gap, Scans
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.pages import name_pages
from ingest.documents.readers.pdf import glyphs, layout, scans
from ingest.documents.readers.pdf.glyphs import PageText
from ingest.documents.readers.pdf.scans import Looks

MAX_MISSING_PAGES = 1_000  # in a row: a file may claim any number of pages
_MAX_NAMED_PAGES = 5  # of those that cannot be read
_DAMAGED = ("is a damaged PDF", "open it in a PDF reader and save it again, or remove it")
_NO_TEXT = (
    "contains no text, only pictures or empty pages",
    "if it is a scan, run text recognition (OCR) on it and save it again",
)
_NOT_A_TITLE = re.compile(
    r"(?i)untitled.*|\(?(?:anonymous|unspecified|none|title)\)?|microsoft (?:word|powerpoint|excel)\b.*"
    r"|(?:document|presentation|slide)\s*\d*|.*\.(?:docx?|pptx?|xlsx?|odt|pdf|tex|dvi|html?|indd|rtf|md|txt)|https?:.*"
)


@dataclass
class _Pages:
    """What was read of a document's pages. Numbers count from 1; a page that cannot be read is an empty one."""

    texts: list[PageText] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    scans: list[int] = field(default_factory=list)
    n_stamped: int = 0  # scans with a line at an edge
    looks: Looks = field(default_factory=Looks)
    n_chars: int = 0


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a PDF; its title is that of the metadata, unless a program made it up. Raises
    :class:`FetchProblem`."""
    pdf = _open(content)
    try:
        pages = _read_pages(pdf, max_chars)
        if len(pages.unread) == len(pages.texts):
            raise FetchProblem(*_DAMAGED)
        if not pages.n_chars:
            raise _no_text_problem(pages)
        title = pdf.get_metadata_value("Title").replace("\x00", "").strip()
        title = "" if _NOT_A_TITLE.fullmatch(title) else title
        blocks = layout.blocks([page.runs for page in pages.texts])
        return Document(title, tuple(blocks), gap=_gap(pages), scans=_scans(pages))
    finally:
        pdf.close()


def _open(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
            raise FetchProblem("is protected with a password", "save it without one") from error
        raise FetchProblem(*_DAMAGED) from error


def _read_pages(pdf: pypdfium2.PdfDocument, max_chars: int) -> _Pages:
    """Reads every page, up to the last one of a long row that cannot be read."""
    pages = _Pages()
    n_in_a_row = 0
    for number in range(len(pdf)):
        text = _read_page(pdf, number, pages)
        pages.texts.append(text or PageText([], 0.0))
        n_in_a_row = 0 if text else n_in_a_row + 1
        pages.n_chars += sum(len(run.text) for run in text.runs) if text else 0
        if pages.n_chars > max_chars:
            cause = f"contains more than {max_chars:,} characters"
            raise FetchProblem(cause, "split it into smaller documents")
        if n_in_a_row > MAX_MISSING_PAGES:
            break
    return pages


def _read_page(pdf: pypdfium2.PdfDocument, number: int, pages: _Pages) -> PageText | None:
    """Returns the text of a page; None when it cannot be read. Notes in ``pages`` what it lacks."""
    page = None
    try:
        page = pdf[number]
        text = glyphs.read_text(page)
        if scans.is_scan(page, text, pages.looks):
            pages.scans.append(number + 1)
            pages.n_stamped += scans.has_lines(text)
        return text
    except pypdfium2.PdfiumError:
        pages.unread.append(number + 1)
        return None
    finally:
        if page is not None:
            page.close()


def _no_text_problem(pages: _Pages) -> FetchProblem:
    if not pages.scans:
        return FetchProblem(*_NO_TEXT)
    cause = f"contains no text, only scans or pictures ({name_pages(pages.scans)})"
    return FetchProblem(cause, _NO_TEXT[1], scans=_scans(pages))


def _scans(pages: _Pages) -> Scans | None:
    if not pages.scans and not pages.looks.n_missed:
        return None
    return Scans(tuple(pages.scans), pages.n_stamped, pages.looks.n_missed)


def _gap(pages: _Pages) -> Gap | None:
    """Returns which pages cannot be read."""
    numbers = pages.unread
    if not numbers:
        return None
    names = ", ".join(map(str, numbers[:_MAX_NAMED_PAGES])) + (", …" if len(numbers) > _MAX_NAMED_PAGES else "")
    is_one = len(numbers) == 1
    cause = f"page {names} cannot be read" if is_one else f"{len(numbers)} pages cannot be read ({names})"
    return Gap(cause, "open it in a PDF reader and save it again; all other pages are searchable")
