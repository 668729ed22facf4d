"""Table cells with spans to rows of text: a merged cell appears in every row and column it covers.

Promises that a value stays under its column, and bounds how much text merged cells repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile, zip_longest

from ingest.documents.readers.text.tables import join_names

MAX_COLUMNS, MAX_ROWS = 100, 1_000  # that one cell covers at most
_FREE_CHARS = 20_000  # that merged cells of one table may repeat, plus four times its own text


@dataclass(frozen=True)
class Cell:
    """A cell of a table as its markup gives it."""

    text: str
    is_header: bool = False
    n_columns: int = 1
    n_rows: int = 1


def parse_span(value: str | None, most: int) -> int:
    """Returns the value of ``colspan`` or ``rowspan``, bounded; 1 when it is invalid."""
    text = (value or "").strip()
    return min(max(int(text), 1), most) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def format_rows(rows: Sequence[Sequence[Cell]]) -> tuple[tuple[str, ...], bool]:
    """Returns a line for each row that has text of its own, and whether the first one is a header.

    >>> format_rows([[Cell("Who", is_header=True), Cell("Days", is_header=True)], [Cell("All"), Cell("30")]])
    (('| Who | Days |', '| All | 30 |'), True)
    """
    expanded = _expand(rows)
    filled = [at for at, row in enumerate(rows) if any(cell.text for cell in row)]
    if not filled:
        return (), False
    first = filled[0]
    has_header = all(cell.is_header for cell in rows[first])
    texts = [expanded[at] for at in filled]
    for above, below in pairwise(filled[:-1] if has_header else ()):
        is_merged = any(cell.n_columns > 1 or cell.n_rows > 1 for cell in rows[above])
        if not is_merged or not all(cell.is_header for cell in rows[below]):
            break
        texts[:2] = [[join_names(*names) for names in zip_longest(texts[0], texts[1], fillvalue="")]]
    return tuple(f"| {' | '.join(row)} |" for row in texts), has_header


def _expand(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Returns the texts of each row up to its last cell, without the columns in which no cell begins."""
    spare = _FREE_CHARS + 4 * sum(len(cell.text) for row in rows for cell in row)
    pending: dict[int, tuple[int, str]] = {}  # by column: for how many more rows, and the text
    lines: list[dict[int, str]] = []
    starts: set[int] = set()
    for row in rows:
        line = {column: text for column, (_, text) in pending.items()} if spare > 0 else {}
        pending = {column: (n - 1, text) for column, (n, text) in pending.items() if n > 1 and spare > 0}
        spare -= sum(len(text) + 1 for text in line.values())
        column = 0
        for cell in row:
            while column in line:
                column += 1
            starts.add(column)
            is_alone = len(row) == 1 and not line  # a title across the table is not repeated
            end = column + max(1, min(cell.n_columns, MAX_COLUMNS - column))
            for at in range(column, end):
                if at in line or (at > column and spare <= 0):
                    break
                text = "" if is_alone and at > column else cell.text
                line[at] = text
                spare -= len(text) + 1 if at > column else 0
                if cell.n_rows > 1 and at < MAX_COLUMNS:
                    pending[at] = (min(cell.n_rows, MAX_ROWS) - 1, text)
        lines.append(line)
    columns = sorted(starts)
    return [[line.get(at, "") for at in takewhile(max(line, default=-1).__ge__, columns)] for line in lines]
