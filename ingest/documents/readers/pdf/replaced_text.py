"""The text that a page gives in the place of shapes (``ActualText``), where PDFium leaves it out.

PDFium uses it by itself, except for shapes without an extent, such as a ligature of a font that is not embedded.
"""

import ctypes
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pypdfium2
from pypdfium2 import raw

_NAME = b"ActualText"
_MAX_BYTES = 4_096
_SHIFT = 0.3  # in font sizes, off the line
_SPACE = 0.2  # in font sizes; a wider gap is one between words
_NARROW = frozenset("fijltrI.,;:'!|")
_NARROW_WIDTH, _WIDTH = 0.28, 0.55  # of a letter, in font sizes


@dataclass(frozen=True)
class _Shape:
    """A text object: its place in the file, its origin and font size, and the text in its place, if any."""

    at: int
    address: int | None
    text: str
    x: float
    y: float
    size: float


def insert(texts: list[str], page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage) -> None:
    """Adds to a page's characters, one by one in ``texts``, the texts whose shapes are not among them."""
    shapes = [_read(at, object_.raw) for at, object_ in enumerate(page.get_objects([raw.FPDF_PAGEOBJ_TEXT]))]
    if not any(shape.text for shape in shapes):
        return
    indexes: dict[int | None, list[int]] = {}  # of characters, by the object's address
    for index in range(len(texts)):
        address = _address(raw.FPDFText_GetTextObject(text_page.raw, index))
        indexes.setdefault(address, []).append(index)
    for span in _missing_spans(shapes, indexes.keys()):
        before = [s for s in shapes[: span[0].at] if s.address in indexes][-1:]
        after = [s for s in shapes[span[-1].at + 1 :] if s.address in indexes][:1]
        if before and abs(before[0].y - span[0].y) <= _SHIFT * span[0].size:
            last = indexes[before[0].address][-1]
            texts[last] += (
                "" if _right_edge(text_page, last) + _SPACE * span[0].size >= span[0].x else " "
            ) + span[0].text
            following = indexes[after[0].address][0] if after else -1
            if following == last + 2 and not _has_space_after(span, after[0]):
                texts[last + 1] = ""  # the space that PDFium made of the gap
        elif after:
            first = indexes[after[0].address][0]
            space = " " if _has_space_after(span, after[0]) else ""
            texts[first] = f"{span[0].text}{space}{texts[first]}"


def _missing_spans(shapes: Sequence[_Shape], shown: Collection[int | None]) -> Iterator[list[_Shape]]:
    """Yields the neighbouring shapes of which each text takes the place, unless one of them is shown."""
    for text, group in groupby(shapes, key=lambda shape: shape.text):
        span = [*group]
        if text and not any(shape.address in shown for shape in span):
            yield span


def _has_space_after(span: Sequence[_Shape], following: _Shape) -> bool:
    first = span[0]
    if abs(following.y - first.y) > _SHIFT * first.size:
        return True
    width = sum(_NARROW_WIDTH if letter in _NARROW else _WIDTH for letter in first.text)
    return following.x - first.x > (width + _SPACE) * first.size


def _read(at: int, object_: "raw.FPDF_PAGEOBJECT") -> _Shape:
    matrix, size = raw.FS_MATRIX(), ctypes.c_float()
    raw.FPDFPageObj_GetMatrix(object_, matrix)
    raw.FPDFTextObj_GetFontSize(object_, size)
    scale = abs(matrix.d) or abs(matrix.b) or 1.0
    return _Shape(at, _address(object_), _actual_text(object_), matrix.e, matrix.f, size.value * scale)


def _address(object_: "raw.FPDF_PAGEOBJECT") -> int | None:
    return ctypes.cast(object_, ctypes.c_void_p).value


def _actual_text(object_: "raw.FPDF_PAGEOBJECT") -> str:
    length = ctypes.c_ulong()
    for number in range(raw.FPDFPageObj_CountMarks(object_)):
        mark = raw.FPDFPageObj_GetMark(object_, number)
        has_text = raw.FPDFPageObjMark_GetParamStringValue(mark, _NAME, None, 0, length)
        if has_text and length.value <= _MAX_BYTES:
            buffer = (ctypes.c_ushort * (length.value // 2 + 1))()
            raw.FPDFPageObjMark_GetParamStringValue(mark, _NAME, buffer, length.value, length)
            return bytes(buffer).decode("utf-16-le", errors="ignore").strip("\0")
    return ""


def _right_edge(text_page: pypdfium2.PdfTextPage, index: int) -> float:
    box = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(text_page.raw, index, box)
    return float(box.right)
