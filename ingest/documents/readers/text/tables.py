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
    rows, width = [*rows], max(map(len, rows))
    columns = [at for at in range(width) if any(at < len(row) and row[at] for row in rows)]
    rows = [[row[at] if at < len(row) else "" for at in columns] for row in rows]
    while _is_title(rows):
        yield Block(BlockKind.PARAGRAPH, "".join(rows.pop(0)))
    rows = [list(row) for row in zip(*(column for column in zip(*rows, strict=True) if any(column)), strict=True)]
    if len(rows[0]) == 1:
        for row in rows:
            yield Block(BlockKind.ITEM, f"- {row[0]}") if len(rows) > 1 else Block(BlockKind.PARAGRAPH, row[0])
        return
    names = _join_headers(rows)
    if names:
        yield from _name_values(names, rows[2:])
        return
    has_header = _has_header(rows)
    if has_header and sum(map(len, rows[0])) + 3 * len(rows[0]) > _MAX_HEADER_CHARS:
        yield from _name_values(rows[0], rows[1:])
        return
    yield Block(BlockKind.TABLE, lines=tuple(f"| {' | '.join(row)} |" for row in rows), has_header=has_header)


def _is_title(rows: Sequence[Row]) -> bool:
    """Returns whether the first row is a title above a table."""
    is_alone = sum(map(bool, rows[0])) == 1 and any(sum(map(bool, row)) > 1 for row in rows)
    return is_alone and not _join_headers(rows)


def _name_values(names: Row, rows: Iterable[Row]) -> Iterator[Block]:
    for row in rows:
        values = (f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=True) if cell)
        yield Block(BlockKind.ITEM, f"- {'; '.join(values)}")


def _join_headers(rows: Sequence[Row]) -> list[str] | None:
    """Returns the names of the columns where two rows give them together: ``Fee`` above ``Monthly``, ``Yearly``.

    A name stands above several columns if it is repeated, as a merged cell's is, or followed by empty cells. The
    second row is a header if the first column has its name above, or if what it names are values.
    """
    if len(rows) < 3 or any(cell and _names_no_column(cell) for row in rows[:2] for cell in row):
        return None
    above, below = [*rows[0]], rows[1]
    groups: set[int] = set()
    for at in range(1, len(above)):
        is_open = not above[at] and below[at] and above[at - 1] and below[at - 1]
        above[at] = above[at - 1] if is_open else above[at]
        if above[at] and above[at] == above[at - 1] and below[at] and below[at - 1] not in {"", above[at]}:
            groups |= {at - 1, at}
    if not groups or len({below[at] for at in groups}) < 2:
        return None
    is_named_above = bool(rows[0][0]) and below[0] in {"", rows[0][0]}
    values = [is_value(row[at]) for row in rows[2:] for at in groups if row[at]]
    if not is_named_above and sum(values) <= len(values) / 2:
        return None
    return [
        upper if lower in {"", upper} else f"{upper} {lower}".strip()
        for upper, lower in zip(above, below, strict=True)
    ]


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
