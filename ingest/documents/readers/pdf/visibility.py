"""Which text of a PDF's page is seen: not what is drawn invisibly, transparent, or white on white.

Promises to keep the invisible text over a scan, which is its recognised text, and white text on a coloured ground.
Goes by the boxes of pictures and filled shapes, and not by the order in which things are drawn.
"""

import ctypes
from functools import cached_property

import pypdfium2
from pypdfium2 import raw

_INVISIBLE = {raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP}
_OUTLINED = {raw.FPDF_TEXTRENDERMODE_STROKE, raw.FPDF_TEXTRENDERMODE_STROKE_CLIP}
_WHITE = 240  # of 255, each colour
_MIN_ALPHA = 13  # of 255
_MIN_SCAN_SHARE = 0.5  # of the page that a picture covers under its recognised text
_MAX_OBJECTS = 20_000  # looked at for grounds; a page has some hundreds

Box = tuple[float, float, float, float]  # left, bottom, right, top


class Visibility:
    """Judges the text objects of one page."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._page = page
        self._colours = [ctypes.c_uint() for _ in range(4)]

    def is_seen(self, text: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
        """Returns whether a text object is seen."""
        mode = raw.FPDFTextObj_GetTextRenderMode(text)
        if mode in _INVISIBLE:
            return self._is_scan
        get_colour = raw.FPDFPageObj_GetStrokeColor if mode in _OUTLINED else raw.FPDFPageObj_GetFillColor
        if not get_colour(text, *self._colours):
            return True
        *colour, alpha = (part.value for part in self._colours)
        if alpha < _MIN_ALPHA:
            return False
        return min(colour) < _WHITE or self._is_on_ground(text)

    @cached_property
    def _is_scan(self) -> bool:
        left, bottom, right, top = self._page.get_bbox()
        area = (right - left) * (top - bottom) or 1.0
        return any((b[2] - b[0]) * (b[3] - b[1]) >= _MIN_SCAN_SHARE * area for b in self._pictures)

    @cached_property
    def _pictures(self) -> list[Box]:
        return self._find_boxes({raw.FPDF_PAGEOBJ_IMAGE})

    @cached_property
    def _grounds(self) -> list[Box]:
        """Returns the boxes of what white text may stand on; a group of objects counts as coloured."""
        kinds = {raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING, raw.FPDF_PAGEOBJ_FORM}
        return self._pictures + self._find_boxes(kinds)

    def _find_boxes(self, kinds: set[int]) -> list[Box]:
        boxes: list[Box] = []
        for at in range(min(raw.FPDFPage_CountObjects(self._page.raw), _MAX_OBJECTS)):
            shape = raw.FPDFPage_GetObject(self._page.raw, at)
            kind = raw.FPDFPageObj_GetType(shape)
            if kind in kinds and (kind != raw.FPDF_PAGEOBJ_PATH or self._is_coloured(shape)):
                boxes += filter(None, [_box(shape)])
        return boxes

    def _is_coloured(self, path: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        if not raw.FPDFPath_GetDrawMode(path, fill, stroke) or not fill.value:
            return False
        if not raw.FPDFPageObj_GetFillColor(path, *self._colours):
            return True
        *colour, alpha = (part.value for part in self._colours)
        return min(colour) < _WHITE and alpha >= _MIN_ALPHA

    def _is_on_ground(self, text: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
        box = _box(text)
        if box is None:
            return True
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        return any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in self._grounds)


def _box(shape: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> Box | None:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(shape, left, bottom, right, top):
        return None
    return left.value, bottom.value, right.value, top.value
