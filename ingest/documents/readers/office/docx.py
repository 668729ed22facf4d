"""Word documents to blocks: the only module that imports mammoth.

Removes what a reader would not see (:mod:`ingest.documents.readers.office.ooxml`; mammoth itself leaves out
comments and deletions), lets mammoth turn styles into HTML, and reads that as
:mod:`ingest.documents.readers.html.html` does. Headers and footers are read once
per document. Lists are numbered as mammoth numbers them: one that is interrupted begins again.
"""

import re
import zipfile
from io import BytesIO
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

import mammoth

from agent.hidden_characters import strip_invisible
from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.html import html
from ingest.documents.readers.office import archive, ooxml
from ingest.documents.readers.office import margins as margins_
from ingest.documents.readers.pdf import grid

_WORD = b"wordprocessingml"
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name^='toc '] => !
p[style-name^='TOC'] => !
"""
_BOLD_LINE = re.compile(r'(?<!td>)(?<!th>)(?<!">)<p><strong>([^<]{1,90}(?<![.,;\s]))\s*</strong></p>')
_WHAT = "Word document"


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a Word document; its title is that of the properties. Raises :class:`FetchProblem`."""
    parts = _unpack(content)
    try:
        title = _title(parts.get("docProps/core.xml", b""))
        prepared = ooxml.prepare(parts)
        blocks = _convert(prepared)
        margins = [_convert(prepared | part) for part in margins_.as_documents(prepared)]
    except (ElementTree.ParseError, ExpatError, LookupError, OSError, ValueError) as error:
        raise archive.damage_problem(_WHAT) from error
    return Document(title, tuple(_add_margins(title, blocks, margins)))


def _convert(parts: archive.Parts) -> list[Block]:
    page = mammoth.convert_to_html(
        _pack(parts),
        style_map=_STYLES,
        convert_image=mammoth.images.img_element(lambda image: {}),
    ).value
    return [*map(_mark_header, html.blocks(_BOLD_LINE.sub(r"<h6>\1</h6>", page)))]


def _add_margins(title: str, blocks: list[Block], margins: list[list[Block]]) -> list[Block]:
    """Adds what headers and footers say, once each, below the heading that a document begins with."""
    said = {title, *(block.text for block in blocks)}
    added: list[Block] = []
    for block in (block for margin in margins for block in margin):
        if block not in added and (block.lines or block.text not in said):
            is_heading = block.kind == BlockKind.HEADING
            added.append(Block(BlockKind.PARAGRAPH, block.text) if is_heading else block)
    n_before = 1 if blocks and blocks[0].kind == BlockKind.HEADING else 0
    return [*blocks[:n_before], *added, *blocks[n_before:]]


def _unpack(content: bytes) -> archive.Parts:
    """Unpacks the document's XML; pictures and the like stay packed."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=lambda name: name.endswith((".xml", ".rels")))
    archive.check_entities(parts, what=_WHAT)
    if _WORD not in parts.get("[Content_Types].xml", b""):
        raise FetchProblem("is not a Word document, despite its name", "save it as .docx, or remove it")
    return parts


def _pack(parts: archive.Parts) -> BytesIO:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    packed.seek(0)
    return packed


def _title(core: bytes) -> str:
    title = ElementTree.fromstring(core).findtext("{http://purl.org/dc/elements/1.1/}title") if core else None
    return strip_invisible(title or "").strip()


def _mark_header(block: Block) -> Block:
    """Marks a first row of names as header; Word itself marks it only in tables that span pages."""
    if block.kind != BlockKind.TABLE or block.has_header:
        return block
    rows = [line[2:-2].split(" | ") for line in block.lines]
    return Block(BlockKind.TABLE, lines=block.lines, has_header=grid.has_header(rows))
