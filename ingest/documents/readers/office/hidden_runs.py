"""Removes the runs of a Word document that a reader would not see.

A run is hidden that is marked so, tiny, or white on white, by its own properties or by those of its styles. Hidden
text is how instructions to a model are smuggled into a document. Conditional formatting of table styles is not
evaluated: a table style with any dark fill counts as dark throughout, so that no visible text is removed.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TINY_HALF_POINTS = 4
_WHITE = 0xF0  # of 0xFF, in each of the three colours
_SHAPES = {"wsp", "shape", "rect", "roundrect", "oval"}  # may have a colour behind their text


@dataclass(frozen=True)
class _RunFormat:
    """Formatting of a run; None where its properties do not set it."""

    is_hidden: bool | None = None
    half_points: int | None = None
    is_white: bool | None = None
    is_shaded: bool | None = None

    def over(self, below: "_RunFormat") -> "_RunFormat":
        """Returns this format, completed by the one below it."""
        pairs = zip(vars(self).values(), vars(below).values(), strict=True)
        return _RunFormat(*(upper if upper is not None else lower for upper, lower in pairs))


class StyleSheet:
    """The styles of a document. A style inherits from its base; of two with one id, either hides."""

    def __init__(self) -> None:
        self._styles: defaultdict[str, list[Element]] = defaultdict(list)
        self._default = _RunFormat()
        self._default_paragraph = ""
        self._formats: dict[str, _RunFormat] = {}

    def add(self, root: Element) -> None:
        """Adds the styles of a part."""
        self._default = _read_format(root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr")).over(self._default)
        for style in root.iterfind(f"{W}style"):
            id_ = style.get(f"{W}styleId", "")
            self._styles[id_].append(style)
            is_default = style.get(f"{W}default") in {"1", "true", "on"}
            if is_default and style.get(f"{W}type", "paragraph") == "paragraph":
                self._default_paragraph = id_

    def default_format(self) -> _RunFormat:
        """Returns the format of a paragraph without a style."""
        return self.run_format(self._default_paragraph).over(self._default)

    def run_format(self, id_: str) -> _RunFormat:
        """Returns what a style and its bases set; nothing for an unknown style."""
        if id_ not in self._formats:
            merged = self._formats[id_] = _RunFormat()  # ends a circle of styles
            for style in self._styles.get(id_, ()):
                own = self._own_format(style)
                merged = replace(own.over(merged), is_hidden=own.is_hidden or merged.is_hidden)
            self._formats[id_] = merged
        return self._formats[id_]

    def _own_format(self, style: Element) -> _RunFormat:
        own = _read_format(style.find(f"{W}rPr")).over(_read_format(style.find(f"{W}pPr")))
        fills = [shading.get(f"{W}fill", "") for shading in style.iter(f"{W}shd")]
        if style.get(f"{W}type") == "table" and any(map(_is_dark, fills)):
            own = replace(own, is_shaded=True)  # of its first row, say, whose text may be white
        return own.over(self.run_format(_value(style, "basedOn")))


def remove_hidden_runs(root: Element, styles: StyleSheet) -> None:
    """Removes the hidden runs of a part in place."""
    background = root.find(f"{W}background")
    is_dark = background is not None and _is_dark(background.get(f"{W}color", ""))
    open_parents = [(root, styles.default_format(), is_dark)]
    while open_parents:
        parent, inherited, is_shaded = open_parents.pop()
        parent[:] = _visible_children(parent, inherited, styles, is_shaded=is_shaded)
        open_parents += ((child, *_descend(child, inherited, styles, is_shaded=is_shaded)) for child in parent)


def _visible_children(
    parent: Element, inherited: _RunFormat, styles: StyleSheet, *, is_shaded: bool
) -> Iterator[Element]:
    for child in parent:
        if child.tag != f"{W}r" or not _is_hidden(child, inherited, styles, is_shaded=is_shaded):
            yield child


def _is_hidden(run: Element, inherited: _RunFormat, styles: StyleSheet, *, is_shaded: bool) -> bool:
    properties = run.find(f"{W}rPr")
    style = _value(properties, "rStyle")
    by_style = styles.run_format(style) if style else _RunFormat()
    look = _read_format(properties).over(by_style).over(inherited)
    is_tiny = look.half_points is not None and look.half_points <= _TINY_HALF_POINTS
    is_unseen = look.is_white and not (is_shaded or look.is_shaded)
    if look.is_hidden or not (is_tiny or is_unseen):
        return bool(look.is_hidden)
    return not any(str(child.tag).endswith("}txbxContent") for child in run.iter())  # a shape has its own format


def _descend(
    element: Element, inherited: _RunFormat, styles: StyleSheet, *, is_shaded: bool
) -> tuple[_RunFormat, bool]:
    """Returns the format, and whether there is a dark colour behind the text, for the runs in an element."""
    if element.tag == f"{W}p":
        style = _value(element, "pPr/pStyle")
        own = styles.run_format(style).over(inherited) if style else inherited
        shading = _read_format(element.find(f"{W}pPr")).is_shaded
        return own, is_shaded or bool(shading or own.is_shaded)
    if element.tag == f"{W}tbl":
        own = styles.run_format(_value(element, "tblPr/tblStyle"))
        shading = _read_format(element.find(f"{W}tblPr")).is_shaded
        return own.over(inherited), is_shaded or bool(shading or own.is_shaded)
    if element.tag == f"{W}tc":
        shading = _read_format(element.find(f"{W}tcPr")).is_shaded
        return inherited, is_shaded if shading is None else shading
    is_shape = str(element.tag).rpartition("}")[2] in _SHAPES
    return inherited, is_shaded or (is_shape and _is_filled(element))


def _read_format(properties: Element | None) -> _RunFormat:
    """Returns the format that ``rPr`` sets, or the shading of ``pPr``, ``tcPr`` or ``tblPr``."""
    if properties is None:
        return _RunFormat()
    hidden = [is_on(toggle) for toggle in properties.iterfind(f"{W}vanish")]
    size = _value(properties, "sz")
    colour = properties.find(f"{W}color")
    shading, highlight = properties.find(f"{W}shd"), _value(properties, "highlight")
    fill = shading.get(f"{W}fill", "") if shading is not None else ""
    return _RunFormat(
        is_hidden=any(hidden) if hidden else None,
        half_points=int(size) if size.isascii() and size.isdigit() and len(size) < 6 else None,
        is_white=_is_white(colour.get(f"{W}val", "")) if colour is not None else None,
        is_shaded=_is_dark(fill) or highlight not in {"", "none", "white"} or (False if _is_white(fill) else None),
    )


def is_on(toggle: Element) -> bool:
    """Returns whether a property such as ``vanish`` is switched on."""
    return toggle.get(f"{W}val", "1") not in {"0", "false", "off"}


def _value(parent: Element | None, path: str) -> str:
    """Returns the ``val`` of an element below, empty when there is none."""
    element = parent.find("/".join(f"{W}{name}" for name in path.split("/"))) if parent is not None else None
    return element.get(f"{W}val", "") if element is not None else ""


def _is_white(colour: str) -> bool:
    channels = re.fullmatch(r"([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", colour)
    return bool(channels and all(int(channel, 16) >= _WHITE for channel in channels.groups()))


def _is_dark(fill: str) -> bool:
    return fill not in {"", "auto"} and not _is_white(fill)


def _is_filled(shape: Element) -> bool:
    """Returns whether there may be a colour behind a shape's text."""
    if _is_dark(shape.get("fillcolor", "").removeprefix("#")[:6]):
        return True
    for child in shape:
        tag = str(child.tag)
        references = child if tag.endswith("}style") else ()
        if any(part.tag.endswith("}fillRef") and part.get("idx", "0") != "0" for part in references):
            return True
        for fill in child if tag.endswith("}spPr") else ():
            if str(fill.tag).endswith(("}gradFill", "}blipFill", "}pattFill")):
                return True
            if str(fill.tag).endswith("}solidFill"):
                return not any(
                    _is_white(colour.get("val", "")) or colour.get("val") in {"bg1", "lt1"} for colour in fill
                )
    return False
