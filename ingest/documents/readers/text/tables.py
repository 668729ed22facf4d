"""Rows of cells, from a sheet or a file of values, to blocks.

Promises that a row keeps its header: where the header is too long to be repeated in each chunk, every row becomes
an item that names its values. Empty rows separate tables; empty columns are dropped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ingest.documents.blocks import Block, BlockKind, Gap

MAX_ROWS = 20_000  # of one document; more is a database, and unlikely to answer a question
_MAX_HEADER_CHARS = 300  # of the 880 that a chunk has by default
_VALUE = re.compile(r"(?=\W*+\d)[\W\d]*+\w{0,3}")  # possessive: takes time in proportion to the cell
_YEAR = re.compile(r"(?:19|20)\d\d")
Row = Sequence[str]


class Rows:
    """The rows of one document: counts them, and stops at ``MAX_ROWS``."""

    def __init__(self) -> None:
        self._n = 0

    @property
    def gap(self) -> Gap | None:
        """What was left out, if anything."""
        if self._n <= MAX_ROWS:
            return None
        return Gap(f"only its first {MAX_ROWS:,} rows are searchable", "split it into smaller files")

    def blocks(self, rows: Iterable[Row]) -> Iterator[Block]:
        """Yields the tables in these rows."""
        for is_filled, part in groupby(self._count(rows), key=any):
            if is_filled:
                yield from _table([*part])

    def _count(self, rows: Iterable[Row]) -> Iterator[list[str]]:
        """Yields cleaned rows up to the limit; empty ones are not counted."""
        for row in rows:
            clean = [" ".join(cell.split()).replace("|", "/") for cell in row]
            self._n += any(clean)
            if self._n > MAX_ROWS:
                return
            yield clean


def _table(rows: list[list[str]]) -> Iterator[Block]:
    while rows and sum(map(bool, rows[0])) == 1 and any(sum(map(bool, row)) > 1 for row in rows):
        yield Block(BlockKind.PARAGRAPH, "".join(rows.pop(0)))  # a title above the table
    width = max(map(len, rows))
    columns = [at for at in range(width) if any(at < len(row) and row[at] for row in rows)]
    rows = [[row[at] if at < len(row) else "" for at in columns] for row in rows]
    if len(columns) == 1:
        for row in rows:
            yield Block(BlockKind.ITEM, f"- {row[0]}") if len(rows) > 1 else Block(BlockKind.PARAGRAPH, row[0])
        return
    has_header = _has_header(rows)
    if has_header and sum(map(len, rows[0])) + 3 * len(columns) > _MAX_HEADER_CHARS:
        for row in rows[1:]:
            values = (f"{name}: {cell}" if name else cell for name, cell in zip(rows[0], row, strict=True) if cell)
            yield Block(BlockKind.ITEM, f"- {'; '.join(values)}")
        return
    yield Block(BlockKind.TABLE, lines=tuple(f"| {' | '.join(row)} |" for row in rows), has_header=has_header)


def _has_header(rows: Sequence[Row]) -> bool:
    """Returns whether the first row names the columns: most cells are filled, and none is a value except a
    year."""
    names = [cell for cell in rows[0] if cell]
    is_named = len(rows) > 1 and len(names) > 1 and len(names) >= 0.7 * len(rows[0])
    return is_named and not any(map(_names_no_column, names)) and not all(map(_YEAR.fullmatch, names))


def is_value(cell: str) -> bool:
    """Returns whether a cell holds a number, an amount or a date rather than a name."""
    return _VALUE.fullmatch(cell) is not None


def _names_no_column(cell: str) -> bool:
    return cell.endswith(":") or (is_value(cell) and not _YEAR.fullmatch(cell))
