"""Runs of text on pages to lines in reading order.

Two columns of prose are read one after the other. Lines that recur at the edge of pages are dropped, except the
header of a table that continues over pages.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

SOFT_HYPHEN = "\u00ad"  # ends a line inside a word
_SAME_LINE = 0.45  # in font sizes between base lines: includes a superscript, but not the next line
_EDGE_LINES = 2  # at the top and the bottom of a page that may be a running head or foot
_COLUMN_FILL = 0.6  # of a column's width in the middle line of prose; cells of tables are narrower
_MIN_COLUMN_LINES = 8  # of any text
_MIN_PROSE_LINES = 3
_MIN_WORDS = 4  # in a line of prose
_EVEN = 1.3  # times the least distance of two lines of prose
_SENTENCE_ENDS = ".!?:;"
_LEVEL, _CELLS_OPEN = 0.8, 0.2  # of the lines of two columns: on one base line, and going on, in a table
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
    gutters = [_find_gutter(runs) for runs in pages]
    usual = Counter(gutter for gutter in gutters if gutter is not None).most_common(1)
    for number, (runs, gutter) in enumerate(zip(pages, gutters, strict=True), 1):
        lines: list[TextLine] = []
        is_usual = gutter is None and usual and _are_columns(runs, usual[0][0], is_usual=True)
        for part in _split_flows(runs, usual[0][0] if is_usual else gutter):
            flow += 1
            lines += [TextLine(_join_cells(row), number, flow) for row in _group_rows(part)]
        by_page.append(lines)
    return _drop_running(by_page)


def _split_flows(runs: Sequence[TextRun], gutter: float | None) -> list[list[TextRun]]:
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
    if len(runs) < 2 * _MIN_PROSE_LINES:
        return None
    low, high = min(run.x0 for run in runs), max(run.x1 for run in runs)
    shares = (0.5, 0.48, 0.52, 0.46, 0.54, 0.44, 0.56, 0.42, 0.58, 0.4, 0.6)
    return next((x for x in (low + share * (high - low) for share in shares) if _are_columns(runs, x)), None)


def _are_columns(runs: Sequence[TextRun], x: float, *, is_usual: bool = False) -> bool:
    """Returns whether there is prose on both sides of an x: many long lines, or some that continue sentences.

    Where other pages of the document have columns (``is_usual``), one line on either side is enough.
    """
    left, right = [run for run in runs if run.x1 <= x], [run for run in runs if run.x0 >= x]
    n_least = 1 if is_usual else _MIN_PROSE_LINES
    if min(len(left), len(right)) < n_least or len(runs) - len(left) - len(right) > len(runs) / 5:
        return False
    low, high = min(run.x0 for run in runs), max(run.x1 for run in runs)
    is_filled = median(_widths(left)) >= _COLUMN_FILL * (x - low) and median(_widths(right)) >= _COLUMN_FILL * (
        high - x
    )
    if not is_filled:
        return False
    if min(len(left), len(right)) >= _MIN_COLUMN_LINES:
        return not _are_cells(left, right)
    return all(map(_is_prose, (left, right)))


def _widths(runs: Sequence[TextRun]) -> list[float]:
    return [run.x1 - run.x0 for run in runs]


def _is_prose(column: Sequence[TextRun]) -> bool:
    """Returns whether lines at one distance go on with each other's sentences, as the cells of a table do not."""
    lines = sorted(column, key=lambda run: run.base)
    pitches = [below.base - above.base for above, below in pairwise(lines)]
    if pitches and max(pitches) > _EVEN * min(pitches):
        return False
    n_open = _count_open(lines)
    return n_open >= len(pitches) / 2 and median(len(run.text.split()) for run in lines) >= _MIN_WORDS


def _are_cells(left: Sequence[TextRun], right: Sequence[TextRun]) -> bool:
    """Returns whether lines side by side are rows of a table: on one base line, and each a text of its own."""
    bases = [run.base for run in right]
    n_level = sum(any(abs(run.base - base) < run.size / 5 for base in bases) for run in left)
    is_level = n_level >= _LEVEL * max(len(left), len(right))
    columns = [sorted(column, key=lambda run: run.base) for column in (left, right)]
    return is_level and all(_count_open(column) <= len(column) * _CELLS_OPEN for column in columns)


def _count_open(lines: Sequence[TextRun]) -> int:
    """Counts the lines whose sentence goes on in the next one."""
    return sum(a.text[-1] not in _SENTENCE_ENDS and not b.text[0].isupper() for a, b in pairwise(lines))


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
