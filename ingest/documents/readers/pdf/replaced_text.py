"""The text that a page gives in the place of shapes (``ActualText``), where PDFium leaves it out.

PDFium uses it by itself, except for shapes without an extent, such as a ligature of a font that is not embedded,
for pictures and paths, and where it stands in a tagged file's structure. A text that takes the place of several
shapes is left out if any of them is shown.
"""

import ctypes
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from ingest.documents.readers.pdf import structure
from ingest.documents.readers.pdf.structure import ReplacedContent
from ingest.documents.readers.pdf.visibility import Visibility

_NAME = b"ActualText"
_MAX_BYTES = 4_096
_SHIFT = 0.3  # in font sizes, off the line
_SPACE = 0.2  # in font sizes; a wider gap is one between words
_GAP = 1.0  # in font sizes; a wider one is between cells
_NARROW = frozenset("fijltrI.,;:'!|")
_WIDE = frozenset("mwABCDEFGHKLMNOPQRSTUVWXYZ@%—…")
_NARROW_WIDTH, _WIDTH, _WIDE_WIDTH = 0.28, 0.55, 0.7  # of a letter, in font sizes
_PICTURE_SIZE = 10.0  # at most, of the text in a picture's place, in points


@dataclass(frozen=True)
class _Shape:
    """An object: its place in the file, its origin and font size, and the text in its place, if any.

    Shapes with one ``mark`` are replaced by one text.
    """

    at: int
    address: int | None
    mark: tuple[str, int | None]
    text: str
    x: float
    y: float
    size: float


@dataclass
class LooseText:
    """A text that continues no shown one. It stands before the character ``at``; coordinates are the page's."""

    at: int
    text: str
    x: float
    y: float
    size: float
    width: float
    after: _Shape | None  # the next shown shape


def insert(
    texts: list[str], page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, visibility: Visibility
) -> list[LooseText]:
    """Adds to a page's characters, one by one in ``texts``, the texts whose shapes are seen and not among them.

    Returns those that do not continue a shown text, in the order of the file.
    """
    shapes = [*_read_shapes(page, visibility)]
    if not any(shape.text for shape in shapes):
        return []
    indexes: dict[int | None, list[int]] = {}  # of characters, by the object's address
    for index in range(len(texts)):
        address = _address(raw.FPDFText_GetTextObject(text_page.raw, index))
        indexes.setdefault(address, []).append(index)
    before, after = (
        _shown_neighbours(shapes, indexes.keys()),
        _shown_neighbours(shapes[::-1], indexes.keys())[::-1],
    )
    edges: dict[int, float] = {}  # where what was added to a character ends
    loose: list[LooseText] = []
    for span in _missing_spans(shapes, indexes.keys()):
        first, previous, following = span[0], before[span[0].at], after[span[-1].at]
        last = indexes[previous.address][-1] if previous else -1
        edge = edges.get(last, _right_edge(text_page, last) if previous else 0.0)
        next_index = indexes[following.address][0] if following else len(texts)
        if previous and _is_on_line(previous, first) and first.x - edge <= _GAP * first.size:
            texts[last] += _space(first.x - edge, first.size) + first.text
            edges[last] = first.x + _width(first)
            if next_index == last + 2 and following and not _has_space_after(first, following):
                texts[last + 1] = ""  # the space that PDFium made of the gap
        elif not (loose and loose[-1].at == next_index and _continues(loose[-1], first)):
            width = _width(first)
            loose.append(LooseText(next_index, first.text, first.x, first.y, first.size, width, following))
    return [one for one in loose if one.text.strip() and not _is_put_before(one, texts)]


def _shown_neighbours(shapes: Iterable[_Shape], shown: Collection[int | None]) -> list[_Shape | None]:
    """Returns for each shape the last one before it that is shown."""
    neighbours: list[_Shape | None] = []
    last = None
    for shape in shapes:
        neighbours.append(last)
        last = shape if shape.address in shown else last
    return neighbours


def _missing_spans(shapes: Sequence[_Shape], shown: Collection[int | None]) -> Iterator[list[_Shape]]:
    """Yields the shapes of which each text takes the place, unless one of them is shown."""
    spans: dict[tuple[str, int | None], list[_Shape]] = {}
    for shape in shapes:
        if shape.text:
            spans.setdefault(shape.mark, []).append(shape)
    for span in spans.values():
        if not any(shape.address in shown for shape in span):
            yield span


def _continues(loose: LooseText, shape: _Shape) -> bool:
    """Returns whether a shape is beside a text; then its own text is added."""
    gap = shape.x - loose.x - loose.width
    is_beside = abs(loose.y - shape.y) <= _SHIFT * shape.size and -shape.size <= gap <= _GAP * shape.size
    if is_beside:
        loose.text += _space(gap, shape.size) + shape.text
        loose.width = shape.x + _width(shape) - loose.x
    return is_beside


def _is_put_before(loose: LooseText, texts: list[str]) -> bool:
    """Returns whether a shown text continues this one; then it is added to its first character."""
    gap = loose.after.x - loose.x - loose.width if loose.after else 0.0
    if not loose.after or abs(loose.after.y - loose.y) > _SHIFT * loose.size or gap > _GAP * loose.size:
        return False
    texts[loose.at] = f"{loose.text}{_space(gap, loose.size)}{texts[loose.at]}"
    return True


def _space(gap: float, size: float) -> str:
    return " " if gap > _SPACE * size else ""


def _is_on_line(shape: _Shape, other: _Shape) -> bool:
    return abs(shape.y - other.y) <= _SHIFT * other.size


def _has_space_after(first: _Shape, following: _Shape) -> bool:
    gap = following.x - first.x - _width(first)
    return not _is_on_line(following, first) or gap > _SPACE * first.size


def _width(shape: _Shape) -> float:
    n_narrow, n_wide = (sum(letter in letters for letter in shape.text) for letters in (_NARROW, _WIDE))
    n_other = len(shape.text) - n_narrow - n_wide
    return (n_narrow * _NARROW_WIDTH + n_wide * _WIDE_WIDTH + n_other * _WIDTH) * shape.size


def _read_shapes(page: pypdfium2.PdfPage, visibility: Visibility) -> Iterator[_Shape]:
    """Yields a page's text objects, and others in whose place there is a text."""
    replaced = structure.read_texts(page)
    at = 0
    for object_ in page.get_objects():
        mark, text = _replacement(object_, replaced)
        text = text if text and visibility.is_seen(object_.raw) else ""
        if object_.type == raw.FPDF_PAGEOBJ_TEXT or (text and object_.type != raw.FPDF_PAGEOBJ_FORM):
            yield _Shape(at, _address(object_.raw), mark, text, *_place(object_))
            at += 1


def _place(object_: pypdfium2.PdfObject) -> tuple[float, float, float]:
    """Returns the origin of a shape, and its font size."""
    matrix, size = raw.FS_MATRIX(), ctypes.c_float()
    if object_.type == raw.FPDF_PAGEOBJ_TEXT:
        raw.FPDFPageObj_GetMatrix(object_.raw, matrix)
        raw.FPDFTextObj_GetFontSize(object_.raw, size)
        x, y, scale = matrix.e, matrix.f, abs(matrix.d) or abs(matrix.b) or 1.0
        height = size.value * scale
    else:
        x, y, _, top = object_.get_bounds()
        height = min(top - y, _PICTURE_SIZE)
        y = y if top - y <= 2 * _PICTURE_SIZE else top - height
    container = object_.container
    while container is not None:  # a form, which may be placed anywhere
        raw.FPDFPageObj_GetMatrix(container.raw, matrix)
        x, y = matrix.a * x + matrix.c * y + matrix.e, matrix.b * x + matrix.d * y + matrix.f
        height *= abs(matrix.d) or abs(matrix.b) or 1.0
        container = container.container
    return x, y, height


def _replacement(object_: pypdfium2.PdfObject, replaced: ReplacedContent) -> tuple[tuple[str, int | None], str]:
    """Returns the text in an object's place, and what tells it from others that say the same."""
    length = ctypes.c_ulong()
    for number in range(raw.FPDFPageObj_CountMarks(object_.raw)):
        mark = raw.FPDFPageObj_GetMark(object_.raw, number)
        has_text = raw.FPDFPageObjMark_GetParamStringValue(mark, _NAME, None, 0, length)
        if has_text and length.value <= _MAX_BYTES:
            buffer = (ctypes.c_ushort * (length.value // 2 + 1))()
            raw.FPDFPageObjMark_GetParamStringValue(mark, _NAME, buffer, length.value, length)
            text = bytes(buffer).decode("utf-16-le", errors="ignore").strip("\0")
            return ("mark", ctypes.cast(mark, ctypes.c_void_p).value), text
    if replaced and object_.level == 0:
        element, text = replaced.get(raw.FPDFPageObj_GetMarkedContentID(object_.raw), (0, ""))
        return ("element", element), text
    return ("", None), ""


def _address(object_: "raw.FPDF_PAGEOBJECT") -> int | None:
    return ctypes.cast(object_, ctypes.c_void_p).value


def _right_edge(text_page: pypdfium2.PdfTextPage, index: int) -> float:
    box = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(text_page.raw, index, box)
    return float(box.right)
