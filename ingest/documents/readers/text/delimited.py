"""Delimited values (CSV, TSV) to blocks, with any usual separator and in any encoding."""

import csv
import re
from collections import Counter
from io import StringIO

from ingest.documents.blocks import Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.text.encoding import decode
from ingest.documents.readers.text.tables import Rows

_SEPARATORS = ",;\t|"
_SAMPLE_CHARS = 20_000
_DECLARED = re.compile(r"\"?sep=([^\n\"\w])\"?[ \t]*(?:\n|\Z)", re.IGNORECASE)  # as Excel writes and reads it
MAX_FIELD_CHARS = 1_000_000


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a file into tables, which empty lines separate; raises :class:`FetchProblem`."""
    text = decode(content).replace("\x00", "")
    declared = _DECLARED.match(text)
    text = text[declared.end() :] if declared else text
    csv.field_size_limit(MAX_FIELD_CHARS)
    rows = Rows()
    try:
        blocks = tuple(
            rows.blocks(csv.reader(StringIO(text), delimiter=declared[1] if declared else _detect_separator(text)))
        )
    except csv.Error as error:
        limit = f"{MAX_FIELD_CHARS:,} characters"
        raise FetchProblem(f"has a field of more than {limit}", "close its quotes, or split it") from error
    return Document("", blocks, gap=rows.gap)


def _detect_separator(text: str) -> str:
    """Returns the separator with which most lines have the same number of fields, more than one."""
    lines = text[:_SAMPLE_CHARS].splitlines(keepends=True)
    return max(_SEPARATORS, key=lambda separator: _agreement(lines[:-1] or lines, separator))


def _agreement(lines: list[str], separator: str) -> tuple[float, int]:
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
    except csv.Error:
        return 0.0, 0
    width, n = max(((w, n) for w, n in widths.items() if w > 1), key=lambda item: item[1], default=(0, 0))
    return n / max(1, widths.total()), width
