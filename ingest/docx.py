"""Word documents to blocks: the only module that imports mammoth. Runs in the child of :mod:`ingest.conversion`.

mammoth makes HTML of the styles (headings, lists, tables), :mod:`ingest.html` blocks of that. Before, what a
reader would not see is taken out (:mod:`ingest.ooxml`; mammoth leaves out comments and deletions). Promises to
unpack a bounded amount of XML, no pictures, and nothing that declares entities.
"""

import re
import zipfile
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import mammoth

from ingest import grid, html, ooxml
from ingest.blocks import Block
from ingest.source import FetchProblem

MAX_XML_BYTES = 40_000_000  # unpacked, all parts; a book of 1,000 pages has about 15 MB
_WORD = b"wordprocessingml"
_DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name^='toc '] => !
p[style-name^='TOC'] => !
"""
_BOLD_LINE = re.compile(r'(?<!td>)(?<!th>)(?<!">)<p><strong>([^<]{1,90}(?<![.,;\s]))\s*</strong></p>')
_STRAY_NUMBER = re.compile(rf"(?<!<li>){ooxml.NUMBER.pattern}")  # of a heading, say
_ITEM_NUMBER = re.compile(rf"(?P<list>\d+\.|-) {ooxml.NUMBER.pattern.replace('(', '(?P<mark>', 1)}\s*")
_DAMAGED = ("is a damaged Word document", "open it in Word and save it again, or remove it")


def converted(content: bytes) -> tuple[str, list[Block]]:
    """The title, empty when there is none, and the blocks; raises :class:`FetchProblem`."""
    parts = _parts(content)
    try:
        title = _title(parts.get("docProps/core.xml", b""))
        page = mammoth.convert_to_html(
            _packed(ooxml.readable(parts)),
            style_map=_STYLES,
            convert_image=mammoth.images.img_element(lambda image: {}),
        ).value
    except (ElementTree.ParseError, KeyError, OSError, UnicodeDecodeError) as error:
        raise FetchProblem(*_DAMAGED) from error
    page = _STRAY_NUMBER.sub("", page)
    blocks = (_numbered(block) for block in html.blocks(_BOLD_LINE.sub(r"<h6>\1</h6>", page)))
    return title, [_with_header(block) for block in blocks if block]


def _parts(content: bytes) -> dict[str, bytes]:
    """The document's XML; pictures and the like stay packed."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            wanted = [one for one in archive.infolist() if one.filename.endswith((".xml", ".rels"))]
            if sum(one.file_size for one in wanted) > MAX_XML_BYTES:
                limit = f"{MAX_XML_BYTES // 1_000_000} MB"
                raise FetchProblem(f"unpacks to more than {limit} of text", "split it into smaller documents")
            parts = {one.filename: _unpacked(archive, one) for one in wanted}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise FetchProblem(*_DAMAGED) from error
    if any(doctype in part for part in parts.values() for doctype in _DOCTYPES):
        raise FetchProblem("declares XML entities, as no Word document does", "remove it")
    if _WORD not in parts.get("[Content_Types].xml", b""):
        raise FetchProblem("is not a Word document, whatever its name says", "save it as .docx, or remove it")
    return parts


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """No more than the member's size, which may lie: then its checksum is wrong, and it is refused."""
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise NotImplementedError  # as Word would; others unpack without a bound
    with archive.open(member) as packed:
        return packed.read(member.file_size + 1)


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


def _numbered(block: Block) -> Block | None:
    """The number that Word shows, or a dash where that cannot be told; nothing for an item without text."""
    if block.kind == "item" and (number := _ITEM_NUMBER.match(block.text)):
        text = block.text[number.end() :]
        mark = number["mark"] if number["list"] != "-" else ""
        return replace(block, text=f"{mark or '-'} {text}") if text else None
    lines = tuple(ooxml.NUMBER.sub(_before_text, line) for line in block.lines)
    return replace(block, text=ooxml.NUMBER.sub("", block.text), lines=lines)


def _before_text(number: re.Match[str]) -> str:
    return f"{number[1]} " if number[1] else ""


def _with_header(block: Block) -> Block:
    """Word marks a header row only where a table runs over pages; a first row of names is one all the same."""
    if block.kind != "table" or block.has_header:
        return block
    rows = [line[2:-2].split(" | ") for line in block.lines]
    return Block("table", lines=block.lines, has_header=grid.has_header(rows))
