"""Rich Text to blocks: the only module that imports striprtf. Tables are recognised, headings and lists are
not."""

import re

from striprtf.striprtf import rtf_to_text

from ingest.documents.blocks import Block, Document
from ingest.documents.readers.text import plain
from ingest.documents.readers.text.inline_data import strip_inline_data
from ingest.documents.readers.text.tables import Rows

_PICTURE = re.compile(
    rb"(?<![0-9a-fA-F\r\n])[0-9a-fA-F\r\n]{500,}"
)  # in hexadecimal digits, which striprtf would read one by one
_HIDDEN = re.compile(rb"\{[^{}]{0,200}\\v(?![a-z0-9])[^{}]*\}")
_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")
_ROW = re.compile(r"[^\n]*\|")  # striprtf ends each cell with a bar


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a document; its title is that of the properties."""
    source = strip_inline_data(_HIDDEN.sub(b"", _PICTURE.sub(b"", content)).decode("latin-1"))
    title = _TITLE.search(source)
    rows, blocks, table, prose = Rows(), list[Block](), list[list[str]](), list[str]()
    text = strip_inline_data(rtf_to_text(source, errors="replace"))
    for line in [*text.split("\n"), ""]:
        if _ROW.fullmatch(line):
            blocks += plain.blocks("\n\n".join(prose))
            prose.clear()
            table.append(line.split("|")[:-1])
            continue
        blocks += rows.blocks(table)
        table.clear()
        prose.append(line)
    return Document(title[1] if title else "", (*blocks, *plain.blocks("\n\n".join(prose))), gap=rows.gap)
