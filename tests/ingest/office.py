"""Presentations, sheets and other packed documents made by hand, as small as they can be."""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument"
_P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    f'xmlns:r="{_OFFICE}"'
)
_ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{rest}:1.0"'
    for name, rest in {
        **{name: name for name in ("office", "text", "table", "style", "presentation")},
        "draw": "drawing",
    }.items()
)


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return made.getvalue()


def pptx(
    *slides: str,
    notes: Mapping[int, str] | None = None,
    more: Mapping[str, str] | None = None,
    models: Mapping[str, str] | None = None,
) -> bytes:
    """A presentation of slides, each the inside of its ``p:spTree``, or a whole ``<p:sld``; notes by number.

    ``more`` parts are related to the first slide under their names; ``models`` are what stands inside its
    ``slideLayout``, ``slideMaster`` and ``theme``, each related to the one before.
    """
    notes, more, models = notes or {}, more or {}, models or {}
    numbers = range(1, len(slides) + 1)
    parts = {
        "[Content_Types].xml": _types(f"{_TYPES}.presentationml.presentation.main+xml", "/ppt/presentation.xml"),
        "_rels/.rels": _relations({"r1": ("officeDocument", "ppt/presentation.xml")}),
        "ppt/presentation.xml": f"<p:presentation {_P}><p:sldIdLst>"
        + "".join(f'<p:sldId id="{255 + n}" r:id="s{n}"/>' for n in numbers)
        + '</p:sldIdLst><p:sldSz cx="9000000" cy="6000000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": _relations(
            {f"s{n}": ("slide", f"slides/slide{n}.xml") for n in numbers}
        ),
    }
    for n, slide in zip(numbers, slides, strict=True):
        whole = slide if slide.startswith("<p:sld") else sld(slide)
        parts[f"ppt/slides/slide{n}.xml"] = whole
        related = {name: ("part", f"../{name}.xml") for name in more} if n == 1 else {}
        if models and n == 1:
            related["l"] = ("slideLayout", "../slideLayout.xml")
        if n in notes:
            related["n"] = ("notesSlide", f"../notes/n{n}.xml")
            parts[f"ppt/notes/n{n}.xml"] = sld(shape(notes[n], kind="body")).replace("p:sld", "p:notes")
        parts[f"ppt/slides/_rels/slide{n}.xml.rels"] = _relations(related)
    for kind, below in (("slideLayout", "slideMaster"), ("slideMaster", "theme"), ("theme", "")):
        tag = {"slideLayout": "p:sldLayout", "slideMaster": "p:sldMaster", "theme": "a:theme"}[kind]
        if models:
            parts[f"ppt/{kind}.xml"] = f"<{tag} {_P}>{models.get(kind, '')}</{tag}>"
            parts[f"ppt/_rels/{kind}.xml.rels"] = _relations({"r": (below, f"{below}.xml")} if below else {})
    return packed(parts | {f"ppt/{name}.xml": part for name, part in more.items()})


def sld(tree: str, attributes: str = "") -> str:
    return f"<p:sld {_P} {attributes}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>"


def shape(*paragraphs: str, kind: str = "", place: tuple[int, int] | None = None, hidden: str = "0") -> str:
    """A shape with these paragraphs: texts, or whole ``<a:p>``; ``kind`` makes it a placeholder."""
    placeholder = f'<p:ph type="{kind}"/>' if kind else ""
    transform = (
        f'<p:spPr><a:xfrm><a:off x="{place[0]}" y="{place[1]}"/><a:ext cx="900" cy="900"/></a:xfrm></p:spPr>'
        if place
        else ""
    )
    texts = "".join(p if p.startswith("<a:p>") else f"<a:p><a:r><a:t>{p}</a:t></a:r></a:p>" for p in paragraphs)
    properties = f'<p:cNvPr id="2" name="x" hidden="{hidden}"/><p:nvPr>{placeholder}</p:nvPr>'
    return f"<p:sp><p:nvSpPr>{properties}</p:nvSpPr>{transform}<p:txBody>{texts}</p:txBody></p:sp>"


def frame(inside: str) -> str:
    return f"<p:graphicFrame><a:graphic><a:graphicData>{inside}</a:graphicData></a:graphic></p:graphicFrame>"


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[str | float | None]] | str],
    *,
    hidden: Sequence[str] = (),
    styles: str = "",
    more: Mapping[str, str] | None = None,
) -> bytes:
    """A workbook of sheets by name: rows, or the inside of a ``worksheet``; ``styles`` are inside theirs."""
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="s{n}" state="{"hidden" if name in hidden else "visible"}"/>'
        for n, name in enumerate(names, 1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts = {
        "[Content_Types].xml": _types(f"{_TYPES}.spreadsheetml.sheet.main+xml", "/xl/workbook.xml"),
        "_rels/.rels": _relations({"r1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}">{styles}</styleSheet>',
        "xl/_rels/workbook.xml.rels": _relations(
            {f"s{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)}
        ),
    }
    for n, inside in enumerate(sheets.values(), 1):
        data = inside if isinstance(inside, str) else f"<sheetData>{_rows(inside)}</sheetData>"
        parts[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{main}">{data}</worksheet>'
    return packed(parts | dict(more or {}))


def opendocument(
    body: str, *, kind: str = "text", styles: str = "", more: Mapping[str, str] | None = None
) -> bytes:
    """``kind`` is ``text`` or ``presentation``, and the body what stands inside."""
    content = (
        f"<office:document-content {_ODF}><office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f"<office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return packed(
        {"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content, **(more or {})}
    )


def ods(rows: str, *, name: str = "Sheet1", styles: str = "") -> bytes:
    """A sheet of OpenDocument around its ``table:table-row`` elements."""
    content = (
        f"<office:document-content {_ODF}><office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f'<office:spreadsheet><table:table table:name="{name}">{rows}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return packed({"mimetype": kind, "META-INF/manifest.xml": manifest, "content.xml": content})


def ods_row(*cells: str) -> str:
    """A row of cells, each a text or a whole element."""
    made = (
        cell
        if cell.startswith("<")
        else f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
        for cell in cells
    )
    return f"<table:table-row>{''.join(made)}</table:table-row>"


def epub(chapters: Mapping[str, str], *, title: str = "The book") -> bytes:
    items = "".join(f'<item id="c{n}" href="{name}"/>' for n, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{title}</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OEBPS/book.opf": package}
    return packed(parts | {f"OEBPS/{name}": page for name, page in chapters.items()})


def _rows(rows: Sequence[Sequence[str | float | None]]) -> str:
    made = ""
    for n, row in enumerate(rows, 1):
        cells = ""
        for column, value in enumerate(row):
            place = f"{chr(ord('A') + column) if column < 26 else 'A' + chr(ord('A') + column - 26)}{n}"
            if isinstance(value, str):
                cells += f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
            elif value is not None:
                cells += f'<c r="{place}"><v>{value}</v></c>'
        made += f'<row r="{n}">{cells}</row>'
    return made


def _types(main: str, part: str) -> str:
    return (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="{part}" ContentType="{main}"/></Types>'
    )


def _relations(related: Mapping[str, tuple[str, str]]) -> str:
    inside = "".join(
        f'<Relationship Id="{id_}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for id_, (kind, target) in related.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inside}</Relationships>'
