"""Runs of text on pages to lines in reading order.

Two columns of prose are read one after the other. Lines that recur at the edge of pages are dropped, except the
header of a table that continues over pages.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SOFT_HYPHEN = "\u00ad"  # ends a line inside a word
_SAME_LINE = 0.45  # in font sizes between base lines: includes a superscript, but not the next line
_EDGE_LINES = 2  # at the top and the bottom of a page that may be a running head or foot
_COLUMN_FILL = 0.6  # of a column's width in the middle line of prose; cells of tables are narrower
_MIN_COLUMN_LINES = 8
MAX_PITCH = 3.2  # in font sizes, between the base lines of two rows of a table


@dataclass(frozen=True)
class TextRun:
    """A piece of a line, in points from the top left of its page; ``base`` is its base line."""

    text: str
    x0: float
    x1: float
    base: float
    size: float
    is_bold: bool = False


@dataclass(frozen=True)
class TextLine:
    """Runs side by side. Lines of one ``flow`` are below each other, in a column or on a page."""

    cells: tuple[TextRun, ...]
    page: int
    flow: int

    @property
    def text(self) -> str:
        """The text of all cells."""
        return " ".join(cell.text for cell in self.cells)

    @property
    def x0(self) -> float:
        """The left edge."""
        return self.cells[0].x0

    @property
    def x1(self) -> float:
        """The right edge."""
        return max(cell.x1 for cell in self.cells)

    @property
    def base(self) -> float:
        """The base line of the first cell."""
        return self.cells[0].base

    @property
    def size(self) -> float:
        """The largest font size."""
        return max(cell.size for cell in self.cells)

    @property
    def is_bold(self) -> bool:
        """Whether all cells are bold."""
        return all(cell.is_bold for cell in self.cells)


def order_lines(pages: Sequence[Sequence[TextRun]]) -> list[TextLine]:
    """Returns the lines of a document in reading order, without running headers and footers."""
    by_page: list[list[TextLine]] = []
    flow = 0
    for number, runs in enumerate(pages, 1):
        lines: list[TextLine] = []
        for part in _split_flows(runs):
            flow += 1
            lines += [TextLine(_join_cells(row), number, flow) for row in _group_rows(part)]
        by_page.append(lines)
    return _drop_running(by_page)


def _split_flows(runs: Sequence[TextRun]) -> list[list[TextRun]]:
    gutter = _find_gutter(runs)
    if gutter is None:
        return [list(runs)]
    flows: list[list[TextRun]] = [[], [], []]  # across both columns, left, right; and so on
    for run in sorted(runs, key=lambda run: run.base):
        across, left, right = flows[-3:]
        if run.x1 <= gutter:
            left.append(run)
        elif run.x0 >= gutter:
            right.append(run)
        elif left or right:
            flows += [[run], [], []]
        else:
            across.append(run)
    return [flow for flow in flows if flow]


def _find_gutter(runs: Sequence[TextRun]) -> float | None:
    """Returns the x between two columns of prose, None for another page."""
    if len(runs) < 2 * _MIN_COLUMN_LINES:
        return None
    low, high = min(run.x0 for run in runs), max(run.x1 for run in runs)
    for share in (0.5, 0.48, 0.52, 0.46, 0.54, 0.44, 0.56, 0.42, 0.58, 0.4, 0.6):
        x = low + share * (high - low)
        left = [run.x1 - run.x0 for run in runs if run.x1 <= x]
        right = [run.x1 - run.x0 for run in runs if run.x0 >= x]
        n_across = len(runs) - len(left) - len(right)
        if min(len(left), len(right)) < _MIN_COLUMN_LINES or n_across > len(runs) / 5:
            continue
        if median(left) >= _COLUMN_FILL * (x - low) and median(right) >= _COLUMN_FILL * (high - x):
            return x
    return None


def _group_rows(runs: Sequence[TextRun]) -> list[list[TextRun]]:
    rows: list[list[TextRun]] = []
    for run in sorted(runs, key=lambda run: run.base):
        last = rows[-1][0] if rows else None
        if last and run.base - last.base <= min(
            _SAME_LINE * max(run.size, last.size), 0.9 * min(run.size, last.size)
        ):
            rows[-1].append(run)
        else:
            rows.append([run])
    return rows


def _join_cells(row: list[TextRun]) -> tuple[TextRun, ...]:
    """Returns a row's cells, with superscripts and other close neighbours joined."""
    cells: list[TextRun] = []
    for run in sorted(row, key=lambda run: run.x0):
        last = cells[-1] if cells else None
        if last and run.x0 - last.x1 <= max(run.size, last.size):
            space = " " if run.x0 - last.x1 > 0.15 * run.size else ""
            larger = max(last, run, key=lambda run: run.size)
            text, is_bold = f"{last.text}{space}{run.text}", last.is_bold and run.is_bold
            cells[-1] = TextRun(text, last.x0, max(last.x1, run.x1), larger.base, larger.size, is_bold)
        else:
            cells.append(run)
    return tuple(cells)


def _drop_running(pages: list[list[TextLine]]) -> list[TextLine]:
    """Drops lines that recur at the edge of half of the pages, three at least; page numbers in them may differ."""
    n_pages = len(pages)
    edges = [{*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]} for lines in pages]
    n_pages_of = Counter(key for lines in edges for key in {key for line in lines for key in _keys(line, n_pages)})
    remaining: list[TextLine] = []
    for lines, edge in zip(pages, edges, strict=True):
        running = {
            line
            for line in edge
            if _is_number(line) or any(n_pages_of[key] >= max(3, n_pages / 2) for key in _keys(line, n_pages))
        }
        running -= _find_table_headers(lines, running)
        remaining += [line for line in lines if line not in running] if len(running) < len(lines) else lines
    return remaining


def _find_table_headers(lines: Sequence[TextLine], running: set[TextLine]) -> set[TextLine]:
    """Returns the lines that recur because the table below them continues over pages."""
    headers: set[TextLine] = set()
    between: list[TextLine] = []  # possibly further lines of a header's cell
    below: TextLine | None = None
    for line in reversed(lines):
        if line in running and not (below and _is_of_table(line, below)):
            between.append(line)
            continue
        if line in running:
            headers |= {line, *between}
        below, between = line, []
    return headers


def _is_of_table(line: TextLine, below: TextLine) -> bool:
    """Returns whether a line's cells are aligned with those of the line below."""
    if min(len(line.cells), len(below.cells)) < 2 or line.flow != below.flow:
        return False
    is_near = below.base - line.base <= MAX_PITCH * max(line.size, below.size)
    n_aligned = sum(any(cell.x0 < other.x1 and cell.x1 > other.x0 for other in below.cells) for cell in line.cells)
    return is_near and (n_aligned >= 2 or len(line.cells) == len(below.cells) >= 3)


def _is_number(line: TextLine) -> bool:
    return re.fullmatch(rf"(?:page\s)?\W*{line.page}\W*(?:(?:of|/)\s*\d+)?", line.text, re.IGNORECASE) is not None


def _keys(line: TextLine, n_pages: int) -> set[tuple[str, float]]:
    """Returns the line as it is, and with its page's number, or the number of pages, replaced."""
    text = re.sub(
        r"\d+", lambda digits: "#" if _to_int(digits[0]) in {line.page, n_pages} else digits[0], line.text
    )
    return {(line.text, round(line.size)), (text, round(line.size))}


def _to_int(digits: str) -> int:
    """Returns the number, 0 for one too long to be a page's: Python refuses to convert 4,300 digits."""
    return int(digits) if len(digits) < 10 else 0
