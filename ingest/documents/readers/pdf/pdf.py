"""PDF to blocks: the only module that imports pypdfium2.

Reads the position, size and weight of each run of characters, of which
:mod:`ingest.documents.readers.pdf.layout` makes headings, lists and tables. Promises to leave out text too small
to be read, and to name pages that cannot be read. Does not recognise text in pictures, and does not read forms,
notes or attachments.
"""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pypdfium2
from pypdfium2 import raw

from ingest.documents.blocks import Document, Gap
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.pdf import layout
from ingest.documents.readers.pdf.lines import SOFT_HYPHEN, TextRun

MIN_POINTS = 2.0  # smaller text is unreadable
_GAP = 1.0  # in font sizes; wider than any space between the words of a line
_SHIFT = 0.3  # in font sizes, off the line: another line
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi|medi(?:um)?$", re.IGNORECASE)
_BOLD_WEIGHT = 600
MAX_MISSING_PAGES = 1_000  # in a row: a file may claim any number of pages
_MAX_NAMED_PAGES = 5  # of those that cannot be read
_DAMAGED = ("is a damaged PDF", "open it in a PDF reader and save it again, or remove it")
_LINE_END_HYPHENS = {0x02, 0xFFFE}  # as PDFium gives them
_NOT_A_TITLE = re.compile(
    r"(?i)untitled.*|\(?(?:anonymous|unspecified|none|title)\)?|microsoft (?:word|powerpoint|excel)\b.*"
    r"|(?:document|presentation|slide)\s*\d*|.*\.(?:docx?|pptx?|xlsx?|odt|pdf|tex|dvi|html?|indd|rtf|md|txt)|https?:.*"
)


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a PDF; its title is that of the metadata, unless a program made it up. Raises
    :class:`FetchProblem`."""
    pdf = _open(content)
    try:
        pages: list[list[TextRun]] = []  # by number, those that cannot be read empty
        unread: list[int] = []
        n_chars, n_in_a_row = 0, 0
        for number in range(len(pdf)):
            runs = _read_page(pdf, number)
            pages.append(runs or [])
            unread += [] if runs is not None else [number + 1]
            n_in_a_row = 0 if runs is not None else n_in_a_row + 1
            n_chars += sum(len(run.text) for run in runs or ())
            if n_chars > max_chars:
                raise FetchProblem(
                    f"contains more than {max_chars:,} characters", "split it into smaller documents"
                )
            if n_in_a_row > MAX_MISSING_PAGES:
                break
        if len(unread) == len(pages):
            raise FetchProblem(*_DAMAGED)
        pages = pages[: len(pages) - n_in_a_row]
        if not n_chars:
            raise FetchProblem(
                "contains no text, only pictures or empty pages",
                "if it is a scan, run text recognition (OCR) on it and save it again",
            )
        title = pdf.get_metadata_value("Title").replace("\x00", "").strip()
        title = "" if _NOT_A_TITLE.fullmatch(title) else title
        return Document(title, tuple(layout.blocks(pages)), gap=_gap(unread))
    finally:
        pdf.close()


def _open(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
            raise FetchProblem("is protected with a password", "save it without one") from error
        raise FetchProblem(*_DAMAGED) from error


def _gap(unread: Sequence[int]) -> Gap | None:
    if not unread:
        return None
    names = ", ".join(map(str, unread[:_MAX_NAMED_PAGES])) + (", …" if len(unread) > _MAX_NAMED_PAGES else "")
    cause = f"page {names} cannot be read" if len(unread) == 1 else f"{len(unread)} pages cannot be read ({names})"
    return Gap(cause, "open it in a PDF reader and save it again; all other pages are searchable")


def _read_page(pdf: pypdfium2.PdfDocument, number: int) -> list[TextRun] | None:
    """Returns the runs on a page; None when it cannot be read."""
    page = None
    try:
        page = pdf[number]
        return list(_read_runs(page))
    except pypdfium2.PdfiumError:
        return None
    finally:
        if page is not None:
            page.close()


def _read_runs(page: pypdfium2.PdfPage) -> Iterator[TextRun]:
    """Yields runs in the order of the file; neighbouring words are one run.

    Coordinates are points from the top left of the page as its text is read.
    """
    text_page = page.get_textpage()
    glyphs = _Glyphs(page, text_page)
    run: TextRun | None = None
    for start, end in _split_words(glyphs.codes):
        word = glyphs.run(start, end)
        if word is None:
            continue
        longer = run and _join(run, word)
        if run and not longer:
            yield run
        run = longer or word
    if run:
        yield run
    text_page.close()


def _split_words(codes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields start and end index of each word; a hyphen at a line's end ends a word too."""
    start = 0
    for index, code in enumerate(codes):
        if code in _LINE_END_HYPHENS:
            yield start, index + 1
        elif not chr(code).isspace():
            continue
        elif index > start:
            yield start, index
        start = index + 1
    if len(codes) > start:
        yield start, len(codes)


class _Glyphs:
    """The characters of a page, turned so that most of its text is upright."""

    def __init__(self, page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage) -> None:
        self._text_page = text_page.raw
        self._left, self._bottom, self._right, self._top = page.get_bbox()
        self._box = raw.FS_RECTF()
        self._matrix = raw.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._name = ctypes.create_string_buffer(128)
        self._styles: dict[int | None, tuple[float, bool]] = {}  # of each text object, by its address
        self.codes = [
            min(raw.FPDFText_GetUnicode(self._text_page, i), 0x10FFFF) for i in range(text_page.count_chars())
        ]
        self._rotation = self._measure_rotation()

    def run(self, start: int, end: int) -> TextRun | None:
        """Returns the word between two indexes; None when it is too small to be read, or outside the page."""
        size, is_bold = self._style(start)
        text = "".join(map(_to_text, self.codes[start:end]))
        (x0, base), (x1, _) = self._edge(start), self._edge(end - 1, right=True)
        width, height = self._right - self._left, self._top - self._bottom
        if self._rotation in {90, 270}:
            width, height = height, width
        is_seen = size >= MIN_POINTS and -1 <= x0 <= width + 1 and -1 <= base <= height + size
        return TextRun(text, x0, max(x0, x1), base, size, is_bold) if text and is_seen else None

    def _measure_rotation(self) -> int:
        """Returns by how many degrees most of the text is rotated: 0, 90, 180 or 270."""
        rotations: Counter[int] = Counter()
        for index in range(0, len(self.codes), max(1, len(self.codes) // 50)):
            if not chr(self.codes[index]).isspace():
                raw.FPDFText_GetMatrix(self._text_page, index, self._matrix)
                rotations[round(math.atan2(self._matrix.b, self._matrix.a) / (math.pi / 2)) % 4 * 90] += 1
        return rotations.most_common(1)[0][0] if rotations else 0

    def _style(self, index: int) -> tuple[float, bool]:
        address = ctypes.cast(raw.FPDFText_GetTextObject(self._text_page, index), ctypes.c_void_p).value
        if address not in self._styles or not address:
            self._styles[address] = self._size(index), self._is_bold(index)
        return self._styles[address]

    def _size(self, index: int) -> float:
        raw.FPDFText_GetMatrix(self._text_page, index, self._matrix)
        scale = math.hypot(self._matrix.b, self._matrix.d)
        return round(float(raw.FPDFText_GetFontSize(self._text_page, index)) * (scale or 1.0), 1)

    def _is_bold(self, index: int) -> bool:
        length = raw.FPDFText_GetFontInfo(self._text_page, index, self._name, len(self._name), None)
        name = self._name.value if 0 < length <= len(self._name) else b""
        return bool(_BOLD_NAME.search(name)) or raw.FPDFText_GetFontWeight(self._text_page, index) >= _BOLD_WEIGHT

    def _edge(self, index: int, *, right: bool = False) -> tuple[float, float]:
        """Returns a character's left or right edge on its base line."""
        raw.FPDFText_GetCharOrigin(self._text_page, index, self._x, self._y)
        x, y = self._x.value, self._y.value
        if right and raw.FPDFText_GetLooseCharBox(self._text_page, index, self._box):
            box = self._box
            x, y = (box.right, y) if self._rotation in {0, 180} else (x, box.top)
            if self._rotation == 180:
                x = box.left
            elif self._rotation == 270:
                y = box.bottom
        return self._to_upright(x, y)

    def _to_upright(self, x: float, y: float) -> tuple[float, float]:
        if self._rotation == 90:
            return y - self._bottom, x - self._left
        if self._rotation == 180:
            return self._right - x, y - self._bottom
        if self._rotation == 270:
            return self._top - y, self._right - x
        return x - self._left, self._top - y


def _to_text(code: int) -> str:
    """Returns the character; empty for an invisible one."""
    if code in _LINE_END_HYPHENS:
        return SOFT_HYPHEN
    is_visible = code >= 0x20 and not 0x7F <= code < 0xA0 and not 0xD800 <= code < 0xE000
    return chr(code) if is_visible else ""


def _join(run: TextRun, word: TextRun) -> TextRun | None:
    """Returns both as one run, if the word continues where the run ends."""
    gap, shift = word.x0 - run.x1, abs(word.base - run.base)
    size = max(run.size, word.size)
    if not (-_SHIFT * size <= gap <= _GAP * size and shift <= _SHIFT * size):
        return None
    is_larger = word.size > run.size
    return TextRun(
        text=f"{run.text} {word.text}",
        x0=run.x0,
        x1=word.x1,
        base=word.base if is_larger else run.base,
        size=size,
        is_bold=run.is_bold and word.is_bold,
    )
