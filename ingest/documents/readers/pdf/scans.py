"""Recognises pages that show something to read, but hold no text: scans, letters drawn as shapes or unknown.

A page that is blank, or has only a logo, is none. A line at the edge of a page, such as a page number that a
scanner or a program put there, is not its text. Promises time that does not grow with the number of such pages:
what may be blank is looked at up to a limit, and not judged beyond it.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from ingest.documents.readers.pdf.glyphs import PageText

_MIN_SHARE = 0.1  # of a page without text that pictures cover; a logo covers less
_MIN_SHARE_BELOW_TEXT = 0.5  # of a page with lines at its edges
_EDGE = 0.12  # of a page's height
_MAX_EDGE_CHARS = 200
_MIN_PATHS = 100  # letters drawn as shapes; a frame and a few lines are fewer
_MIN_SEGMENTS = 500  # of a few paths that cover a share of the page; a letter has 10 to 30
_MIN_UNKNOWN_BELOW_TEXT = 5  # texts of unknown letters on a page with lines at its edges
_MAX_OBJECTS = 20_000  # looked at; a page has some hundreds
_MAX_NESTING = 5
_MAX_LOOKS = 300  # of a document
_MAX_LOOK_PIXELS = 250_000_000  # of all pictures looked at; about 3 s
_OBJECT_PIXELS = 2_000  # take about as long to draw as one object
_LOOK_WIDTH = 150  # pixels
_WHITE = 250  # of 255; a page in one other colour is a picture
_PAPER = 200  # of 255; what is darker everywhere is no paper
_INK = 25  # of 255, darker than paper
_MIN_INK = 0.002  # of the pixels; what a scanner makes of a blank sheet has less


@dataclass
class Looks:
    """What the looks at a document's pages have cost; ``n_missed`` pages were not looked at."""

    n: int = 0
    n_pixels: int = 0
    n_missed: int = 0

    def may_take(self, n_pixels: int) -> bool:
        """Returns whether one more look is within the limits, and counts it."""
        may = self.n < _MAX_LOOKS and (not self.n or self.n_pixels + n_pixels <= _MAX_LOOK_PIXELS)
        self.n, self.n_pixels = self.n + may, self.n_pixels + n_pixels * may
        self.n_missed += not may
        return may


@dataclass
class _Content:
    """What a page shows beside known letters. Areas are in square points."""

    picture_area: float = 0.0
    path_area: float = 0.0
    n_objects: int = 0
    n_paths: int = 0
    n_segments: int = 0
    n_unknown: int = 0  # texts without a known letter
    n_pixels: int = 0
    has_picture: bool = False


def has_lines(text: PageText) -> bool:
    """Returns whether there is a letter or digit on a page."""
    return any(any(map(str.isalnum, run.text)) for run in text.runs)


def is_scan(page: pypdfium2.PdfPage, text: PageText, looks: Looks) -> bool:
    """Returns whether a page holds no text, but something else that is not blank."""
    is_stamped = has_lines(text)
    if is_stamped and not _is_at_edges(text):
        return False
    content = _measure(page)
    left, bottom, right, top = page.get_bbox()
    area = max((right - left) * (top - bottom), 1.0)
    if is_stamped:
        is_covered = content.picture_area >= _MIN_SHARE_BELOW_TEXT * area
        return is_covered or content.n_unknown >= _MIN_UNKNOWN_BELOW_TEXT
    is_drawn = content.n_segments >= _MIN_SEGMENTS and content.path_area >= _MIN_SHARE * area
    is_covered = content.picture_area >= _MIN_SHARE * area or content.n_paths >= _MIN_PATHS
    if not (is_covered or is_drawn or content.n_unknown):
        return False
    return looks.may_take(content.n_pixels + content.n_objects * _OBJECT_PIXELS) and not _is_blank(page)


def _is_at_edges(text: PageText) -> bool:
    n_chars = sum(len(run.text) for run in text.runs)
    edge = _EDGE * text.height
    return n_chars <= _MAX_EDGE_CHARS and all(not edge < run.base < text.height - edge for run in text.runs)


def _measure(page: pypdfium2.PdfPage) -> _Content:
    left, bottom, right, top = page.get_bbox()
    content = _Content()
    text_page = page.get_textpage()
    drawn: list[tuple[float, float, float, float]] = []
    for object_ in page.get_objects(max_depth=1):
        if content.n_objects >= _MAX_OBJECTS:
            break
        n_segments, content.has_picture = content.n_segments, False
        _add(content, object_.raw, text_page)
        if not content.has_picture and content.n_segments == n_segments:
            continue
        x0, y0, x1, y1 = object_.get_bounds()
        box = max(x0, left), max(y0, bottom), min(x1, right), min(y1, top)
        if content.has_picture:
            content.picture_area += max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
        else:
            drawn.append(box)
    text_page.close()
    if drawn:
        x0s, y0s, x1s, y1s = zip(*drawn, strict=True)
        content.path_area = max(0.0, max(x1s) - min(x0s)) * max(0.0, max(y1s) - min(y0s))
    return content


def _add(
    content: _Content, object_: "raw.FPDF_PAGEOBJECT", text_page: pypdfium2.PdfTextPage, nesting: int = 0
) -> None:
    """Counts an object, and those in it."""
    kind = raw.FPDFPageObj_GetType(object_)
    content.n_objects += 1
    if kind == raw.FPDF_PAGEOBJ_PATH:
        content.n_paths += 1
        content.n_segments += max(0, raw.FPDFPath_CountSegments(object_))
    elif kind == raw.FPDF_PAGEOBJ_TEXT:
        content.n_unknown += _is_unknown(object_, text_page)
    elif kind == raw.FPDF_PAGEOBJ_IMAGE:
        width, height = ctypes.c_uint(), ctypes.c_uint()
        raw.FPDFImageObj_GetImagePixelSize(object_, width, height)
        content.n_pixels += width.value * height.value
        content.has_picture = True
    elif kind == raw.FPDF_PAGEOBJ_FORM and nesting <= _MAX_NESTING:
        for inner in _inner_objects(object_):
            if content.n_objects < _MAX_OBJECTS:
                _add(content, inner, text_page, nesting + 1)


def _inner_objects(form: "raw.FPDF_PAGEOBJECT") -> "Iterator[raw.FPDF_PAGEOBJECT]":
    for number in range(min(max(0, raw.FPDFFormObj_CountObjects(form)), _MAX_OBJECTS)):
        yield raw.FPDFFormObj_GetObject(form, number)


def _is_unknown(object_: "raw.FPDF_PAGEOBJECT", text_page: pypdfium2.PdfTextPage) -> bool:
    """Returns whether a text has only letters of which its font does not tell what they are."""
    n_bytes = raw.FPDFTextObj_GetText(object_, text_page.raw, None, 0)
    buffer = (ctypes.c_ushort * (n_bytes // 2 + 1))()
    raw.FPDFTextObj_GetText(object_, text_page.raw, buffer, n_bytes)
    text = bytes(buffer).decode("utf-16-le", errors="replace").strip("\0")
    return not text.isspace() and not any(letter.isprintable() and letter != "\ufffd" for letter in text)


def _is_blank(page: pypdfium2.PdfPage) -> bool:
    """Draws a page small, and returns whether there is hardly any ink on its paper."""
    try:
        bitmap = page.render(scale=_LOOK_WIDTH / max(page.get_width(), 1.0), grayscale=True, may_draw_forms=False)
    except (pypdfium2.PdfiumError, MemoryError, ValueError):
        return False
    pixels = bytes(bitmap.buffer)
    paper = max(pixels, default=0)
    n_ink = sum(pixels.count(value) for value in range(max(0, paper - _INK)))
    bitmap.close()
    is_one_colour = pixels.count(paper) == len(pixels)
    return paper >= (_WHITE if is_one_colour else _PAPER) and n_ink < _MIN_INK * len(pixels)
