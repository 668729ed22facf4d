"""Where the shapes of a slide are, what is behind them, and which of their text has the colour of that.

Promises to keep text whose ground is not known: over a picture, a chart or a colour gradient, say. Goes by colours
that a run, its shape's list style or its shape's style names, and not by those of layouts.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.documents.readers.office.colours import WHITE, Colour, is_near, read_colour, read_percent, read_theme

Box = tuple[float, float, float, float]  # left, top, right, bottom
Colours = tuple[Colour | None, ...]  # that may be behind a text; None is one that is not known
_MARKUP = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_UNKNOWN: Colours = (None,)
_MAX_FILLS = 1_000  # of a slide; with more, what is behind a text is not known
_MAX_PLACEHOLDERS = 100
_TRANSPARENT = 0.05
_DEGREE = 60_000
_WHOLE = {"rect", "roundRect"}  # shapes that fill their box
_MAPPED = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}


@dataclass(frozen=True)
class PlacedShape:
    """A shape, and the box around it on the slide; None where its layout tells."""

    element: Element
    box: Box | None


@dataclass(frozen=True)
class _Fill:
    box: Box | None
    colours: Colours
    is_whole: bool


class Backdrop:
    """What the shapes of a slide stand on: its ground, and what its layout and its master show."""

    def __init__(
        self, slide: Element, layout: Element | None, master: Element | None, theme: Element | None
    ) -> None:
        self.named = _name_colours((slide, layout, master), theme)
        self._above = [part for part in (layout, master) if part is not None]
        self._holders = [_list_placeholders(part) for part in self._above]
        self._ground = self._read_ground([slide, *self._above], theme)
        self.fills: list[_Fill] = []
        shown = [part for part in (slide, layout) if part is not None]
        if all(part.get("showMasterSp", "1") in {"1", "true"} for part in shown[:1]):
            is_all = all(part.get("showMasterSp", "1") in {"1", "true"} for part in shown)
            for part in reversed(self._above if is_all else self._above[:1]):
                for shape in list_shapes(part.find("{*}cSld/{*}spTree")):
                    if shape.element.find("*/{*}nvPr/{*}ph") is None:
                        self.add(shape)

    def add(self, shape: PlacedShape) -> None:
        """Adds a shape on top of the others."""
        if len(self.fills) >= _MAX_FILLS:
            self.fills = [_Fill(None, _UNKNOWN, is_whole=False)]
        elif colours := self.own_colours(shape.element):
            geometry = shape.element.find("{*}spPr/{*}prstGeom")
            is_whole = geometry is not None and geometry.get("prst") in _WHOLE and not _is_turned(shape.element)
            self.fills.append(_Fill(self.find_box(shape), colours, is_whole))

    def own_colours(self, shape: Element) -> Colours:
        """Returns the colours that a shape is filled with, none for one that is seen through."""
        if _name(shape) != "sp":
            return _UNKNOWN
        if shape.get("useBgFill") in {"1", "true"}:
            return _UNKNOWN
        for stated in (shape, *self._models(shape)):
            fill = self.read_fill(stated.find("{*}spPr"))
            if fill is not None:
                return fill
            reference = stated.find("{*}style/{*}fillRef")
            if reference is not None:
                return () if reference.get("idx") == "0" else _UNKNOWN
        return ()

    def read_fill(self, properties: Element | None) -> Colours | None:
        """Returns the colours that properties fill with; None where they do not say."""
        for child in properties if properties is not None else ():
            kind = _name(child)
            if kind == "noFill":
                return ()
            if kind == "solidFill":
                alphas = [read_percent(alpha.get("val", "")) for alpha in child.iterfind("*/{*}alpha")]
                if any(alpha is not None and alpha <= _TRANSPARENT for alpha in alphas):
                    return ()
                is_solid = all(alpha is not None and alpha >= 1 for alpha in alphas)
                return (read_colour(child, self.named),) if is_solid else _UNKNOWN
            if kind in {"gradFill", "blipFill", "pattFill", "grpFill"}:
                return _UNKNOWN
        return None

    def behind(self, shape: PlacedShape) -> Colours:
        """Returns the colours that may be behind a shape."""
        box = self.find_box(shape)
        found: Colours = (self._ground,)
        for fill in self.fills:
            if fill.is_whole and box and fill.box and _holds(fill.box, box):
                found = fill.colours
            elif not box or not fill.box or _overlap(fill.box, box):
                found += fill.colours
        return found

    def find_box(self, shape: PlacedShape) -> Box | None:
        """Returns a shape's own box, or that of the placeholder in its layout or master."""
        boxes = (find_box(model, ()) for model in self._models(shape.element))
        return shape.box or next(filter(None, boxes), None)

    def _models(self, shape: Element) -> Iterator[Element]:
        """Yields the placeholders of the layout and the master whose place and fill a shape takes over."""
        holder = shape.find("*/{*}nvPr/{*}ph")
        for part, holders in zip(self._above, self._holders, strict=True) if holder is not None else ():
            for own, other in holders:
                if holder is not None and _is_same(holder, own, is_master=_name(part) == "sldMaster"):
                    yield other
                    break

    def _read_ground(self, parts: Sequence[Element], theme: Element | None) -> Colour | None:
        """Returns the colour of the slide's ground; white where nothing says otherwise."""
        for part in parts:
            ground = part.find("{*}cSld/{*}bg")
            for child in ground if ground is not None else ():
                if _name(child) == "bgPr":
                    return (self.read_fill(child) or _UNKNOWN)[0]
                styles = theme.find(".//{*}bgFillStyleLst") if theme is not None else None
                is_plain = styles is None or [_name(style) for style in styles][:1] == ["solidFill"]
                is_first = child.get("idx") == "1001" and is_plain
                return read_colour(child, self.named) if is_first else None
        return WHITE


def list_shapes(parent: Element | None, groups: tuple[Element, ...] = ()) -> Iterator[PlacedShape]:
    """Yields the shapes that are not marked as hidden, taken out of their groups, the undermost first."""
    for child in parent if parent is not None else ():
        if child.tag == f"{_MARKUP}AlternateContent":
            for version in [*child][:1]:
                yield from list_shapes(version, groups)
        elif _is_hidden(child):
            continue
        elif _name(child) == "grpSp":
            transform = child.find("{*}grpSpPr/{*}xfrm")
            yield from list_shapes(child, groups if transform is None else (*groups, transform))
        elif _name(child) in {"sp", "graphicFrame", "pic"}:
            yield PlacedShape(child, find_box(child, groups))


def find_box(shape: Element, groups: Sequence[Element]) -> Box | None:
    """Returns the box around a shape on the slide, groups and rotation included; None when it has no place."""
    transform = _transform(shape)
    offset, size = (transform.find(f"{{*}}{name}") if transform is not None else None for name in ("off", "ext"))
    if transform is None or offset is None or size is None:
        return None
    x, y, width, height = _int(offset, "x"), _int(offset, "y"), _int(size, "cx"), _int(size, "cy")
    points = [(x + right, y + down) for right in (0.0, width) for down in (0.0, height)]
    points = _turn(points, transform)
    for group in reversed(groups):
        points = _turn(_scale(points, group), group)
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return min(xs), min(ys), max(xs), max(ys)


def remove_unseen(shapes: Sequence[PlacedShape], backdrop: Backdrop) -> None:
    """Empties in place the runs that have the colour of their ground; ``shapes`` are all of a slide."""
    for shape in shapes:
        if _name(shape.element) == "sp":
            body = shape.element.find("{*}txBody")
            if body is not None and (unseen := [*_coloured_runs(body, shape.element, backdrop.named)]):
                _empty(unseen, backdrop.own_colours(shape.element) or backdrop.behind(shape), backdrop)
        elif _name(shape.element) == "graphicFrame":
            for table in shape.element.iterfind(".//{*}tbl"):
                _empty_cells(table, backdrop.behind(shape), backdrop)
        backdrop.add(shape)


def _empty_cells(table: Element, behind: Colours, backdrop: Backdrop) -> None:
    """Empties runs of a table; a cell that says nothing has the fill of the table's style, which is not known."""
    unstated = behind if table.find("{*}tblPr/{*}tableStyleId") is None else _UNKNOWN
    for cell in table.iterfind("{*}tr/{*}tc"):
        if runs := [*_coloured_runs(cell, None, backdrop.named)]:
            own = backdrop.read_fill(cell.find("{*}tcPr"))
            _empty(runs, unstated if own is None else own or behind, backdrop)


def _coloured_runs(
    body: Element, shape: Element | None, named: Mapping[str, Colour]
) -> Iterator[tuple[Element, Colour]]:
    """Yields the runs whose colour is known, with it."""
    reference = shape.find("{*}style/{*}fontRef") if shape is not None else None
    for paragraph in body.iter():
        if _name(paragraph) != "p":
            continue
        own = paragraph.find("{*}pPr")
        level = _int(own, "lvl") + 1 if own is not None else 1
        by_style = body.find(f"{{*}}lstStyle/{{*}}lvl{min(max(level, 1), 9)}pPr/{{*}}defRPr")
        for run in paragraph.iter():
            properties = run.find("{*}rPr") if _name(run) == "r" else None
            colour = _text_colour(properties, by_style, reference, named) if _name(run) == "r" else None
            if colour:
                yield run, colour


def _text_colour(
    properties: Element | None, by_style: Element | None, reference: Element | None, named: Mapping[str, Colour]
) -> Colour | None:
    for stated in (properties, by_style):
        kinds = {_name(child): child for child in stated} if stated is not None else {}
        if {"hlinkClick", "gradFill", "blipFill", "pattFill"} & kinds.keys():
            return None  # a link has the colour of links
        outline, effects = kinds.get("ln", ()), kinds.get("effectLst", ())
        if len(effects) or any(_name(line).endswith("Fill") and _name(line) != "noFill" for line in outline):
            return None
        if "solidFill" in kinds:
            return read_colour(kinds["solidFill"], named)
    return read_colour(reference, named) if reference is not None else None


def _empty(runs: Sequence[tuple[Element, Colour]], grounds: Colours, backdrop: Backdrop) -> None:
    for run, colour in runs:
        highlight = run.find("{*}rPr/{*}highlight")
        own = grounds if highlight is None else (read_colour(highlight, backdrop.named),)
        if own and all(is_near(colour, ground) for ground in own):
            for text in run.iterfind("{*}t"):
                text.text = ""


def _name_colours(parts: Sequence[Element | None], theme: Element | None) -> dict[str, Colour]:
    """Returns the colours by the names of the theme, and by those that the master gives them."""
    colours = read_theme(theme)
    mapped = dict(_MAPPED)
    for part in (part for part in reversed(parts) if part is not None):
        for path in ("{*}clrMap", "{*}clrMapOvr/{*}overrideClrMapping"):
            mapping = part.find(path)
            mapped |= dict(mapping.items()) if mapping is not None else {}
    return colours | {name: colours[of] for name, of in mapped.items() if of in colours}


def _list_placeholders(part: Element) -> list[tuple[Element, Element]]:
    """Returns the placeholders of a layout or a master, each with its shape."""
    shapes = [shape.element for shape in list_shapes(part.find("{*}cSld/{*}spTree"))]
    holders = ((shape.find("*/{*}nvPr/{*}ph"), shape) for shape in shapes)
    return [(holder, shape) for holder, shape in holders if holder is not None][:_MAX_PLACEHOLDERS]


def _is_same(holder: Element, own: Element, *, is_master: bool) -> bool:
    if not is_master and (holder.get("idx") or own.get("idx")):
        return holder.get("idx") == own.get("idx")
    kinds = [{"ctrTitle": "title"}.get(one.get("type", "body"), one.get("type", "body")) for one in (holder, own)]
    return kinds[0] == kinds[1]


def _is_hidden(shape: Element) -> bool:
    properties = shape.find("*/{*}cNvPr")
    return properties is not None and properties.get("hidden") in {"1", "true"}


def _transform(shape: Element) -> Element | None:
    own = shape.find("{*}spPr/{*}xfrm")
    return shape.find("{*}xfrm") if own is None else own


def _is_turned(shape: Element) -> bool:
    transform = _transform(shape)
    return transform is not None and bool(_int(transform, "rot"))


def _scale(points: list[tuple[float, float]], group: Element) -> list[tuple[float, float]]:
    """Returns points of a group's own measure in the measure around it."""
    offset, size, inner, extent = (group.find(f"{{*}}{name}") for name in ("off", "ext", "chOff", "chExt"))
    if offset is None or size is None or inner is None or extent is None:
        return points
    across = _int(size, "cx") / (_int(extent, "cx") or _int(size, "cx") or 1)
    down = _int(size, "cy") / (_int(extent, "cy") or _int(size, "cy") or 1)
    left, top, x0, y0 = _int(offset, "x"), _int(offset, "y"), _int(inner, "x"), _int(inner, "y")
    return [(left + (x - x0) * across, top + (y - y0) * down) for x, y in points]


def _turn(points: list[tuple[float, float]], transform: Element) -> list[tuple[float, float]]:
    """Returns points mirrored and turned about the middle of what is transformed."""
    offset, size = transform.find("{*}off"), transform.find("{*}ext")
    angle = math.radians(_int(transform, "rot") / _DEGREE)
    flips = [-1 if transform.get(name) in {"1", "true"} else 1 for name in ("flipH", "flipV")]
    if offset is None or size is None or (not angle and flips == [1, 1]):
        return points
    x0, y0 = _int(offset, "x") + _int(size, "cx") / 2, _int(offset, "y") + _int(size, "cy") / 2
    cos, sin = math.cos(angle), math.sin(angle)
    moved = [((x - x0) * flips[0], (y - y0) * flips[1]) for x, y in points]
    return [(x0 + x * cos - y * sin, y0 + x * sin + y * cos) for x, y in moved]


def _holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _int(element: Element, name: str) -> int:
    text = element.get(name, "")
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 12 else 0
