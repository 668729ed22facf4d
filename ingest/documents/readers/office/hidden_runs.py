"""Removes the runs of a Word document that a reader would not see.

A run is hidden that is marked so, tiny, transparent, white on white, or of the colour of its own shading, by its
own properties or by those of its styles. Hidden text is how instructions to a model are smuggled into a document.
Conditional formatting of table styles is not evaluated: a table style with any dark fill counts as dark
throughout, so that no visible text is removed. Word shows a row that is marked as hidden if anything in it is not.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from ingest.documents.readers.office.colours import OFFICE_COLOURS, WHITE, Colour, is_near, parse_hex, read_theme

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TINY_HALF_POINTS = 4
_TRANSPARENT = 95_000  # thousandths of a percent that shine through
_AUTO, _PATTERN = (-1_000, -1_000, -1_000), (-2_000, -2_000, -2_000)  # what is near no colour
_THEME = {"background1": "lt1", "light1": "lt1", "bg1": "lt1", "text1": "dk1", "dark1": "dk1", "tx1": "dk1"}
_HIGHLIGHTS = {
    **{"black": "000000", "blue": "0000FF", "cyan": "00FFFF", "green": "00FF00", "magenta": "FF00FF"},
    **{"red": "FF0000", "yellow": "FFFF00", "white": "FFFFFF", "darkBlue": "000080", "darkCyan": "008080"},
    **{"darkGreen": "008000", "darkMagenta": "800080", "darkRed": "800000", "darkYellow": "808000"},
    **{"darkGray": "808080", "lightGray": "C0C0C0"},
}
_SHAPES = {"wsp", "shape", "rect", "roundrect", "oval"}  # may have a colour behind their text


@dataclass(frozen=True)
class _RunFormat:
    """Formatting of a run; None where its properties do not set it."""

    is_hidden: bool | None = None
    half_points: int | None = None
    colour: Colour | None = None
    is_shaded: bool | None = None
    ground: Colour | None = None  # of the shading nearest to the text

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
        self.theme = dict(OFFICE_COLOURS)

    def add_theme(self, root: Element) -> None:
        """Sets the colours that are given by their names."""
        self.theme = read_theme(root)

    def add(self, root: Element) -> None:
        """Adds the styles of a part."""
        self._default = self.read_format(root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr")).over(self._default)
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
        own = self.read_format(style.find(f"{W}rPr")).over(self.read_format(style.find(f"{W}pPr")))
        fills = [shading.get(f"{W}fill", "") for shading in style.iter(f"{W}shd")]
        if style.get(f"{W}type") == "table" and any(map(_is_dark, fills)):
            own = replace(own, is_shaded=True)  # of its first row, say, whose text may be white
        return own.over(self.run_format(_value(style, "basedOn")))

    def read_format(self, properties: Element | None) -> _RunFormat:
        """Returns the format that ``rPr`` sets, or the shading of ``pPr``, ``tcPr`` or ``tblPr``."""
        if properties is None:
            return _RunFormat()
        hidden = [is_on(toggle) for toggle in properties.iterfind(f"{W}vanish")]
        if properties.find("{*}textFill") is not None:
            hidden.append(_is_transparent(properties))
        size = _value(properties, "sz")
        shading, highlight = properties.find(f"{W}shd"), _value(properties, "highlight")
        ground = self._read_shading(shading) if shading is not None else None
        fill = shading.get(f"{W}fill", "") if shading is not None else ""
        is_dark = _is_dark(fill) or highlight not in {"", "none", "white"} or ground == _PATTERN
        return _RunFormat(
            is_hidden=any(hidden) if hidden else None,
            half_points=int(size) if size.isascii() and size.isdigit() and len(size) < 6 else None,
            colour=self._read_text_colour(properties),
            is_shaded=is_dark or (False if _is_white(fill) else None),
            ground=parse_hex(_HIGHLIGHTS.get(highlight, "")) or ground,
        )

    def _read_text_colour(self, properties: Element) -> Colour | None:
        """Returns the colour of text; one that is near no other where it is not known."""
        for fill in properties.iterfind("{*}textFill/*"):
            if not str(fill.tag).endswith("}solidFill"):
                return _AUTO
            for filled in fill:
                is_plain = all(str(change.tag).endswith("}alpha") for change in filled)
                value = next((value for name, value in filled.items() if name.endswith("}val")), "")
                return ((parse_hex(value) or self._named(value)) if is_plain else None) or _AUTO
        colour = properties.find(f"{W}color")
        if colour is None:
            return None
        has_shade = {f"{W}themeShade", f"{W}themeTint"} & {*colour.keys()}
        by_theme = None if has_shade else self._named(colour.get(f"{W}themeColor", ""))
        return by_theme or parse_hex(colour.get(f"{W}val", "")) or _AUTO

    def _named(self, name: str) -> Colour | None:
        return self.theme.get(_THEME.get(name, name))

    def _read_shading(self, shading: Element) -> Colour | None:
        if shading.get(f"{W}val", "clear") not in {"clear", "nil"}:
            return _PATTERN
        has_shade = {f"{W}themeFillShade", f"{W}themeFillTint"} & {*shading.keys()}
        by_theme = None if has_shade else self._named(shading.get(f"{W}themeFill", ""))
        return by_theme or parse_hex(shading.get(f"{W}fill", ""))


def remove_hidden_runs(root: Element, styles: StyleSheet) -> None:
    """Removes the hidden runs of a part in place."""
    background = root.find(f"{W}background")
    is_dark = background is not None and _is_dark(background.get(f"{W}color", ""))
    open_parents = [(root, styles.default_format(), is_dark)]
    while open_parents:
        parent, inherited, is_shaded = open_parents.pop()
        parent[:] = [*_visible_children(parent, inherited, styles, is_shaded=is_shaded)]
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
    look = styles.read_format(properties).over(by_style).over(inherited)
    is_tiny = look.half_points is not None and look.half_points <= _TINY_HALF_POINTS
    is_white = is_near(look.colour, WHITE) and not (is_shaded or look.is_shaded)
    is_unseen = is_white or is_near(look.colour, look.ground)
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
        shading = styles.read_format(element.find(f"{W}pPr"))
        return _ground(shading, own), is_shaded or bool(shading.is_shaded or own.is_shaded)
    if element.tag == f"{W}tbl":
        own = styles.run_format(_value(element, "tblPr/tblStyle"))
        shading = styles.read_format(element.find(f"{W}tblPr"))
        look = replace(own.over(inherited), ground=None)  # its rows may have other colours by its style
        return look, is_shaded or bool(shading.is_shaded or own.is_shaded)
    if element.tag == f"{W}tc":
        shading = styles.read_format(element.find(f"{W}tcPr"))
        return _ground(shading, inherited), is_shaded if shading.is_shaded is None else shading.is_shaded
    if str(element.tag).endswith("}txbxContent"):
        inherited = replace(inherited, ground=None)
    is_shape = str(element.tag).rpartition("}")[2] in _SHAPES
    return inherited, is_shaded or (is_shape and _is_filled(element))


def _ground(shading: _RunFormat, inherited: _RunFormat) -> _RunFormat:
    return replace(inherited, ground=shading.ground or inherited.ground)


def _is_transparent(properties: Element) -> bool:
    """Returns whether text has no fill, or one that lets all through, and no outline."""
    outlines = properties.iterfind("{*}textOutline/*")
    if any(str(line.tag).endswith("Fill") and not str(line.tag).endswith("}noFill") for line in outlines):
        return False
    alphas = [
        value
        for alpha in properties.iterfind("{*}textFill/{*}solidFill/*/{*}alpha")
        for name, value in alpha.items()
        if name.endswith("}val") and value.isascii() and value.isdecimal()
    ]
    is_clear = any(len(value) < 9 and int(value) >= _TRANSPARENT for value in alphas)
    return properties.find("{*}textFill/{*}noFill") is not None or is_clear


def is_on(toggle: Element) -> bool:
    """Returns whether a property such as ``vanish`` is switched on."""
    return toggle.get(f"{W}val", "1") not in {"0", "false", "off"}


def _value(parent: Element | None, path: str) -> str:
    """Returns the ``val`` of an element below, empty when there is none."""
    element = parent.find("/".join(f"{W}{name}" for name in path.split("/"))) if parent is not None else None
    return element.get(f"{W}val", "") if element is not None else ""


def _is_white(colour: str) -> bool:
    return is_near(parse_hex(colour), WHITE)


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
