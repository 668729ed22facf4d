"""PowerPoint presentations to blocks: a slide's title is a heading, then its bullets, tables, charts and notes.

A block's page is its slide. Promises to leave out what an audience would not see: hidden slides and shapes, text
beside the slide, and text that is transparent, of the colour of its ground, or too small to be read; speaker notes
are kept, and labelled. Does not use python-pptx, which unpacks pictures too, cannot read ISO 29500 Strict, and
brings Pillow and XlsxWriter.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers import pages
from ingest.documents.readers.html import cells
from ingest.documents.readers.office import archive, drawings, slide_grounds
from ingest.documents.readers.office.slide_grounds import Backdrop, list_shapes

_WHAT = "PowerPoint presentation"
_FRAME = {"dt", "ftr", "hdr", "sldNum", "sldImg"}  # placeholders for text that every slide repeats
_TITLES = {"title", "ctrTitle"}
_TINY = 200  # hundredths of a point
_TRANSPARENT = 5_000  # thousandths of a percent


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a presentation; its title is that of the properties. Raises :class:`FetchProblem`."""
    package = _Package(content)
    core = package.root("docProps/core.xml")
    blocks: list[Block] = []
    only_pictures: list[int] = []
    for number, name in enumerate(package.slides(), 1):
        slide = package.root(name)
        if slide is None or slide.get("show", "1") in {"0", "false"}:
            continue
        found = [replace(block, page=number) for block in _slide(slide, name, number, package)]
        blocks += found
        only_pictures += [number] if not found and _has_picture(slide) else []
    title = core.findtext("{http://purl.org/dc/elements/1.1/}title") if core is not None else ""
    title = (title or "").strip()
    title = "" if title.lower() in {"powerpoint presentation", "presentation"} else title
    return Document(title, tuple(blocks), gap=pages.explain_pictures(only_pictures, what="slide"))


class _Package:
    """The parts of a presentation and their relations."""

    def __init__(self, content: bytes) -> None:
        self._parts = archive.unpack(content, what=_WHAT, is_wanted=lambda name: name.endswith((".xml", ".rels")))
        main = [target for kind, target in self.relations("").values() if kind == "officeDocument"]
        root = self.root(main[0]) if main else None
        if root is None:
            raise archive.damage_problem(_WHAT)
        if _name(root) != "presentation":
            raise FetchProblem(f"is not a {_WHAT}, despite its name", "save it as .pptx, or remove it")
        size = root.find("{*}sldSz")
        self.width = _int(size, "cx") if size is not None else 0
        self.height = _int(size, "cy") if size is not None else 0
        self._main, self._root = main[0], root
        self._models: dict[str, tuple[Element | None, Element | None, Element | None]] = {}  # by layout

    def root(self, name: str) -> Element | None:
        """Parses a part; None when there is no such part."""
        return archive.parse_xml(self._parts[name], what=_WHAT) if name in self._parts else None

    def slides(self) -> Iterator[str]:
        """Yields the names of the slides' parts in the order of the presentation."""
        relations = self.relations(self._main)
        for slide in self._root.iterfind("{*}sldIdLst/{*}sldId"):
            _, target = relations.get(_relation_id(slide), ("", ""))
            if target:
                yield target

    def models(
        self, relations: Mapping[str, tuple[str, str]]
    ) -> tuple[Element | None, Element | None, Element | None]:
        """Returns the layout, the master and the theme of a slide with these relations."""
        name = _target(relations, "slideLayout")
        if name not in self._models:
            of_layout = self.relations(name) if name else {}
            master = _target(of_layout, "slideMaster")
            theme = _target(self.relations(master), "theme") if master else ""
            self._models[name] = self.root(name), self.root(master), self.root(theme)
        return self._models[name]

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Returns kind and target of a part's relations by id; the package itself has an empty name."""
        folder, file = posixpath.split(name)
        root = self.root(posixpath.join(folder, "_rels", f"{file}.rels"))
        relations: dict[str, tuple[str, str]] = {}
        for relation in root if root is not None else ():
            target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))[1:]
            relations[relation.get("Id", "")] = relation.get("Type", "").rpartition("/")[2], target
        return relations


def _slide(slide: Element, name: str, number: int, package: _Package) -> Iterator[Block]:
    relations = package.relations(name)
    placed = [*list_shapes(slide.find("{*}cSld/{*}spTree"))]
    slide_grounds.remove_unseen(placed, Backdrop(slide, *package.models(relations)))
    on_slide = (shape.element for shape in placed if _is_on_slide(shape.box, package))
    shapes = [shape for shape in on_slide if _name(shape) in {"sp", "graphicFrame"}]
    titles = [" ".join(_lines(shape)) for shape in shapes if _placeholder(shape) in _TITLES]
    title = next(filter(None, titles), f"Slide {number}")
    others = [shape for shape in shapes if _placeholder(shape) not in _TITLES]
    blocks = [block for shape in others for block in _blocks(shape, relations, package)]
    blocks += [Block(BlockKind.PARAGRAPH, f"Speaker notes: {text}") for text in _notes(relations, package)]
    if not blocks and title in titles:
        blocks = [Block(BlockKind.PARAGRAPH, title)]  # a heading alone would not be searched
    if blocks:
        yield Block(BlockKind.HEADING, title, level=1)
    yield from blocks


def _has_picture(slide: Element) -> bool:
    return any(_name(element) in {"pic", "blip"} for element in slide.iterfind("{*}cSld/{*}spTree//*"))


def _is_on_slide(box: slide_grounds.Box | None, package: _Package) -> bool:
    """Returns whether a box overlaps the slide; a shape without one has its layout's and counts as on it."""
    if box is None or not package.width or not package.height:
        return True
    left, top, right, bottom = box
    return left < package.width and right > 0 and top < package.height and bottom > 0


def _placeholder(shape: Element) -> str:
    """Returns a placeholder's type, ``body`` where it has none, empty for other shapes."""
    placeholder = shape.find("*/{*}nvPr/{*}ph")
    return placeholder.get("type", "body") if placeholder is not None else ""


def _blocks(shape: Element, relations: dict[str, tuple[str, str]], package: _Package) -> Iterator[Block]:
    kind = _placeholder(shape)
    if kind in _FRAME:
        return
    if _name(shape) == "sp":
        yield from _paragraphs(shape, is_list=kind in {"body", "obj"})
        return
    for table in shape.iterfind(".//{*}tbl"):
        yield from _table(table)
    for reference in shape.iterfind(".//{*}graphicData/*"):
        _, target = relations.get(_relation_id(reference), ("", ""))
        part = package.root(target) if target else None
        if part is not None:
            yield from drawings.blocks(part)


def _paragraphs(shape: Element, *, is_list: bool) -> Iterator[Block]:
    for paragraph in shape.iterfind("{*}txBody/{*}p"):
        text = _text(paragraph)
        properties = paragraph.find("{*}pPr")
        names = {_name(child) for child in properties} if properties is not None else set()
        level = _int(properties, "lvl") if properties is not None else 0
        if text and (names & {"buChar", "buAutoNum", "buBlip"} or (is_list and "buNone" not in names)):
            yield Block(BlockKind.ITEM, f"- {text}", level=min(level, 8))
        elif text:
            yield Block(BlockKind.PARAGRAPH, text)


def _lines(shape: Element) -> Iterator[str]:
    for paragraph in shape.iterfind("{*}txBody/{*}p"):
        yield " ".join(_text(paragraph).split())


def _text(paragraph: Element) -> str:
    """Returns the text of a paragraph's runs, formulas included, without tiny text."""
    parts: list[str] = []
    for run in paragraph.iter():
        if _name(run) == "br":
            parts.append("\n")
        elif _name(run) == "r":
            properties = run.find("{*}rPr")
            size = _int(properties, "sz") if properties is not None else 0
            is_seen = not 0 < size <= _TINY and not _is_transparent(properties)
            parts += [text.text or "" for text in run.iterfind("{*}t") if is_seen]
    return "\n".join(stripped for line in "".join(parts).split("\n") if (stripped := " ".join(line.split())))


def _is_transparent(properties: Element | None) -> bool:
    """Returns whether text has neither an outline nor a colour, or one that lets all through."""
    if properties is None or properties.find("{*}ln") is not None:
        return False
    alphas = [_int(alpha, "val") for alpha in properties.iterfind("{*}solidFill/*/{*}alpha")]
    return properties.find("{*}noFill") is not None or any(alpha <= _TRANSPARENT for alpha in alphas)


def _table(table: Element) -> Iterator[Block]:
    properties = table.find("{*}tblPr")
    has_header = properties is not None and properties.get("firstRow") in {"1", "true"}
    rows = [[*_cells(row, is_header=has_header and not n)] for n, row in enumerate(table.iterfind("{*}tr"))]
    lines, has_header = cells.format_rows(rows)
    if lines:
        yield Block(BlockKind.TABLE, lines=lines, has_header=has_header)


def _cells(row: Element, *, is_header: bool) -> Iterator[cells.Cell]:
    for cell in row.iterfind("{*}tc"):
        if not {"hMerge", "vMerge"}.intersection(cell.keys()):
            yield cells.Cell(
                text=" ".join(filter(None, _lines(cell))).replace("|", "/"),
                is_header=is_header,
                n_columns=cells.parse_span(cell.get("gridSpan"), cells.MAX_COLUMNS),
                n_rows=cells.parse_span(cell.get("rowSpan"), cells.MAX_ROWS),
            )


def _notes(relations: dict[str, tuple[str, str]], package: _Package) -> Iterator[str]:
    for kind, target in relations.values():
        notes = package.root(target) if kind == "notesSlide" else None
        for shape in notes.iterfind("{*}cSld/{*}spTree/{*}sp") if notes is not None else ():
            text = "\n".join(filter(None, _lines(shape)))
            if text and _placeholder(shape) == "body":
                yield text


def _target(relations: Mapping[str, tuple[str, str]], kind: str) -> str:
    """Returns the part of a relation of this kind, empty when there is none."""
    return next((target for of, target in relations.values() if of == kind), "")


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _relation_id(element: Element) -> str:
    """Returns the id of the relation to an element's part; for a diagram, to its data."""
    ids = {name.rpartition("}")[2]: value for name, value in element.items() if "relationships}" in name}
    return ids.get("id") or ids.get("dm") or ""


def _int(element: Element, name: str) -> int:
    text = element.get(name, "")
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 12 else 0
