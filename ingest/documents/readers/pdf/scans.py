"""Recognises pages that show something to read, but hold no text: scans, and text drawn as shapes.

A page that is blank, or has only a logo, is none. A line at the edge of a page, such as a page number that a
scanner or a program put there, is not its text.
"""

import pypdfium2
from pypdfium2 import raw

from ingest.documents.readers.pdf.glyphs import PageText

_MIN_SHARE = 0.1  # of a page without text that pictures cover; a logo covers less
_MIN_SHARE_BELOW_TEXT = 0.5  # of a page with lines at its edges
_EDGE = 0.12  # of a page's height
_MAX_EDGE_CHARS = 200
_MIN_PATHS = 100  # letters drawn as shapes; a frame and a few lines are fewer
_MAX_OBJECTS = 20_000  # looked at; a page has some hundreds
_LOOK_WIDTH = 150  # pixels
_WHITE = 250  # of 255; a page in one other colour is a picture
_INK = 25  # of 255, darker than paper
_MIN_INK = 0.002  # of the pixels; what a scanner makes of a blank sheet has less


def is_scan(page: pypdfium2.PdfPage, text: PageText, *, looks: bool) -> bool:
    """Returns whether a page holds no text, but something else; ``looks`` also at whether that is blank."""
    has_lines = any(any(map(str.isalnum, run.text)) for run in text.runs)
    if has_lines and not _is_at_edges(text):
        return False
    share, n_paths = _measure(page)
    is_covered = share >= (_MIN_SHARE_BELOW_TEXT if has_lines else _MIN_SHARE)
    is_covered |= not has_lines and n_paths >= _MIN_PATHS
    return is_covered and not (looks and not has_lines and _is_blank(page))


def _is_at_edges(text: PageText) -> bool:
    n_chars = sum(len(run.text) for run in text.runs)
    edge = _EDGE * text.height
    return n_chars <= _MAX_EDGE_CHARS and all(not edge < run.base < text.height - edge for run in text.runs)


def _measure(page: pypdfium2.PdfPage) -> tuple[float, int]:
    """Returns which share of a page pictures cover, and how many shapes are drawn on it."""
    left, bottom, right, top = page.get_bbox()
    area, n_paths = 0.0, 0
    for n, object_ in enumerate(page.get_objects(max_depth=1)):
        if n == _MAX_OBJECTS:
            break
        n_paths += object_.type == raw.FPDF_PAGEOBJ_PATH
        if object_.type == raw.FPDF_PAGEOBJ_FORM:
            n_paths += max(0, raw.FPDFFormObj_CountObjects(object_.raw))
        if object_.type == raw.FPDF_PAGEOBJ_IMAGE or (
            object_.type == raw.FPDF_PAGEOBJ_FORM and _has_picture(object_.raw)
        ):
            x0, y0, x1, y1 = object_.get_bounds()
            area += max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, top) - max(y0, bottom))
    return area / max((right - left) * (top - bottom), 1.0), n_paths


def _has_picture(form: "raw.FPDF_PAGEOBJECT", nesting: int = 0) -> bool:
    for number in range(min(max(0, raw.FPDFFormObj_CountObjects(form)), _MAX_OBJECTS)):
        inner = raw.FPDFFormObj_GetObject(form, number)
        kind = raw.FPDFPageObj_GetType(inner)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            return True
        if kind == raw.FPDF_PAGEOBJ_FORM and nesting < 5 and _has_picture(inner, nesting + 1):
            return True
    return False


def _is_blank(page: pypdfium2.PdfPage) -> bool:
    """Draws a page small, and returns whether there is hardly any ink on it."""
    try:
        bitmap = page.render(scale=_LOOK_WIDTH / max(page.get_width(), 1.0), grayscale=True, may_draw_forms=False)
    except (pypdfium2.PdfiumError, MemoryError, ValueError):
        return False
    pixels = bytes(bitmap.buffer)
    paper = max(pixels, default=0)
    n_ink = sum(pixels.count(value) for value in range(max(0, paper - _INK)))
    bitmap.close()
    is_one_colour = pixels.count(paper) == len(pixels)
    return paper >= _WHITE if is_one_colour else n_ink < _MIN_INK * len(pixels)
