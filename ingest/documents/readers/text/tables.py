"""Rows of cells, from a sheet or a file of values, to blocks.

Promises that a row keeps its header: where the header is too long to be repeated in each chunk, every row becomes
an item that names its values. Empty rows separate tables; empty columns are dropped.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import groupby

from ingest.documents.blocks import Block, BlockKind, Gap

MAX_ROWS = 20_000  # of one document; more is a database, and unlikely to answer a question
_MAX_HEADER_CHARS = 300  # of the 880 that a chunk has by default
_MAX_HEADER_ROWS = 4
_VALUE = re.compile(r"(?=\W*+\d)[\W\d]*+\w{0,3}")  # possessive: takes time in proportion to the cell
_YEAR = re.compile(r"(?:19|20)\d\d")
Row = Sequence[str]
Merged = Sequence[Set[int]]  # by row: the columns that a cell merged across columns covers


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

    def blocks(self, rows: Iterable[Row], *, merged: Mapping[int, Set[int]] | None = None) -> Iterator[Block]:
        """Yields the tables in these rows; ``merged`` has, by row, columns of cells merged across columns."""
        numbered = enumerate(self._count(rows))
        for is_filled, part in groupby(numbered, key=lambda row: any(row[1])):
            if is_filled:
                numbers, filled = zip(*part, strict=True)
                yield from _table([*filled], [(merged or {}).get(number, frozenset()) for number in numbers])

    def _count(self, rows: Iterable[Row]) -> Iterator[list[str]]:
        """Yields cleaned rows up to the limit; empty ones are not counted."""
        for row in rows:
            clean = [" ".join(cell.split()).replace("|", "/") for cell in row]
            self._n += any(clean)
            if self._n > MAX_ROWS:
                return
            yield clean


def _table(rows: list[list[str]], merged: Merged) -> Iterator[Block]:
    rows, merged = _drop_empty_columns(rows, merged)
    n_titles, last = 0, max((at for at, row in enumerate(rows) if sum(map(bool, row)) > 1), default=0)
    while n_titles < last and _is_title(rows[n_titles:], merged[n_titles:]):
        yield Block(BlockKind.PARAGRAPH, "".join(rows[n_titles]))
        n_titles += 1
    rows, merged = _drop_empty_columns(rows[n_titles:], merged[n_titles:])
    if len(rows[0]) == 1:
        for row in rows:
            yield Block(BlockKind.ITEM, f"- {row[0]}") if len(rows) > 1 else Block(BlockKind.PARAGRAPH, row[0])
        return
    if joined := _join_headers(rows, merged):
        yield from _name_values(*joined)
        return
    has_header = _has_header(rows)
    if has_header and sum(map(len, rows[0])) + 3 * len(rows[0]) > _MAX_HEADER_CHARS:
        yield from _name_values(rows[0], rows[1:])
        return
    yield Block(BlockKind.TABLE, lines=tuple(f"| {' | '.join(row)} |" for row in rows), has_header=has_header)


def _drop_empty_columns(rows: list[list[str]], merged: Merged) -> tuple[list[list[str]], Merged]:
    """Returns rows of one width."""
    width = max(map(len, rows))
    columns = [at for at in range(width) if any(at < len(row) and row[at] for row in rows)]
    kept = [[row[at] if at < len(row) else "" for at in columns] for row in rows]
    return kept, [{n for n, at in enumerate(columns) if at in covered} if covered else set() for covered in merged]


def _is_title(rows: list[list[str]], merged: Merged) -> bool:
    """Returns whether the first row is a title above the others, of which one has several cells."""
    return sum(map(bool, rows[0])) == 1 and not _join_headers(rows, merged)


def _name_values(names: Row, rows: Iterable[Row]) -> Iterator[Block]:
    for row in rows:
        values = (f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=True) if cell)
        yield Block(BlockKind.ITEM, f"- {'; '.join(values)}")


def _join_headers(
    rows: list[list[str]], merged: Merged, *, n_joined: int = 1
) -> tuple[list[str], list[list[str]]] | None:
    """Returns names of columns that two or more rows give together, ``Fee`` above ``Monthly``, and the other rows.

    A name stands above several columns if it is repeated, as a merged cell's is, or followed by empty cells. The
    second row is a header if the first column has its name above, if what it names are values, or if the name is
    known to be merged and no other column has two names.
    """
    is_over = len(rows) < 3 or n_joined == _MAX_HEADER_ROWS
    if is_over or any(cell and _names_no_column(cell) for row in rows[:2] for cell in row):
        return None
    above, below = [*rows[0]], rows[1]
    groups: set[int] = set()
    for at in range(1, len(above)):
        is_open = not above[at] and below[at] and above[at - 1] and below[at - 1]
        above[at] = above[at - 1] if is_open else above[at]
        if above[at] and above[at] == above[at - 1] and below[at] and below[at - 1] not in {"", above[at]}:
            groups |= {at - 1, at}
    if not groups:
        return None
    is_named_above = bool(rows[0][0]) and below[0] in {"", rows[0][0]}
    has_two_names = any(above[at] and below[at] not in {"", above[at]} for at in {*range(len(above))} - groups)
    values = [is_value(row[at]) for row in rows[2:] for at in groups if row[at]]
    is_header = is_named_above or (groups <= merged[0] and not has_two_names)
    if not is_header and sum(values) <= len(values) / 2:
        return None
    names = [join_names(upper, lower) for upper, lower in zip(above, below, strict=True)]
    if joined := _join_headers([names, *rows[2:]], merged[1:], n_joined=n_joined + 1):
        return joined
    is_divided = any(
        above[at] == above[at - 1] and below[at] != below[at - 1] for at in groups if at - 1 in groups
    )
    return (names, rows[2:]) if is_divided else None


def join_names(above: str, below: str) -> str:
    """Returns a column's name by those in two rows; a cell merged over rows stands in both."""
    is_repeated = above == below or above.endswith(f" {below}")
    return above if is_repeated else f"{above} {below}".strip()


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
