"""The characters of a PDF's page to runs of text, with the position, size and weight of each.

Promises to leave out text too small to be read, outside the page, or otherwise not seen. Where a font does not say
what a shape of it stands for, such as a ligature, the text that the page gives in its place is used
(``ActualText``).
"""

import ctypes
import math
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from ingest.documents.readers.pdf import replaced_text
from ingest.documents.readers.pdf.lines import SOFT_HYPHEN, TextRun
from ingest.documents.readers.pdf.replaced_text import LooseText
from ingest.documents.readers.pdf.visibility import Visibility

MIN_POINTS = 2.0  # smaller text is unreadable
_GAP = 1.0  # in font sizes; wider than any space between the words of a line
_SHIFT = 0.3  # in font sizes, off the line: another line
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi|medi(?:um)?$", re.IGNORECASE)
_BOLD_WEIGHT = 600
_LINE_END_HYPHENS = {0x02, 0xFFFE}  # as PDFium gives them


@dataclass(frozen=True)
class PageText:
    """The runs on a page in the order of the file, and its height as its text is read, in points."""

    runs: list[TextRun]
    height: float


def read_text(page: pypdfium2.PdfPage) -> PageText:
    """Reads a page; neighbouring words are one run. Coordinates are points from the top left."""
    text_page = page.get_textpage()
    glyphs = _Glyphs(page, text_page)
    text = PageText([*_join_words(glyphs)], glyphs.height)
    text_page.close()
    return text


def _join_words(glyphs: "_Glyphs") -> Iterator[TextRun]:
    run: TextRun | None = None
    for word in _words(glyphs):
        longer = run and _join(run, word)
        if run and not longer:
            yield run
        run = longer or word
    if run:
        yield run


def _words(glyphs: "_Glyphs") -> Iterator[TextRun]:
    """Yields the words that are seen, and those in the place of shapes, in the order of the file."""
    loose = deque(glyphs.loose)
    for start, end in [*_split_words(glyphs.texts), (len(glyphs.texts), None)]:
        while loose and loose[0].at <= start:
            yield from filter(None, [glyphs.loose_run(loose.popleft())])
        if end is not None and (word := glyphs.run(start, end)):
            yield word


def _split_words(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yields start and end index of each word; a hyphen at a line's end ends a word too."""
    start = 0
    for index, text in enumerate(texts):
        if text == SOFT_HYPHEN:
            yield start, index + 1
        elif not text.isspace():
            continue
        elif index > start:
            yield start, index
        start = index + 1
    if len(texts) > start:
        yield start, len(texts)


class _Glyphs:
    """The characters of a page, turned so that most of its text is upright."""

    def __init__(self, page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage) -> None:
        self._text_page = text_page.raw
        self._left, self._bottom, self._right, self._top = page.get_bbox()
        self._box = raw.FS_RECTF()
        self._matrix = raw.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._name = ctypes.create_string_buffer(128)
        self._visibility = Visibility(page)
        self._styles: dict[int | None, tuple[float, bool, bool]] = {}  # of each text object, by its address
        self.texts = [
            _to_text(min(raw.FPDFText_GetUnicode(self._text_page, i), 0x10FFFF))
            for i in range(text_page.count_chars())
        ]
        self._rotation = self._measure_rotation()
        width, height = self._right - self._left, self._top - self._bottom
        self._width, self.height = (height, width) if self._rotation in {90, 270} else (width, height)
        self.loose = replaced_text.insert(self.texts, page, text_page, self._visibility)

    def run(self, start: int, end: int) -> TextRun | None:
        """Returns the word between two indexes; None when it is not seen."""
        size, is_bold, is_seen = self._style(start)
        text = "".join(self.texts[start:end])
        (x0, base), (x1, _) = self._edge(start), self._edge(end - 1, right=True)
        return self._seen(TextRun(text, x0, max(x0, x1), base, size, is_bold)) if text and is_seen else None

    def loose_run(self, loose: LooseText) -> TextRun | None:
        """Returns a text in the place of shapes; None when it is too small to be read, or outside the page."""
        x0, base = self._to_upright(loose.x, loose.y)
        return self._seen(TextRun(loose.text, x0, x0 + loose.width, base, round(loose.size, 1)))

    def _seen(self, run: TextRun) -> TextRun | None:
        is_on_page = -1 <= run.x0 <= self._width + 1 and -1 <= run.base <= self.height + run.size
        return run if run.size >= MIN_POINTS and is_on_page else None

    def _measure_rotation(self) -> int:
        """Returns by how many degrees most of the text is rotated: 0, 90, 180 or 270."""
        rotations: Counter[int] = Counter()
        for index in range(0, len(self.texts), max(1, len(self.texts) // 50)):
            if not self.texts[index].isspace():
                raw.FPDFText_GetMatrix(self._text_page, index, self._matrix)
                rotations[round(math.atan2(self._matrix.b, self._matrix.a) / (math.pi / 2)) % 4 * 90] += 1
        return rotations.most_common(1)[0][0] if rotations else 0

    def _style(self, index: int) -> tuple[float, bool, bool]:
        text = raw.FPDFText_GetTextObject(self._text_page, index)
        address = ctypes.cast(text, ctypes.c_void_p).value
        if address not in self._styles or not address:
            is_seen = not address or self._visibility.is_seen(text)
            self._styles[address] = self._size(index), self._is_bold(index), is_seen
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
    if chr(code).isspace():
        return " "
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
