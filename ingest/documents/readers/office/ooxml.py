"""The XML of a Word document, made ready for mammoth: without what a reader would not see, in one namespace,
formulas as text, and numbered paragraphs with their number.

Hidden is what is marked so, tiny, or white on white, be it by the text's own properties or by those of its styles;
hidden text is how instructions to a model are smuggled into a document. Parts are known by their content, because
their names are anybody's choice.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from io import BytesIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ingest.documents.readers.text.hidden_characters import visible

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TRANSITIONAL = {  # by the namespaces of Strict documents
    "http://purl.oclc.org/ooxml/wordprocessingml/main": W[1:-1],
    "http://purl.oclc.org/ooxml/officeDocument/math": _M[1:-1],
    "http://purl.oclc.org/ooxml/officeDocument/relationships": (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
    "http://purl.oclc.org/ooxml/drawingml/main": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://purl.oclc.org/ooxml/drawingml/picture": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing": (
        "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
    ),
}
_TINY_HALF_POINTS = 4
_WHITE = 0xF0  # of 0xFF, in each of the three colours
_SHAPES = {"wsp", "shape", "rect", "roundrect", "oval"}  # may have a colour behind their text
_MAX_BASED_ON = 20  # styles, looking for a number
NUMBER = re.compile("\ue000([^\ue000\ue001]{0,8})\ue001")  # stands before the text of a numbered paragraph


def readable(parts: dict[str, bytes]) -> dict[str, bytes]:
    """All parts, those with text rewritten; raises :class:`ElementTree.ParseError` for broken ones."""
    roots = {name: _parsed(part) for name, part in parts.items() if name.endswith(".rels") or _is_word(part)}
    styles, numbering = _Styles(), _Numbering()
    for root in roots.values():
        if root.tag == f"{W}styles":
            styles.add(root)
        elif root.tag == f"{W}numbering":
            numbering.add(root)
    for root in roots.values():
        if root.tag.startswith(W) and root.tag not in {f"{W}styles", f"{W}numbering"}:
            _number(root, styles, numbering)
            _Reader(styles).read(root)
    return parts | {name: ElementTree.tostring(root) for name, root in roots.items()}


def _is_word(part: bytes) -> bool:
    try:
        _, root = next(ElementTree.iterparse(BytesIO(part), events=("start",)))
    except (ElementTree.ParseError, StopIteration):
        return False  # mammoth says so if it needs this part
    return _transitional(root.tag).startswith(W)


def _parsed(part: bytes) -> Element:
    root = ElementTree.fromstring(part)
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = _transitional(element.tag)
        for name, value in [*element.attrib.items()]:
            if "purl.oclc.org" in name or value.startswith("http://purl.oclc.org/ooxml/"):
                del element.attrib[name]
                element.set(_transitional(name), _transitional(value))
    return root


def _transitional(name: str) -> str:
    if "http://purl.oclc.org/ooxml/" in name:
        for strict, transitional in _TRANSITIONAL.items():
            name = re.sub(rf"{re.escape(strict)}(?=[}}/]|$)", transitional, name)
    return name


@dataclass(frozen=True)
class _Look:
    """What properties say of a text; None where they say nothing."""

    is_hidden: bool | None = None
    half_points: int | None = None
    is_white: bool | None = None
    is_shaded: bool | None = None

    def over(self, below: "_Look") -> "_Look":
        """What these properties leave open, the others say."""
        return _Look(
            *(
                ours if ours is not None else theirs
                for ours, theirs in zip(vars(self).values(), vars(below).values(), strict=True)
            )
        )


def _look(properties: Element | None) -> _Look:
    """Of ``rPr``, and the shading of ``pPr``, ``tcPr`` and ``tblPr``."""
    if properties is None:
        return _Look()
    hidden = [_is_on(one) for one in properties.findall(f"{W}vanish")]
    size = _value(properties, "sz")
    colour = properties.find(f"{W}color")
    shading, highlight = properties.find(f"{W}shd"), _value(properties, "highlight")
    fill = shading.get(f"{W}fill", "") if shading is not None else ""
    is_shaded = _is_dark(fill) or highlight not in {"", "none", "white"} or (False if _is_white(fill) else None)
    return _Look(
        is_hidden=any(hidden) if hidden else None,
        half_points=int(size) if size.isascii() and size.isdigit() and len(size) < 6 else None,
        is_white=_is_white(colour.get(f"{W}val", "")) if colour is not None else None,
        is_shaded=is_shaded,
    )


def _is_on(toggle: Element) -> bool:
    return toggle.get(f"{W}val", "1") not in {"0", "false", "off"}


def _value(parent: Element | None, path: str) -> str:
    """The ``val`` of an element below, empty when there is none."""
    found = parent.find("/".join(f"{W}{name}" for name in path.split("/"))) if parent is not None else None
    return found.get(f"{W}val", "") if found is not None else ""


def _is_white(colour: str) -> bool:
    channels = re.fullmatch(r"([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", colour)
    return bool(channels and all(int(channel, 16) >= _WHITE for channel in channels.groups()))


def _is_dark(fill: str) -> bool:
    return fill not in {"", "auto"} and not _is_white(fill)


class _Styles:
    """A style says what those say that it is based on. Of two with one name, either hides."""

    def __init__(self) -> None:
        self._styles: defaultdict[str, list[Element]] = defaultdict(list)
        self._default = _Look()
        self._default_ids: dict[str, str] = {}
        self._known: dict[str, _Look] = {}

    def add(self, root: Element) -> None:
        self._default = _look(root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr")).over(self._default)
        for style in root.findall(f"{W}style"):
            id_ = style.get(f"{W}styleId", "")
            self._styles[id_].append(style)
            if style.get(f"{W}default") in {"1", "true", "on"}:
                self._default_ids[style.get(f"{W}type", "paragraph")] = id_

    def look(self, id_: str) -> _Look:
        if id_ not in self._known:
            look = self._known[id_] = _Look()  # while it is being made, for a circle of styles
            for style in self._styles.get(id_, ()):
                own = _look(style.find(f"{W}rPr")).over(_look(style.find(f"{W}pPr")))
                fills = [shading.get(f"{W}fill", "") for shading in style.iter(f"{W}shd")]
                if style.get(f"{W}type") == "table" and any(map(_is_dark, fills)):
                    own = replace(own, is_shaded=True)  # of its first row, say, whose text may be white
                own = own.over(self.look(_value(style, "basedOn")))
                look = replace(own.over(look), is_hidden=own.is_hidden or look.is_hidden)
            self._known[id_] = look
        return self._known[id_]

    def of_paragraph(self, id_: str) -> _Look:
        return self.look(id_ or self._default_ids.get("paragraph", "")).over(self._default)

    def number(self, id_: str) -> tuple[str, str]:
        """The ``numId`` and the ``ilvl`` of a paragraph style."""
        number = level = ""
        for _ in range(_MAX_BASED_ON):
            style = self._styles[id_][-1] if self._styles.get(id_) else None
            number = number or _value(style, "pPr/numPr/numId")
            level = level or _value(style, "pPr/numPr/ilvl")
            id_ = _value(style, "basedOn")
        return number, level


class _Reader:
    """Walks a part once, knowing what stands around each run."""

    def __init__(self, styles: _Styles) -> None:
        self._styles = styles

    def read(self, root: Element) -> None:
        background = root.find(f"{W}background")
        is_dark = background is not None and _is_dark(background.get(f"{W}color", ""))
        around = [(root, self._styles.of_paragraph(""), is_dark)]
        while around:
            parent, look, is_shaded = around.pop()
            for index, child in reversed([*enumerate(parent)]):
                if child.tag == f"{W}r" and self._is_hidden(child, look, is_shaded=is_shaded):
                    parent.remove(child)
                elif child.tag in {f"{_M}oMathPara", f"{_M}oMath"} and not parent.tag.startswith(_M):
                    parent[index] = _run(_formula(child))
                else:
                    around.append((child, *self._inside(child, look, is_shaded=is_shaded)))

    def _inside(self, element: Element, look: _Look, *, is_shaded: bool) -> tuple[_Look, bool]:
        """What holds for the runs in an element."""
        name = str(element.tag).rpartition("}")[2]
        if element.tag == f"{W}p":
            style = _value(element, "pPr/pStyle")
            own = self._styles.look(style).over(look) if style else look
            shading = _look(element.find(f"{W}pPr")).is_shaded
            return own, is_shaded or bool(shading or own.is_shaded)
        if element.tag == f"{W}tbl":
            own = self._styles.look(_value(element, "tblPr/tblStyle"))
            shading = _look(element.find(f"{W}tblPr")).is_shaded
            return own.over(look), is_shaded or bool(shading or own.is_shaded)
        if element.tag == f"{W}tc":
            shading = _look(element.find(f"{W}tcPr")).is_shaded
            return look, is_shaded if shading is None else shading
        return look, is_shaded or (name in _SHAPES and _is_filled(element))

    def _is_hidden(self, run: Element, look: _Look, *, is_shaded: bool) -> bool:
        properties = run.find(f"{W}rPr")
        style = _value(properties, "rStyle")
        by_style = self._styles.look(style) if style else _Look()
        look = _look(properties).over(by_style).over(look)
        is_tiny = look.half_points is not None and look.half_points <= _TINY_HALF_POINTS
        is_unseen = look.is_white and not (is_shaded or look.is_shaded)
        if look.is_hidden or not (is_tiny or is_unseen):
            return bool(look.is_hidden)
        return not any(str(one.tag).endswith("}txbxContent") for one in run.iter())  # a shape has looks of its own


def _is_filled(shape: Element) -> bool:
    """Whether there may be a colour behind a shape's text."""
    if _is_dark(shape.get("fillcolor", "").removeprefix("#")[:6]):
        return True
    for child in shape:
        tag = str(child.tag)
        if tag.endswith("}style") and any(
            one.get("idx", "0") != "0" for one in child if one.tag.endswith("}fillRef")
        ):
            return True
        for fill in child if tag.endswith("}spPr") else ():
            if str(fill.tag).endswith(("}gradFill", "}blipFill", "}pattFill")):
                return True
            if str(fill.tag).endswith("}solidFill"):
                return not any(_is_white(one.get("val", "")) or one.get("val") in {"bg1", "lt1"} for one in fill)
    return False


@dataclass
class _List:
    """Levels by index: ``numFmt`` and start, and what a paragraph style names."""

    levels: dict[int, tuple[str, int]] = field(default_factory=dict)
    link: str = ""


class _Numbering:
    """What Word would show before each numbered paragraph. Lists of one ``abstractNum`` go on with each other."""

    def __init__(self) -> None:
        self._lists: dict[str, _List] = {}
        self._list_of: dict[str, str] = {}  # by numId
        self._starts: dict[tuple[str, int], int] = {}  # by numId and level, where a list begins anew
        self._by_style: dict[str, int] = {}
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)

    def add(self, root: Element) -> None:
        for one in root.findall(f"{W}abstractNum"):
            made = self._lists[one.get(f"{W}abstractNumId", "")] = _List(link=_value(one, "numStyleLink"))
            for level in one.findall(f"{W}lvl"):
                at = _int(level.get(f"{W}ilvl", ""), 0)
                made.levels[at] = (_value(level, "numFmt") or "decimal", _int(_value(level, "start"), 1))
                if style := _value(level, "pStyle"):
                    self._by_style[style] = at
        for one in root.findall(f"{W}num"):
            id_ = one.get(f"{W}numId", "")
            self._list_of[id_] = _value(one, "abstractNumId")
            for other in one.findall(f"{W}lvlOverride"):
                start = _value(other, "startOverride")
                if start:
                    self._starts[id_, _int(other.get(f"{W}ilvl", ""), 0)] = _int(start, 1)

    def next(self, number: str, level: str, style: str) -> str:
        """The mark of the next paragraph of a list: empty where it cannot be told."""
        key = self._list_of.get(number, "")
        at = _int(level, self._by_style.get(style, 0))
        if key not in self._lists or self._lists[key].link or at not in self._lists[key].levels:
            return ""
        format_, start = self._lists[key].levels[at]
        counts = self._counts[key]
        if (number, at) in self._starts:
            counts[at] = self._starts.pop((number, at))
        else:
            counts[at] = counts[at] + 1 if at in counts else start
        for deeper in [other for other in counts if other > at]:
            del counts[deeper]
        return _mark(counts[at], format_)


def _mark(n: int, format_: str) -> str:
    if format_ in {"decimal", "decimalZero"}:
        return f"{n}."
    if format_ in {"lowerLetter", "upperLetter"} and 1 <= n <= 26:
        letter = chr(ord("a") + n - 1)
        return f"{letter if format_ == 'lowerLetter' else letter.upper()}."
    return ""


def _int(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default


def _number(root: Element, styles: _Styles, numbering: _Numbering) -> None:
    """Puts before the text of each numbered paragraph its number, which mammoth would count anew too often."""
    for paragraph in root.iter(f"{W}p"):
        style = _value(paragraph, "pPr/pStyle")
        by_style = styles.number(style) if style else ("", "")
        number = _value(paragraph, "pPr/numPr/numId") or by_style[0]
        if number and number != "0":
            mark = numbering.next(number, _value(paragraph, "pPr/numPr/ilvl") or by_style[1], style)
            at = next((i for i, child in enumerate(paragraph) if child.tag == f"{W}pPr"), -1)
            paragraph.insert(at + 1, _run(f"\ue000{mark}\ue001"))


def _formula(element: Element) -> str:
    """A formula as one would type it: ``(a)/(b)``, ``x^2``, ``x_i``, ``sqrt(x)``."""
    kind = str(element.tag).removeprefix(_M)
    if kind == "t":
        return element.text or ""
    parts = {str(child.tag).removeprefix(_M): _formula(child) for child in element}
    if kind == "f":
        return f"({parts.get('num', '')})/({parts.get('den', '')})"
    if kind in {"sSup", "sSub", "sSubSup"}:
        lower, upper = parts.get("sub"), parts.get("sup")
        return parts.get("e", "") + (f"_{lower}" if lower else "") + (f"^{upper}" if upper else "")
    if kind == "rad":
        return f"sqrt({parts.get('e', '')})"
    if kind == "d":
        return "(" + ", ".join(_formula(child) for child in element if child.tag == f"{_M}e") + ")"
    return "".join(_formula(child) for child in element)


def _run(text: str) -> Element:
    run = Element(f"{W}r")
    ElementTree.SubElement(run, f"{W}t").text = visible(text)
    return run
