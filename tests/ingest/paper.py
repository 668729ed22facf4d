"""PDF and Word files made by hand, as small as they can be."""

import zipfile
from collections.abc import Iterable, Sequence
from io import BytesIO

Text = tuple[float, float, float, str]  # x and y from the bottom left, size, text; bold with a negative size

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def pdf(*pages: Iterable[Text], title: str = "", rotation: int = 0, before: str = "") -> bytes:
    """A PDF of these pages, 600 points wide and 800 high; ``before`` are operators that begin each page."""
    n = len(pages)
    kids = " ".join(f"{6 + 2 * i} 0 R" for i in range(n))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {n} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({title}) >>".encode(),
    ]
    for i, texts in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Rotate {rotation} /Contents {7 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        content = b"\n".join([before.encode(), *(_shown(*text) for text in texts)])
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return _numbered(objects, b"/Info 5 0 R")


def _numbered(objects: Sequence[bytes], info: bytes) -> bytes:
    made, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R %s >>" % (len(objects) + 1, info)
    start = len(made)
    return made + b"xref\n0 %d\n0000000000 65535 f \n%s%s\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        table,
        trailer,
        start,
    )


def column(
    lines: Sequence[str], *, x: float = 60, top: float = 740, size: float = 10, pitch: float = 12
) -> list[Text]:
    """Lines below each other."""
    return [(x, top - i * pitch, size, line) for i, line in enumerate(lines)]


def drawn_pdf(
    *pages: bytes,
    font: bytes = b"null",
    picture: bytes = bytes(range(0, 250, 10)),
    replaced: Sequence[str] = (),
    layers: Sequence[bool] = (),
) -> bytes:
    """A PDF of these operators, 600 points wide and 800 high.

    ``/F1`` is Helvetica, ``/F2`` the ``font``, ``/Im`` a grey ``picture`` of five times five pixels. The structure
    gives the texts of ``replaced`` in the place of the first page's marked contents. ``layers`` are whether those
    named ``/L0`` and so on are shown.
    """
    if replaced and layers:
        raise ValueError("a file of both would need other numbers")
    head = b"/Type /XObject /Subtype /Image /Width 5 /Height 5 /ColorSpace /DeviceGray /BitsPerComponent 8"
    kids = b" ".join(b"%d 0 R" % (6 + 2 * i) for i in range(len(pages)))
    root = 6 + 2 * len(pages)
    numbers = [b"%d 0 R" % (root + n) for n in range(len(layers))]
    off = b" ".join(number for number, is_shown in zip(numbers, layers, strict=True) if not is_shown)
    named = b" ".join(b"/L%d %s" % pair for pair in enumerate(numbers))
    shown = b"/OCProperties << /OCGs [%s] /D << /OFF [%s] >> >>" % (b" ".join(numbers), off) if layers else b""
    tags = b"/MarkInfo << /Marked true >> /StructTreeRoot %d 0 R" % root if replaced else shown
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % tags,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        font,
        b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(picture), picture),
    ]
    resources = b"<< /Font << /F1 3 0 R /F2 4 0 R >> /XObject << /Im 5 0 R >> /Properties << %s >> >>" % named
    for i, content in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /StructParents %d /Contents %d 0 R "
            b"/Resources %s >>" % (i, 7 + 2 * i, resources)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    groups = [b"<< /Type /OCG /Name (Layer) >>" for _ in layers]
    return _numbered(objects + groups + (_structure(root, replaced) if replaced else []), b"")


def _structure(root: int, replaced: Sequence[str]) -> list[bytes]:
    spans = b" ".join(b"%d 0 R" % (root + 1 + i) for i in range(len(replaced)))
    tree = b"<< /Type /StructTreeRoot /K [%s] /ParentTree << /Nums [0 [%s]] >> >>" % (spans, spans)
    return [tree] + [
        b"<< /Type /StructElem /S /Span /P %d 0 R /Pg 6 0 R /K %d /ActualText (%s) >>" % (root, i, text.encode())
        for i, text in enumerate(replaced)
    ]


def line(text: str, *, y: float = 700) -> bytes:
    """The operators that show a line of text."""
    return _shown(60, y, 10, text) + b"\n"


def docx(
    body: str,
    *,
    title: str = "",
    more: dict[str, str] | None = None,
    main: str = "document",
    strict: bool = False,
    margins: Sequence[tuple[str, str, str]] = (),
) -> bytes:
    """A Word document around the inside of ``w:body``; ``more`` parts ``styles`` and ``numbering`` are related.

    ``margins`` are a ``header`` or ``footer``, for which pages (``default``), and what stands in it.
    ``main`` is the name of the main part; a ``strict`` document has the namespaces of ISO 29500 Strict.
    """
    core = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
    inside = f"{body}{_section(margins)}"
    parts = {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/{main}.xml" ContentType="{_TYPE}"/></Types>',
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{_RELATION}" Target="word/{main}.xml"/></Relationships>',
        "docProps/core.xml": f'{_HEAD}<c:coreProperties xmlns:c="{core}" xmlns:d="http://purl.org/dc/elements/1.1/">'
        f"<d:title>{title}</d:title></c:coreProperties>",
        f"word/{main}.xml": f"{_HEAD}<w:document {_W} {_M} {_R}><w:body>{inside}</w:body></w:document>",
    }
    relations = _RELATION.rpartition("/")[0]
    related = ""
    for number, (kind, _, inside) in enumerate(margins):
        tag = {"header": "hdr", "footer": "ftr"}[kind]
        parts[f"word/{kind}{number}.xml"] = f"{_HEAD}<w:{tag} {_W}>{inside}</w:{tag}>"
        related += f'<Relationship Id="m{number}" Type="{relations}/{kind}" Target="{kind}{number}.xml"/>'
    for name, inside in (more or {}).items():
        if name in {"styles", "numbering"}:
            parts[f"word/{name}.xml"] = f"{_HEAD}<w:{name} {_W}>{inside}</w:{name}>"
            related += f'<Relationship Id="{name}" Type="{relations}/{name}" Target="{name}.xml"/>'
        else:
            parts[name] = inside
    parts[f"word/_rels/{main}.xml.rels"] = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{related}</Relationships>'
    )
    if strict:
        parts = {name: _strict(part) for name, part in parts.items()}
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return made.getvalue()


def _section(margins: Sequence[tuple[str, str, str]]) -> str:
    references = (f'<w:{kind}Reference w:type="{of}" r:id="m{n}"/>' for n, (kind, of, _) in enumerate(margins))
    return f"<w:sectPr>{''.join(references)}</w:sectPr>" if margins else ""


def _strict(part: str) -> str:
    for old, new in [
        ("http://schemas.openxmlformats.org/wordprocessingml/2006/main", "wordprocessingml/main"),
        ("http://schemas.openxmlformats.org/officeDocument/2006/relationships", "officeDocument/relationships"),
    ]:
        part = part.replace(old, f"http://purl.oclc.org/ooxml/{new}")
    return part


def paragraph(text: str, *, style: str = "", run: str = "", own: str = "") -> str:
    """``style`` is a style's id, ``run`` and ``own`` what stands in the run's and the paragraph's properties."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{own}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def table(*rows: Sequence[str]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def _shown(x: float, y: float, size: float, text: str) -> bytes:
    font = "F2" if size < 0 else "F1"
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{font} {abs(size)} Tf {x} {y} Td ({escaped}) Tj ET".encode("cp1252")
