"""Lines of text on pages to headings, paragraphs, lists and tables.

A PDF only says where characters are. Larger or bold lines are headings; runs aligned below each other are a table;
a line further below the previous one than usual begins a paragraph. Promises every line once, in reading order;
everything else is a guess, so that an unusual table may come out as lines.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from agent.hidden_characters import strip_invisible
from ingest.documents.blocks import Block, BlockKind
from ingest.documents.readers.pdf import grid
from ingest.documents.readers.pdf.lines import SOFT_HYPHEN, TextLine, TextRun, order_lines

MAX_HEADING_LEVEL = 4
_LARGER = 1.12  # times the body's size: a heading
_MAX_HEADING_CHARS = 150
_MAX_HEADING_LINES = 3
_MOSTLY_BOLD = 0.4  # of a document's characters: then bold lines are not headings
_BULLETS = "•◦▪▫▸►‣●○■□·∙⁃–*\uf0b7\uf0a7-"
_MARKER = rf"[{re.escape(_BULLETS)}]|\(?\d{{1,3}}[.)]|\(?[A-Za-z][.)]"
_ITEM = re.compile(rf"({_MARKER})\s+(\S.*)", re.DOTALL)
_NUMBER_OR_BULLET = re.compile(rf"{_MARKER}|\d+(?:\.\d+)+\.?|\d{{1,2}}")
_LEADERS = re.compile(r"(?:\s?[.·…_]){5,}")
_CUT = re.compile(r"\w-")
_HYPHENATED = re.compile(rf"\b(\w+){SOFT_HYPHEN}(\w+)")


def blocks(pages: Sequence[Sequence[TextRun]]) -> list[Block]:
    """Returns the blocks of a document, each with its page, from the runs on its pages."""
    lines = [_attach_marker(line) for line in order_lines(pages)]
    if not lines:
        return []
    return list(_clean(_Layout(lines).blocks(), _Vocabulary(lines)))


def _attach_marker(line: TextLine) -> TextLine:
    """Joins a bullet or a number to the text after it, however far away."""
    if len(line.cells) < 2 or not _NUMBER_OR_BULLET.fullmatch(line.cells[0].text):
        return line
    mark, text, *others = line.cells
    is_bullet = mark.text in _BULLETS
    if not is_bullet and (others or text.x0 - mark.x1 > 3 * text.size):
        return line
    marked = replace(text, text=f"{mark.text} {text.text}", x0=mark.x0)
    return replace(line, cells=(marked, *others))


class _Layout:
    """The layout of one document by its usual text size, line distance and line ends."""

    def __init__(self, lines: list[TextLine]) -> None:
        self._lines = lines
        sizes: Counter[float] = Counter()
        for line in lines:
            sizes[_half(line.size)] += len(line.text)
        self._body_size = sizes.most_common(1)[0][0]
        n_bold = sum(len(line.text) for line in lines if line.is_bold)
        self._is_bold_special = n_bold < _MOSTLY_BOLD * sizes.total()
        ratios = sorted(
            (b.base - a.base) / b.size for a, b in pairwise(lines) if a.flow == b.flow and b.base > a.base
        )
        self._leading = min(ratios[len(ratios) // 3], 2.2) if ratios else 1.2
        self._right: dict[int, float] = {}  # of each flow
        self._left: dict[int, float] = {}  # of its items
        for line in lines:
            self._right[line.flow] = max(self._right.get(line.flow, 0.0), line.x1)
            if _ITEM.match(line.text):
                self._left[line.flow] = min(self._left.get(line.flow, line.x0), line.x0)
        self._lead_x0: float | None = None  # of a paragraph that introduces a list
        large = {_half(line.size) for line in lines if self._is_heading(line) and self._is_large(line)}
        self._levels = {size: level for level, size in enumerate(sorted(large, reverse=True), 1)}

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks in reading order."""
        at = 0
        while at < len(self._lines):
            table, n = grid.find_table(self._lines[at : self._table_end(at)])
            if table:
                yield table
            else:
                n = self._count_together(at)
                yield from self._to_block(self._lines[at : at + n])
            at += n

    def _table_end(self, at: int) -> int:
        """Returns where a table that begins here ends at the latest: at the next heading, after 200 lines at
        most."""
        if len(self._lines[at].cells) < 2:
            return at
        ends = range(at + 1, min(at + 200, len(self._lines)))
        return next((end for end in ends if self._is_heading(self._lines[end])), ends.stop)

    def _count_together(self, at: int) -> int:
        n = 1
        while at + n < len(self._lines) and self._continues(at, at + n):
            n += 1
        return n

    def _continues(self, start: int, at: int) -> bool:
        """Returns whether a line belongs to the heading, item or paragraph that began at ``start``."""
        first, above, line = self._lines[start], self._lines[at - 1], self._lines[at]
        is_heading = self._is_heading(first)
        if self._is_heading(line) != is_heading or _ITEM.match(line.text) or len(line.cells) > 1:
            return False
        if abs(line.size - above.size) > 0.12 * above.size:
            return False
        if line.flow != above.flow:
            is_open = above.text[-1:] not in ".!?:;" and line.text[:1].islower()
            return is_open and not is_heading and line.page <= first.page + 1
        if not 0 < line.base - above.base <= 1.25 * self._leading * line.size:
            return False
        if is_heading:
            return line.is_bold == first.is_bold and not _NUMBER_OR_BULLET.match(line.text)
        if _ITEM.match(first.text):
            return line.x0 > first.x0 + line.size / 4 or not self._has_room(above, line)
        is_indented = line.x0 > above.x0 + line.size and at - start > 1
        return not is_indented

    def _to_block(self, lines: Sequence[TextLine]) -> Iterator[Block]:
        text, page = self._join_lines(lines), lines[0].page
        if self._is_heading(lines[0]) and len(lines) <= _MAX_HEADING_LINES:
            levels = self._levels
            level = (
                levels.get(_half(lines[0].size), len(levels) + 1) if self._is_large(lines[0]) else len(levels) + 1
            )
            yield Block(BlockKind.HEADING, text.replace("\n", " "), level=min(level, MAX_HEADING_LEVEL), page=page)
        elif item := _ITEM.fullmatch(text):
            marker = "-" if item[1] in _BULLETS else item[1]
            yield Block(BlockKind.ITEM, f"{marker} {item[2]}", level=self._depth(lines[0]), page=page)
        elif self._lead_x0 is not None and lines[0].x0 > self._lead_x0 + lines[0].size:
            yield from (Block(BlockKind.ITEM, f"- {part}", page=page) for part in text.split("\n"))
            return  # drawn bullets are not text; the next paragraph may be another item
        else:
            yield Block(BlockKind.PARAGRAPH, text, page=page)
        self._lead_x0 = lines[0].x0 if text.endswith(":") else None

    def _join_lines(self, lines: Sequence[TextLine]) -> str:
        """Joins lines; keeps a line break where the next word would have fitted on the line above."""
        parts = [lines[0].text]
        for above, line in pairwise(lines):
            is_cut = above.text.endswith(SOFT_HYPHEN) or _CUT.fullmatch(above.text[-2:])
            parts += ["" if is_cut else "\n" if self._has_room(above, line) else " ", line.text]
        return "".join(parts)

    def _has_room(self, above: TextLine, line: TextLine) -> bool:
        """Returns whether the first word of a line would have fitted on the line above."""
        word = len(line.text.split(" ", 1)[0]) * (line.x1 - line.x0) / max(len(line.text), 1)
        return above.flow == line.flow and above.x1 + word + line.size < self._right[above.flow]

    def _depth(self, line: TextLine) -> int:
        """Returns an item's depth by its distance from the leftmost item; an indent is about two letters wide."""
        return min(int((line.x0 - self._left.get(line.flow, line.x0)) / (1.5 * line.size)), 4)

    def _is_large(self, line: TextLine) -> bool:
        return line.size >= _LARGER * self._body_size

    def _is_heading(self, line: TextLine) -> bool:
        text = line.text
        if len(line.cells) > 1 or len(text) > _MAX_HEADING_CHARS or not any(map(str.isalpha, text)):
            return False
        if self._is_large(line):
            return True
        is_marked = line.is_bold and self._is_bold_special and line.size >= 0.95 * self._body_size
        return is_marked and text[-1:] not in ".,;" and text[0] not in _BULLETS


class _Vocabulary:
    """The document's own words, which show whether a hyphen at a line's end belongs to the word."""

    def __init__(self, lines: Sequence[TextLine]) -> None:
        text = " ".join(line.text for line in lines)
        self._words = set(re.findall(r"\w+(?:-\w+)*", text.lower()))
        self._is_usual = text.count(SOFT_HYPHEN) > len(lines) / 50

    def join(self, text: str) -> str:
        """Joins words that a line end cut in two."""
        return _HYPHENATED.sub(self._join_word, text)

    def _join_word(self, cut: re.Match[str]) -> str:
        joined, hyphened = cut[1] + cut[2], f"{cut[1]}-{cut[2]}"
        if joined.lower() in self._words:
            return joined
        return joined if self._is_usual and hyphened.lower() not in self._words else hyphened


def _clean(blocks: Iterator[Block], words: _Vocabulary) -> Iterator[Block]:
    for block in blocks:
        text = strip_invisible(_LEADERS.sub(" … ", words.join(block.text))).strip()
        lines = tuple(strip_invisible(words.join(line)) for line in block.lines)
        if text or lines:
            yield replace(block, text=text, lines=lines)


def _half(size: float) -> float:
    return round(size * 2) / 2
