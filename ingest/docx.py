"""Word documents to blocks: the only module that imports mammoth. Runs in the child of :mod:`ingest.conversion`.

mammoth makes HTML of the styles (headings, lists, tables), :mod:`ingest.html` blocks of that. Before, what a
reader would not see is taken out (hidden and tiny text; mammoth leaves out comments and deletions), and formulas
become a line of text. Promises to unpack a bounded amount of XML, no pictures, and nothing that declares entities.
"""

import re
import zipfile
from io import BytesIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import mammoth

from ingest import grid, html
from ingest.blocks import Block
from ingest.source import FetchProblem

MAX_XML_BYTES = 40_000_000  # unpacked, all parts; a book of 1,000 pages has about 15 MB
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TINY_HALF_POINTS = 4
_WORD = b"wordprocessingml"
_DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_TEXT_PARTS = re.compile(r"word/(?:document|footnotes|endnotes)\d*\.xml")
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name^='toc '] => !
p[style-name^='TOC'] => !
"""
_BOLD_LINE = re.compile(r'(?<!td>)(?<!th>)(?<!">)<p><strong>([^<]{1,90}(?<![.,;\s]))\s*</strong></p>')
_DAMAGED = ("is a damaged Word document", "open it in Word and save it again, or remove it")


def converted(content: bytes) -> tuple[str, list[Block]]:
    """The title, empty when there is none, and the blocks; raises :class:`FetchProblem`."""
    parts = _parts(content)
    try:
        title = _title(parts.get("docProps/core.xml", b""))
        for name in [name for name in parts if _TEXT_PARTS.fullmatch(name)]:
            parts[name] = _readable(parts[name])
        page = mammoth.convert_to_html(
            _packed(parts), style_map=_STYLES, convert_image=mammoth.images.img_element(lambda image: {})
        ).value
    except (ElementTree.ParseError, KeyError, OSError, UnicodeDecodeError) as error:
        raise FetchProblem(*_DAMAGED) from error
    blocks = html.blocks(_BOLD_LINE.sub(r"<h6>\1</h6>", page))
    return title, [_with_header(block) for block in blocks]


def _parts(content: bytes) -> dict[str, bytes]:
    """The document's XML; pictures and the like stay packed."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            wanted = [one for one in archive.infolist() if one.filename.endswith((".xml", ".rels"))]
            if sum(one.file_size for one in wanted) > MAX_XML_BYTES:
                limit = f"{MAX_XML_BYTES // 1_000_000} MB"
                raise FetchProblem(f"unpacks to more than {limit} of text", "split it into smaller documents")
            parts = {one.filename: archive.read(one) for one in wanted}  # reads no more than file_size says
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise FetchProblem(*_DAMAGED) from error
    if any(doctype in part for part in parts.values() for doctype in _DOCTYPES):
        raise FetchProblem("declares XML entities, as no Word document does", "remove it")
    if _WORD not in parts.get("[Content_Types].xml", b""):
        raise FetchProblem("is not a Word document, whatever its name says", "save it as .docx, or remove it")
    return parts


def _packed(parts: dict[str, bytes]) -> BytesIO:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    packed.seek(0)
    return packed


def _title(core: bytes) -> str:
    title = ElementTree.fromstring(core).findtext("{http://purl.org/dc/elements/1.1/}title") if core else None
    return html.visible(title or "").strip()


def _readable(part: bytes) -> bytes:
    root = ElementTree.fromstring(part)
    for parent in [*root.iter()]:
        for index, child in reversed([*enumerate(parent)]):
            if child.tag == f"{_W}r" and _is_hidden(child):
                parent.remove(child)
            elif child.tag in {f"{_M}oMathPara", f"{_M}oMath"} and not parent.tag.startswith(_M):
                parent[index] = _run(_formula(child))
    return ElementTree.tostring(root)


def _is_hidden(run: Element) -> bool:
    vanish, size = run.find(f"{_W}rPr/{_W}vanish"), run.find(f"{_W}rPr/{_W}sz")
    if vanish is not None and vanish.get(f"{_W}val", "1") not in {"0", "false", "off"}:
        return True
    half_points = size.get(f"{_W}val", "") if size is not None else ""
    return half_points.isdigit() and int(half_points) <= _TINY_HALF_POINTS


def _formula(element: Element) -> str:
    """A formula as one would type it: ``(a)/(b)``, ``x^2``, ``x_i``, ``sqrt(x)``."""
    kind = element.tag.removeprefix(_M)
    if kind == "t":
        return element.text or ""
    parts = {child.tag.removeprefix(_M): _formula(child) for child in element}
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
    run = Element(f"{_W}r")
    ElementTree.SubElement(run, f"{_W}t").text = html.visible(text)
    return run


def _with_header(block: Block) -> Block:
    """Word marks a header row only where a table runs over pages; a first row of names is one all the same."""
    if block.kind != "table" or block.has_header:
        return block
    rows = [line[2:-2].split(" | ") for line in block.lines]
    return Block("table", lines=block.lines, has_header=grid.has_header(rows))
