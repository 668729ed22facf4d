"""Lines of text that were recognised in a picture to headings, paragraphs and list items, in reading order.

Columns are told apart where both are of prose; the cells of a table stay beside each other in one line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.documents.blocks import Block, BlockKind

_MIN_OVERLAP = 0.5  # of the lower of two boxes in one line
_MAX_SHARED = 0.2  # of the narrower of two boxes in one line; more, and one is above the other
_MIN_COLUMN_LINES = 4
_MIN_COLUMN_WIDTH = 0.25  # of what is written on: narrower boxes are a table's cells
_HEADING_HEIGHT = 1.35  # of the median; a taller line is a heading
_MAX_HEADING_CHARS = 120
_CAPITALS = re.compile(r"[A-ZÀ-Þ][A-ZÀ-Þ &/,.’'-]{4,60}")  # a line in capitals alone is a heading, too
_PARAGRAPH_PITCH = 1.5  # of the median distance between two lines
_ITEM = re.compile(r"(?:[•·▪●○*–-]\s*|\d{1,2}[.)]\s|[a-z]\)\s)(?=\S)")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]")  # of scripts without spaces


@dataclass(frozen=True)
class RecognizedLine:
    """A piece of text and the box around it, in pixels from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Returns the height of the box."""
        return self.bottom - self.top


def make_blocks(lines: Sequence[RecognizedLine], *, page: int) -> list[Block]:
    """Returns the blocks of a page.

    >>> lines = [RecognizedLine("opens at six.", 60, 40, 300, 60), RecognizedLine("The gate", 60, 20, 200, 40)]
    >>> [block.text for block in make_blocks(lines, page=1)]
    ['The gate opens at six.']
    """
    if not lines:
        return []
    height = median(line.height for line in lines)
    return [
        block
        for column in _split_columns(lines)
        for block in _make_column_blocks(_join_rows(column), height=height, page=page)
    ]


def _split_columns(lines: Sequence[RecognizedLine]) -> list[Sequence[RecognizedLine]]:
    """Splits a page at a gutter with prose on both sides; the lines above, which cross it, come first."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    width = right - left
    for line in sorted(lines, key=lambda line: line.left):
        at = line.left
        if not left + 0.3 * width < at < left + 0.7 * width:
            continue
        across = [other for other in lines if other.left < at < other.right]
        below = max((other.bottom for other in across), default=0.0)
        is_head = all(other.top >= below for other in lines if other not in across) if across else True
        sides = [
            [o for o in lines if o not in across and (o.left >= at) is is_right] for is_right in (False, True)
        ]
        is_prose = all(
            len(side) >= _MIN_COLUMN_LINES and median(o.right - o.left for o in side) >= _MIN_COLUMN_WIDTH * width
            for side in sides
        )
        if is_head and is_prose:
            return [across, *sides] if across else [*sides]
    return [lines]


def _join_rows(lines: Sequence[RecognizedLine]) -> list[RecognizedLine]:
    """Joins the boxes that stand beside each other, from the top to the bottom."""
    rows: list[list[RecognizedLine]] = []
    for line in sorted(lines, key=lambda line: (line.top + line.bottom, line.left)):
        if rows and all(_is_beside(other, line) for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_join_row(sorted(row, key=lambda line: line.left)) for row in rows]


def _is_beside(line: RecognizedLine, other: RecognizedLine) -> bool:
    overlap = min(line.bottom, other.bottom) - max(line.top, other.top)
    shared = min(line.right, other.right) - max(line.left, other.left)
    narrower = min(line.right - line.left, other.right - other.left)
    return overlap >= _MIN_OVERLAP * min(line.height, other.height) and shared <= _MAX_SHARED * narrower


def _join_row(row: Sequence[RecognizedLine]) -> RecognizedLine:
    return RecognizedLine(
        " ".join(line.text for line in row),
        row[0].left,
        median(line.top for line in row),
        max(line.right for line in row),
        median(line.bottom for line in row),
    )


def _make_column_blocks(rows: Sequence[RecognizedLine], *, height: float, page: int) -> Iterator[Block]:
    pitches = [below.top - above.top for above, below in pairwise(rows)]
    most = _PARAGRAPH_PITCH * median(pitches) if pitches else 0.0
    text, kind, last = "", BlockKind.PARAGRAPH, None
    for row in rows:
        is_tall = row.height >= _HEADING_HEIGHT * height and len(row.text) <= _MAX_HEADING_CHARS
        is_heading = is_tall or bool(_CAPITALS.fullmatch(row.text))
        item = _ITEM.match(row.text)
        is_new = is_heading or item or kind == BlockKind.HEADING or last is None or row.top - last.top > most
        if is_new and text:
            yield Block(kind, text, level=2 if kind == BlockKind.HEADING else 0, page=page)
        if is_new:
            kind = BlockKind.HEADING if is_heading else BlockKind.ITEM if item else BlockKind.PARAGRAPH
            text = row.text
        else:
            text = _join_lines(text, row.text)
        last = row
    if text:
        yield Block(kind, text, level=2 if kind == BlockKind.HEADING else 0, page=page)


def _join_lines(text: str, line: str) -> str:
    if text.endswith("-") and text[-2:-1].isalpha() and line[:1].islower():
        return text[:-1] + line
    is_unspaced = _WIDE.match(text[-1:]) and _WIDE.match(line[:1])
    return f"{text}{line}" if is_unspaced else f"{text} {line}"
