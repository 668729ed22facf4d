"""Which text of a PDF's page is seen: not what is drawn invisibly, transparent, or in the colour of its ground.

Promises to keep the invisible text over a scan, which is its recognised text, and text whose ground is not known.
White text may stand on any picture or filled shape, drawn before it or after it; other text is hidden by a plain
rectangle of its own colour right under it. Text of a layer that can be switched off is looked for in the drawn
page, because PDFium does not tell which layers are off.
"""

import ctypes
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pypdfium2
from pypdfium2 import raw

_INVISIBLE = {raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP}
_OUTLINED = {raw.FPDF_TEXTRENDERMODE_STROKE, raw.FPDF_TEXTRENDERMODE_STROKE_CLIP}
_WHITE = 240  # of 255, each colour
_MIN_ALPHA = 13  # of 255
_MIN_SCAN_SHARE = 0.5  # of the page that a picture covers under its recognised text
_MAX_OBJECTS = 20_000  # looked at for grounds; a page has some hundreds
_MAX_FILLS = 1_000  # with more of them, only white text is judged by its ground
_NEAR = 15  # of 255, each colour
_OPAQUE = 255
_MAX_RECTANGLE_POINTS = 5
_LAYER = "OC"
_MAX_PIXELS = 1_500  # of the drawn page's longer side
_SAME = 3  # of 255, between pixels that show nothing

Box = tuple[float, float, float, float]  # left, bottom, right, top
Colour = tuple[int, ...]


@dataclass(frozen=True)
class _Ground:
    """What is drawn before a text: its place in the file, its box, and the colour of a plain rectangle."""

    at: int
    box: Box
    colour: Colour | None


class Visibility:
    """Judges the text objects of one page."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._page = page
        self._colours = [ctypes.c_uint() for _ in range(4)]
        self._has_near: dict[Colour, bool] = {}  # whether a rectangle has nearly this colour

    def is_seen(self, text: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
        """Returns whether a text object, or a shape that stands for a text, is seen."""
        if _is_in_layer(text) and not self._is_drawn(text):
            return False
        if raw.FPDFPageObj_GetType(text) != raw.FPDF_PAGEOBJ_TEXT:
            return True
        mode = raw.FPDFTextObj_GetTextRenderMode(text)
        if mode in _INVISIBLE:
            return self._is_scan
        get_colour = raw.FPDFPageObj_GetStrokeColor if mode in _OUTLINED else raw.FPDFPageObj_GetFillColor
        if not get_colour(text, *self._colours):
            return True
        *colour, alpha = (part.value for part in self._colours)
        if alpha < _MIN_ALPHA:
            return False
        if min(colour) >= _WHITE:
            return self._is_on_ground(text)
        return not self._has_own_colour_under(text, tuple(colour))

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

    @cached_property
    def _fills(self) -> list[_Ground]:
        """Returns what is drawn on the page in its order, without its texts; nothing for a page of many shapes."""
        fills: list[_Ground] = []
        for at in range(min(raw.FPDFPage_CountObjects(self._page.raw), _MAX_OBJECTS)):
            shape = raw.FPDFPage_GetObject(self._page.raw, at)
            box = _box(shape) if raw.FPDFPageObj_GetType(shape) != raw.FPDF_PAGEOBJ_TEXT else None
            if box and (colour := self._fill_colour(shape)) != ():
                fills.append(_Ground(at, box, colour))
        return fills if len(fills) <= _MAX_FILLS else []

    @cached_property
    def _places(self) -> dict[int | None, int]:
        """Returns the places in the file of the page's own objects, by their addresses."""
        count = min(raw.FPDFPage_CountObjects(self._page.raw), _MAX_OBJECTS)
        return {_address(raw.FPDFPage_GetObject(self._page.raw, at)): at for at in range(count)}

    def _fill_colour(self, shape: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> Colour | None:
        """Returns the colour of a plain rectangle, nothing for what has no fill, None for all else."""
        if raw.FPDFPageObj_GetType(shape) != raw.FPDF_PAGEOBJ_PATH:
            return None
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        if raw.FPDFPath_GetDrawMode(shape, fill, stroke) and not fill.value:
            return ()
        if not raw.FPDFPageObj_GetFillColor(shape, *self._colours) or not _is_plain_rectangle(shape):
            return None
        *colour, alpha = (part.value for part in self._colours)
        return tuple(colour) if alpha == _OPAQUE else None

    def _has_own_colour_under(self, text: "ctypes._Pointer[raw.fpdf_pageobject_t__]", colour: Colour) -> bool:
        """Returns whether the last thing drawn before a text is a rectangle of its colour, all around it."""
        if colour not in self._has_near:
            self._has_near[colour] = any(_is_near(colour, fill.colour) for fill in self._fills)
        box, place = (_box(text), self._places.get(_address(text))) if self._has_near[colour] else (None, None)
        if box is None or place is None:
            return False
        for ground in reversed(self._fills):
            left, bottom, right, top = ground.box
            if ground.at < place and left < box[2] and box[0] < right and bottom < box[3] and box[1] < top:
                is_around = left <= box[0] and bottom <= box[1] and right >= box[2] and top >= box[3]
                return is_around and _is_near(colour, ground.colour)
        return False

    @cached_property
    def _drawing(self) -> Any:
        """Returns the drawn page as an array of grey pixels."""
        scale = min(1.0, _MAX_PIXELS / max(self._page.get_size()))
        drawn = self._page.render(scale=scale, grayscale=True, rotation=-self._page.get_rotation() % 360)
        return drawn.to_numpy().squeeze()

    def _is_drawn(self, shape: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
        """Returns whether there is anything in the place of a shape on the drawn page."""
        box = _box(shape) if _address(shape) in self._places else None
        if box is None:
            return True
        left, bottom, right, top = self._page.get_bbox()
        height, width = self._drawing.shape
        across, up = width / ((right - left) or 1.0), height / ((top - bottom) or 1.0)
        columns = slice(max(int((box[0] - left) * across) - 1, 0), max(int((box[2] - left) * across) + 2, 0))
        rows = slice(max(int((top - box[3]) * up) - 1, 0), max(int((top - box[1]) * up) + 2, 0))
        pixels = self._drawing[rows, columns]
        return not pixels.size or int(pixels.max()) - int(pixels.min()) > _SAME

    def _is_on_ground(self, text: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
        box = _box(text)
        if box is None:
            return True
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        return any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in self._grounds)


def _is_near(one: Colour, other: Colour | None) -> bool:
    return bool(other) and all(abs(a - b) <= _NEAR for a, b in zip(one, other or (), strict=True))


def _is_plain_rectangle(path: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
    """Returns whether a path is a rectangle along the page's edges of which nothing is cut off."""
    matrix = raw.FS_MATRIX()
    count = raw.FPDFPath_CountSegments(path)
    clip = raw.FPDFPageObj_GetClipPath(path)
    if not raw.FPDFPageObj_GetMatrix(path, matrix) or matrix.b or matrix.c:
        return False
    if not 4 <= count <= _MAX_RECTANGLE_POINTS or (clip and raw.FPDFClipPath_CountPaths(clip) > 0):
        return False
    x, y = ctypes.c_float(), ctypes.c_float()
    points = set()
    for at in range(count):
        segment = raw.FPDFPath_GetPathSegment(path, at)
        if raw.FPDFPathSegment_GetType(segment) == raw.FPDF_SEGMENT_BEZIERTO:
            return False
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        points.add((round(x.value, 2), round(y.value, 2)))
    return len(points) == 4 and len({x for x, _ in points}) == 2 and len({y for _, y in points}) == 2


def _is_in_layer(shape: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> bool:
    """Returns whether an object belongs to content that can be switched off."""
    length = ctypes.c_ulong()
    for number in range(raw.FPDFPageObj_CountMarks(shape)):
        name = (ctypes.c_ushort * 8)()
        mark = raw.FPDFPageObj_GetMark(shape, number)
        is_read = raw.FPDFPageObjMark_GetName(mark, name, ctypes.sizeof(name), length)
        text = bytes(name)[: length.value].decode("utf-16-le", errors="ignore").strip("\0")
        if is_read and text == _LAYER:
            return True
    return False


def _address(shape: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> int | None:
    return ctypes.cast(shape, ctypes.c_void_p).value


def _box(shape: "ctypes._Pointer[raw.fpdf_pageobject_t__]") -> Box | None:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(shape, left, bottom, right, top):
        return None
    return left.value, bottom.value, right.value, top.value
