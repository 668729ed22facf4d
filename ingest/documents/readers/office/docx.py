"""Word documents to blocks: the only module that imports mammoth. Runs in the child of
:mod:`ingest.documents.sandbox`.

mammoth makes HTML of the styles (headings, lists, tables), :mod:`ingest.documents.readers.html.html` blocks of
that. Before, what
a reader would not see is taken out (:mod:`ingest.documents.readers.office.ooxml`; mammoth leaves out comments and
deletions). Unpacks what :mod:`ingest.documents.readers.office.archive` promises.
"""

import re
import zipfile
from io import BytesIO
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

import mammoth

from ingest.documents.blocks import Block, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.html import html
from ingest.documents.readers.office import archive, ooxml
from ingest.documents.readers.pdf import grid
from ingest.documents.readers.text.hidden_characters import strip_invisible

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
    """The title, empty when there is none, and the blocks; raises :class:`FetchProblem`."""
    parts = _parts(content)
    try:
        title = _title(parts.get("docProps/core.xml", b""))
        page = mammoth.convert_to_html(
            _packed(ooxml.prepare(parts)),
            style_map=_STYLES,
            convert_image=mammoth.images.img_element(lambda image: {}),
        ).value
    except (ElementTree.ParseError, ExpatError, LookupError, OSError, ValueError) as error:
        raise archive.damage_problem(_WHAT) from error
    blocks = html.blocks(_BOLD_LINE.sub(r"<h6>\1</h6>", page))
    return Document(title, tuple(map(_mark_header, blocks)))


def _parts(content: bytes) -> archive.Parts:
    """The document's XML; pictures and the like stay packed."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=lambda name: name.endswith((".xml", ".rels")))
    archive.check_entities(parts, what=_WHAT)
    if _WORD not in parts.get("[Content_Types].xml", b""):
        raise FetchProblem("is not a Word document, whatever its name says", "save it as .docx, or remove it")
    return parts


def _packed(parts: archive.Parts) -> BytesIO:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    made.seek(0)
    return made


def _title(core: bytes) -> str:
    title = ElementTree.fromstring(core).findtext("{http://purl.org/dc/elements/1.1/}title") if core else None
    return strip_invisible(title or "").strip()


def _mark_header(block: Block) -> Block:
    """Word marks a header row only where a table runs over pages; a first row of names is one all the same."""
    if block.kind != "table" or block.has_header:
        return block
    rows = [line[2:-2].split(" | ") for line in block.lines]
    return Block("table", lines=block.lines, has_header=grid.has_header(rows))
