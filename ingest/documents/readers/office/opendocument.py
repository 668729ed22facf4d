"""OpenDocument texts and presentations (ODT, ODP) to blocks; a slide is a page, and its title a heading.

Promises to leave out what a reader would not see: deletions, comments, text whose style is hidden, and white text
where nothing around it, nor on its slide, has a ground. The headers and footers of a text are read once.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers import pages
from ingest.documents.readers.html import cells
from ingest.documents.readers.office import archive
from ingest.documents.readers.office.colours import WHITE, is_near, parse_hex
from ingest.documents.readers.office.margins import is_page_number
from ingest.documents.readers.pdf import grid

_WHAT = "OpenDocument file"
_LEFT_OUT = {
    "tracked-changes",
    "annotation",
    "note-citation",
    "table-of-content",
    "sequence-decls",
    "forms",
    "desc",
}
_MAX_SPACES = 100
_MAX_PARENTS = 20  # of a style, each made from the next
_STYLES = {"style", "page-layout"}
_BOXES = {"text-box", "note-body", "frame"}  # their text does not take over the colour around them
_SHAPES = {"custom-shape", "rect", "ellipse", "circle", "polygon", "path", "regular-polygon", "connector"}
_POINTS = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)pt")
_TINY_POINTS = 2.0
_MARGIN = re.compile(r"(?:header|footer)(?:-left|-first)?")


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a document; its title is that of the properties. Raises :class:`FetchProblem`."""
    names = {"content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"}
    parts = archive.unpack(content, what=_WHAT, is_wanted=names.__contains__)
    if b"encryption-data" in parts.get("META-INF/manifest.xml", b""):
        raise FetchProblem("is protected with a password", "save it without one")
    if "content.xml" not in parts:
        raise archive.damage_problem(_WHAT)
    roots = {
        name: archive.parse_xml(part, what=_WHAT)
        for name, part in parts.items()
        if not name.startswith("META-INF/")
    }
    body = roots["content.xml"].find("{*}body")
    title = roots["meta.xml"].findtext(".//{http://purl.org/dc/elements/1.1/}title") if "meta.xml" in roots else ""
    _remove_white(roots)
    walk = _OpenDocumentWalk({style for root in roots.values() for style in _hidden_styles(root)})
    blocks = [*walk.flow(body)] if body is not None else []
    n_before = 1 if blocks and blocks[0].kind == BlockKind.HEADING else 0
    is_text = body is not None and body.find("{*}text") is not None
    margins = _margins(roots["styles.xml"], walk, blocks) if is_text and "styles.xml" in roots else []
    gap = pages.explain_pictures(walk.only_pictures, what="slide")
    return Document((title or "").strip(), (*blocks[:n_before], *margins, *blocks[n_before:]), gap=gap)


def _margins(styles: Element, walk: "_OpenDocumentWalk", blocks: list[Block]) -> list[Block]:
    """Returns what headers and footers say, once each, without page numbers and what the document says itself."""
    said = {block.text for block in blocks}
    margins: list[Block] = []
    for margin in styles.iterfind("{*}master-styles/{*}master-page/*"):
        if not _MARGIN.fullmatch(_name(margin)) or _attribute(margin, "display") == "false":
            continue
        for element in [*margin.iter()]:
            for child in element:
                if _name(child) in {"page-number", "page-count"}:
                    child.text = ""
        for block in walk.flow(margin):
            plain = Block(BlockKind.PARAGRAPH, block.text) if block.kind == BlockKind.HEADING else block
            is_new = plain not in margins and (plain.lines or plain.text not in said)
            margins += [plain] if is_new and not (plain.text and is_page_number(plain.text)) else []
    return margins


def _hidden_styles(root: Element) -> Iterator[str]:
    """Yields the styles of hidden, tiny and transparent text, and those that are made from one."""
    styles = [style for style in root.iter() if _name(style) == "style"]
    children: dict[str, list[str]] = {}
    for style in styles:
        children.setdefault(_attribute(style, "parent-style-name"), []).append(_attribute(style, "name"))
    found = [_attribute(style, "name") for style in styles if any(map(_hides, style))]
    seen = set(found)
    while found:
        name = found.pop()
        yield name
        heirs = [heir for heir in children.get(name, ()) if heir not in seen]
        seen.update(heirs)
        found += heirs


def _hides(properties: Element) -> bool:
    looks = (_attribute(properties, "display"), _attribute(properties, "visibility"))
    if looks in {("none", ""), ("false", ""), ("", "hidden")}:
        return True
    size = _POINTS.fullmatch(_attribute(properties, "font-size"))
    is_text = _name(properties) == "text-properties"
    return bool(size and float(size[1]) <= _TINY_POINTS) or (is_text and _attribute(properties, "opacity") == "0%")


def _is_left_out(element: Element) -> bool:
    """Returns whether a section or a paragraph says of itself that it is hidden."""
    is_section = _name(element) == "section" and _attribute(element, "display") == "none"
    return is_section or any(_name(child) == "hidden-paragraph" and _is_set(child) for child in element)


def _is_set(hidden: Element) -> bool:
    return _attribute(hidden, "is-hidden") == "true"


def _remove_white(roots: Mapping[str, Element]) -> None:
    """Empties the white text in place that stands on no ground."""
    styles = CommonStyles(roots)
    if styles.whites and not styles.is_page_coloured:
        for name in roots.keys() & {"content.xml", "styles.xml"}:
            styles.empty(roots[name])


class CommonStyles:
    """Which styles have white text, and which have a ground, by themselves or by those they are made from."""

    def __init__(self, roots: Mapping[str, Element]) -> None:
        styles = [style for root in roots.values() for style in root.iter() if _name(style) in _STYLES]
        parts = [(_attribute(style, "name"), part) for style in styles for part in style]
        texts = [(name, part) for name, part in parts if _name(part) == "text-properties"]
        coloured = {name: _is_white(part) for name, part in texts if _attribute(part, "color")}
        other = {name for name, part in texts if _attribute(part, "color") and not _is_white(part)}
        grounds = {name for name, part in parts if _has_ground(part)}
        parents = {_attribute(style, "name"): _attribute(style, "parent-style-name") for style in styles}
        self.whites: dict[str, bool] = {}  # whether a style's text is white, for those that set a colour
        self.grounds: set[str] = set()
        for name in parents:
            line = [*_line_of(name, parents)]
            self.grounds |= {name} if grounds.intersection(line) else set()
            if first := next((one for one in line if one in coloured), ""):
                self.whites[name] = coloured[first] and first not in other
        self.is_page_coloured = any(
            (_name(part) in {"page-layout-properties", "drawing-page-properties"} and _has_ground(part))
            or _attribute(part, "run-through") == "background"
            for _, part in parts
        ) or any(self._may_colour(part) for root in roots.values() for part in _masters(root))

    def empty(self, root: Element) -> None:
        """Empties white text in an element in place."""
        pending = [(root, False, False)]
        while pending:
            element, is_white, is_on_ground = pending.pop()
            names = {_attribute(element, "style-name"), _attribute(element, "text-style-name")}
            own = [self.whites[name] for name in names if name in self.whites]
            is_white = all(own) if own else is_white and _name(element) not in _BOXES
            is_on_ground |= self._has_ground(element) or (_name(element) == "page" and self._may_colour(element))
            if is_white and not is_on_ground:
                element.text = ""
                for child in element:
                    child.tail = ""
            pending += ((child, is_white, is_on_ground) for child in element)

    def _has_ground(self, element: Element) -> bool:
        is_styled = bool(_attribute(element, "template-name"))  # a table whose style is not evaluated
        return is_styled or _attribute(element, "style-name") in self.grounds

    def _may_colour(self, page: Element) -> bool:
        """Returns whether a slide has a picture, a table, or a shape with a ground."""
        kinds = {"image", "table", "object", *_SHAPES}
        return any(_name(part) in kinds or self._has_ground(part) for part in page.iter())


def _masters(root: Element) -> Iterator[Element]:
    return (page for page in root.iter() if _name(page) == "master-page")


def _line_of(name: str, parents: Mapping[str, str]) -> Iterator[str]:
    """Yields a style and those it is made from."""
    seen: set[str] = set()
    while name and name not in seen and len(seen) < _MAX_PARENTS:
        seen.add(name)
        yield name
        name = parents.get(name, "")


def _is_white(properties: Element) -> bool:
    """Returns whether text is white; that in the colour of a window's text is seen."""
    is_own = _attribute(properties, "use-window-font-color") != "true"
    return is_own and is_near(parse_hex(_attribute(properties, "color")), WHITE)


def _has_ground(properties: Element) -> bool:
    """Returns whether properties fill what they belong to with anything but white."""
    fill, colour = _attribute(properties, "fill"), _attribute(properties, "fill-color")
    plain = _attribute(properties, "background-color")
    if fill not in {"", "none"} or (not fill and colour):
        return fill not in {"", "solid"} or not is_near(parse_hex(colour), WHITE)
    is_plain = plain in {"", "transparent"} or is_near(parse_hex(plain), WHITE)
    return not is_plain or any(_name(child) == "background-image" and len(child.keys()) for child in properties)


class _OpenDocumentWalk:
    """One walk over a document's body."""

    def __init__(self, hidden: set[str]) -> None:
        self._hidden = hidden
        self._n_slides = 0
        self.only_pictures: list[int] = []  # slides by number

    def flow(self, parent: Element, depth: int = -1) -> Iterator[Block]:
        """Yields the blocks in an element; ``depth`` is that of the list around it, -1 outside of lists."""
        for child in parent:
            name = _name(child)
            if name in _LEFT_OUT or _attribute(child, "style-name") in self._hidden or _is_left_out(child):
                continue
            if name == "h":
                yield Block(
                    BlockKind.HEADING, self._line(child), level=min(max(_int(child, "outline-level"), 1), 6)
                )
            elif name == "p":
                yield from self._paragraph(child, depth)
            elif name == "list":
                yield from self._items(child, depth + 1)
            elif name == "table":
                yield from self._table(child)
            elif name == "notes":
                text = "\n".join(block.text for block in self.flow(child) if block.text)
                yield Block(BlockKind.PARAGRAPH, f"Speaker notes: {text}" if text else "")
            elif name == "page":
                yield from self._slide(child)
            else:
                yield from self.flow(child, depth)

    def _paragraph(self, paragraph: Element, depth: int) -> Iterator[Block]:
        text = "\n".join(filter(None, (" ".join(line.split()) for line in self._text(paragraph).split("\n"))))
        if text:
            yield Block(BlockKind.PARAGRAPH, text)
        for box in _boxes(paragraph):
            yield from self.flow(box, depth)

    def _items(self, items: Element, depth: int) -> Iterator[Block]:
        for item in items:
            is_first = True
            for block in self.flow(item, depth):
                is_bullet = is_first and block.kind == BlockKind.PARAGRAPH
                yield Block(BlockKind.ITEM, f"- {block.text}", level=depth) if is_bullet else block
                is_first = False

    def _table(self, table: Element) -> Iterator[Block]:
        rows = [
            [
                cells.Cell(
                    text=" ".join(filter(None, (b.text or " ".join(b.lines) for b in self.flow(cell)))).replace(
                        "|", "/"
                    ),
                    n_columns=cells.parse_span(_attribute(cell, "number-columns-spanned"), cells.MAX_COLUMNS),
                    n_rows=cells.parse_span(_attribute(cell, "number-rows-spanned"), cells.MAX_ROWS),
                )
                for cell in row
                if _name(cell) == "table-cell"
            ]
            for row in table.iter()
            if _name(row) == "table-row"
        ]
        lines, _ = cells.format_rows(rows)
        if lines:
            header = grid.has_header([line[2:-2].split(" | ") for line in lines])
            yield Block(BlockKind.TABLE, lines=lines, has_header=header)

    def _slide(self, slide: Element) -> Iterator[Block]:
        self._n_slides += 1
        blocks = [replace(block, page=self._n_slides) for block in self.flow(slide)]
        frames = [frame for frame in slide.iter() if _attribute(frame, "class") == "title"]
        lines = (" ".join(self._line(child) for child in frame.iter() if _name(child) == "p") for frame in frames)
        titles = [line.strip() for line in lines if line.strip()]
        title = titles[0] if titles else f"Slide {self._n_slides}"
        rest = [block for block in blocks if block.text.removeprefix("- ") != title]
        rest = rest or [Block(BlockKind.PARAGRAPH, title, page=self._n_slides)] * bool(titles)
        if rest:
            yield Block(BlockKind.HEADING, title, level=1, page=self._n_slides)
        elif any(_name(element) == "image" for element in slide.iter()):
            self.only_pictures.append(self._n_slides)
        yield from rest

    def _line(self, element: Element) -> str:
        return " ".join(self._text(element).split())

    def _text(self, element: Element) -> str:
        """Returns the text in an element without hidden text and text boxes, which are read separately."""
        parts = [element.text or ""]
        for child in element:
            name = _name(child)
            if name == "line-break":
                parts.append("\n")
            elif name == "s":
                parts.append(" " * min(max(_int(child, "c"), 1), _MAX_SPACES))
            elif name == "tab":
                parts.append(" ")
            elif name == "note":
                parts.append(f" ({self._text(child).strip()})")
            elif not (name in _LEFT_OUT or _is_separate(child) or _attribute(child, "style-name") in self._hidden):
                parts.append(self._text(child))
            parts.append(child.tail or "")
        return "".join(parts)


def _is_separate(element: Element) -> bool:
    return _name(element) in {"text-box", "hidden-text", "hidden-paragraph"}


def _boxes(element: Element) -> Iterator[Element]:
    """Yields the text boxes in an element, but not boxes within boxes."""
    for child in element:
        if _name(child) == "text-box":
            yield child
        else:
            yield from _boxes(child)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")


def _int(element: Element, name: str) -> int:
    text = _attribute(element, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0
