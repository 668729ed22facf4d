"""Finds tables among lines: runs aligned below each other become rows of cells."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ingest.documents.blocks import Block, BlockKind
from ingest.documents.readers.pdf.lines import MAX_PITCH, TextLine, TextRun
from ingest.documents.readers.text.tables import is_value

_TEXT_PITCH = 1.35  # in font sizes, between the lines of one cell


def find_table(lines: Sequence[TextLine]) -> tuple[Block | None, int]:
    """Returns the table that these lines begin with and its number of lines; None and 0 without one."""
    block = _extend(lines)
    columns = _columns(block)
    if len(columns) < 2:
        return None, 0
    rows: list[list[str]] = []
    pitches = [after.base - before.base for before, after in pairwise(block)]
    for line, pitch in zip(block, [0.0, *pitches], strict=True):
        row = _row(line, columns)
        is_tight = pitch < max(0.8 * median(pitches), _TEXT_PITCH * line.size)
        is_tightest = is_tight and pitch < 0.8 * max(pitches)
        if rows and is_tight and _continues(rows[-1], row, may_be_full=is_tightest):
            rows[-1] = [" ".join(filter(None, cells)) for cells in zip(rows[-1], row, strict=True)]
        else:
            rows.append(row)
    texts = tuple(f"| {' | '.join(row)} |" for row in rows)
    return Block(BlockKind.TABLE, lines=texts, has_header=has_header(rows), page=lines[0].page), len(block)


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Returns whether the first row names the columns: every cell is filled, and none is a value.

    >>> has_header([["Who", "Days"], ["Interns", "20"]])
    True
    """
    first = rows[0]
    names_all = len(rows) > 1 and len(first) > 1 and all(first)
    return names_all and not any(cell.endswith(":") or is_value(cell) for cell in first)


def _extend(lines: Sequence[TextLine]) -> Sequence[TextLine]:
    """Returns the lines that may form one table: at least two have cells side by side, the last one among them."""
    n, end = 0, 0
    for line in lines:
        if n and not _follows(lines[n - 1], line, lines[:n]):
            break
        n += 1
        if len(line.cells) > 1:
            end = n
    # Lines indented below the last row, or continuing its sentence, belong to it.
    while end and end < n and (lines[end].x0 > lines[0].x0 + lines[0].size or lines[end].text[0].islower()):
        end += 1
    block = lines[:end]
    return block if sum(len(line.cells) > 1 for line in block) >= 2 else ()


def _follows(above: TextLine, line: TextLine, block: Sequence[TextLine]) -> bool:
    is_near = line.flow == above.flow and line.base - above.base <= MAX_PITCH * max(line.size, above.size)
    if not is_near or line.size > 1.3 * above.size:
        return False
    if len(line.cells) > 1:
        return True
    starts = [cell.x0 for other in block if len(other.cells) > 1 for cell in other.cells]
    is_below_a_cell = any(abs(line.x0 - x0) <= line.size / 2 for x0 in starts)
    ends = [x0 for x0 in starts if x0 > line.x0 + line.size]
    return is_below_a_cell and (line.x1 <= min(ends) if ends else line.x0 > min(starts) + line.size)


def _columns(block: Sequence[TextLine]) -> list[tuple[float, float]]:
    """Returns the columns' left and right edges: those of the fullest row, widened by the cells of other rows."""
    if not block:
        return []
    columns = [(cell.x0, cell.x1) for cell in max(block, key=lambda line: len(line.cells)).cells]
    for line in block:
        for cell in line.cells:
            overlaps = [i for i, (x0, x1) in enumerate(columns) if cell.x0 < x1 and cell.x1 > x0]
            if len(overlaps) == 1:
                x0, x1 = columns[overlaps[0]]
                columns[overlaps[0]] = (min(x0, cell.x0), max(x1, cell.x1))
            elif not overlaps:
                columns = sorted([*columns, (cell.x0, cell.x1)])
    return columns


def _row(line: TextLine, columns: Sequence[tuple[float, float]]) -> list[str]:
    row = [""] * len(columns)
    for cell in line.cells:
        at = _column(cell, columns)
        row[at] = f"{row[at]} {cell.text}".strip().replace("|", "/")
    return row


def _column(cell: TextRun, columns: Sequence[tuple[float, float]]) -> int:
    overlaps = [i for i, (x0, x1) in enumerate(columns) if cell.x0 < x1 and cell.x1 > x0]
    return overlaps[0] if overlaps else min(range(len(columns)), key=lambda i: abs(columns[i][0] - cell.x0))


def _continues(above: Sequence[str], row: Sequence[str], *, may_be_full: bool) -> bool:
    """Returns whether a line continues the cells of the row above, which did not fit on one line."""
    if (all(row) and not may_be_full) or not all(upper for upper, cell in zip(above, row, strict=True) if cell):
        return False
    return not row[0] or row[0][0].islower()
