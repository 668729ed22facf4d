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
_PART = re.compile(rb"\\[a-z]{1,32}(-?\d{1,10})? ?|\\.|[{}]|[^\\{}]+", re.DOTALL)
_LOOK = re.compile(rb"\\(v|plain|fs|cf)(-?\d{1,10})? ?")
_CHARACTER = re.compile(rb"\\(?:u-?\d|[^a-z])")
_MAY_HIDE = re.compile(rb"\\v(?![a-z0])|\\fs[0-4](?!\d)")
_COLOURS = re.compile(rb"\{\\colortbl\s*([^{}]*)\}")
_CHANNEL = re.compile(rb"\\(?:red|green|blue)(\d{1,3})")
_GROUND = re.compile(rb"\\(?:highlight|cb|chcbpat|clcbpat|cbpat)[1-9]")  # somewhere: then white may be seen
_TINY_HALF_POINTS, _WHITE = 4, 240
_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")
_ROW = re.compile(r"[^\n]*\|")  # striprtf ends each cell with a bar


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a document; its title is that of the properties."""
    source = strip_inline_data(_drop_hidden(_PICTURE.sub(b"", content)).decode("latin-1"))
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


def _drop_hidden(content: bytes) -> bytes:
    """Returns the source without text that is hidden, tiny, or white where nothing has a ground."""
    whites = () if _GROUND.search(content) else _list_whites(content)
    if not whites and not _MAY_HIDE.search(content):
        return content
    parts: list[bytes] = []
    looks: list[dict[bytes, bool]] = [{}]  # what hides the text of each open group
    for part in _PART.finditer(content):
        if part[0] == b"{":
            looks.append(looks[-1])
        elif part[0] == b"}":
            del looks[max(len(looks) - 1, 1) :]
        elif look := _LOOK.fullmatch(part[0]):
            name, value = look[1], int(look[2]) if look[2] else None
            if name == b"plain":
                looks[-1] = {}
            else:
                is_tiny = name == b"fs" and value is not None and 0 <= value <= _TINY_HALF_POINTS
                hides = is_tiny or (name == b"v" and value != 0) or (name == b"cf" and value in whites)
                looks[-1] = {**looks[-1], name: hides}
        elif any(looks[-1].values()) and (not part[0].startswith(b"\\") or _CHARACTER.match(part[0])):
            continue
        parts.append(part[0])
    return b"".join(parts)


def _list_whites(content: bytes) -> tuple[int, ...]:
    """Returns the numbers of the colours that are white, or nearly."""
    table = _COLOURS.search(content)
    colours = table[1].split(b";") if table else []
    channels = [[int(channel) for channel in _CHANNEL.findall(colour)] for colour in colours]
    return tuple(at for at, colour in enumerate(channels) if len(colour) == 3 and min(colour) >= _WHITE)
