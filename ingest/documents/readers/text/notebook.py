"""Jupyter notebooks to blocks: text, code, and what the code printed."""

from collections.abc import Iterator

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.readers.html import markdown
from ingest.documents.readers.text import json_records
from ingest.documents.readers.text.encoding import decode
from ingest.documents.readers.text.inline_data import strip_inline_data

_MAX_OUTPUT_LINES = 50  # of one cell; the rest is a log


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a notebook, or other JSON; raises :class:`ingest.documents.raw.FetchProblem` for invalid JSON."""
    notebook = json_records.parse(decode(content))
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return Document("", tuple(json_records.blocks(notebook)))
    return Document("", tuple(block for cell in cells if isinstance(cell, dict) for block in _cell(cell)))


def _cell(cell: dict[str, object]) -> Iterator[Block]:
    source = _join(cell.get("source"))
    if cell.get("cell_type") == "markdown":
        yield from markdown.blocks(source)
    elif source.strip():
        yield Block(BlockKind.CODE, lines=tuple(source.splitlines()))
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        text = _output_text(output) if isinstance(output, dict) else ""
        if text.strip():
            yield Block(BlockKind.CODE, lines=tuple(text.splitlines()[:_MAX_OUTPUT_LINES]))


def _output_text(output: dict[str, object]) -> str:
    data = output.get("data")
    return _join(output.get("text") or (data.get("text/plain") if isinstance(data, dict) else ""))


def _join(text: object) -> str:
    joined = "".join(map(str, text)) if isinstance(text, list) else text if isinstance(text, str) else ""
    return strip_inline_data(joined)  # wrapped in lines, it was not seen in the JSON
