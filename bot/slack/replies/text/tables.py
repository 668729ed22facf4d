"""Makes the tables of an answer fit into Slack, while they stream: what is too long is cut, and kept for a file.

Promises of what :class:`TableFitter` returns: no table has more rows, columns or characters than Slack shows, and
no cell is empty, for which Slack refuses the whole message; it does not depend on the pieces in which the text
came. The whole of a table that was cut is a :class:`LongTable`. Expects text that is safe to show.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.rules_block.table import escapedSplit

from agent.translation.speech import name_all, say
from bot.slack.replies.text import markdown

MAX_ROWS = 100  # Slack's, with the head
MAX_COLUMNS = 20
MAX_CHARS = 9_000  # of one table as Markdown: Slack shows 10,000 characters in all tables of a message
FIRST_ROWS = 20  # shown of a table that is too long
EMPTY = "–"
LINE_END = "\n"
_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d.,\s]+%?")


@dataclass(frozen=True)
class LongTable:
    """A table of which only a part is shown: all its cells as plain text, the head first."""

    rows: Sequence[Sequence[str]]

    def to_csv(self) -> str:
        """Returns the table as CSV. A cell that a spreadsheet would run as a formula begins with an apostrophe.

        >>> LongTable([["a", "b"], ["=1+1", "-5"]]).to_csv()
        "a,b\\r\\n'=1+1,-5\\r\\n"
        """
        text = io.StringIO()
        csv.writer(text).writerows([_defuse(cell) for cell in row] for row in self.rows)
        return text.getvalue()


@dataclass
class _OpenTable:
    """A table whose end has not come: its rows as read, and those that wait to be shown."""

    n_columns: int
    indent: str = ""
    rows: list[list[str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    n_chars: int = 0

    @property
    def is_cut(self) -> bool:
        """Returns whether there is more of it than Slack shows."""
        return len(self.rows) > MAX_ROWS or self.n_columns > MAX_COLUMNS or self.n_chars > MAX_CHARS

    def add(self, cells: Sequence[str], line_end: str) -> str:
        """Adds a row; returns it if it is among the first ones, as it is shown."""
        row = [*cells[: self.n_columns], *[""] * (self.n_columns - len(cells))]
        self.rows.append(row)
        line = self.indent + _write(row) + line_end
        is_first = len(self.rows) <= FIRST_ROWS + 1 and self.n_chars + len(line) <= MAX_CHARS // 2
        self.n_chars += len(line)
        if is_first and not self.waiting:
            return line
        self.waiting.append(line)
        return ""

    def close(self) -> str:
        """Returns what is still to be shown of it, at its end."""
        if not self.is_cut:
            return "".join(self.waiting)
        n_rows, n_shown = len(self.rows) - 1, len(self.rows) - len(self.waiting) - 1
        parts = [say("{n} of {n_all} rows", n=n_shown, n_all=n_rows)] if self.waiting else []
        if self.n_columns > MAX_COLUMNS:
            parts.append(say("{n} of {n_all} columns", n=MAX_COLUMNS, n_all=self.n_columns))
        shown = say("{parts} are shown.", parts=name_all(parts))
        return f"\n_{shown}_\n"


class TableFitter:
    """Fits the tables of one text as it arrives."""

    def __init__(self) -> None:
        self.long_tables: list[LongTable] = []
        self._rest = ""  # of the last line, if it may belong to a table
        self._is_inside = False  # of a line that was shown in part
        self._head: str | None = None  # a line that is the head of a table if a delimiter follows
        self._table: _OpenTable | None = None
        self._fence = ""

    def feed(self, piece: str) -> str:
        """Adds a piece and returns the text that can be shown now."""
        *lines, rest = (self._rest + piece).splitlines(keepends=True) or [""]
        if rest.endswith("\n"):
            lines, rest = [*lines, rest], ""
        shown = "".join(map(self._take, lines))
        self._rest = rest
        return shown + self._show_rest()

    def flush(self) -> str:
        """Returns what is left, at the end of the text."""
        rest, self._rest = self._rest, ""
        shown = self._take(rest) if rest else ""
        head, self._head = self._head or "", None
        return shown + head + self._close()

    def _show_rest(self) -> str:
        """Returns the rest of the last line, unless it is or may become a part of a table or a fence."""
        is_open = self._table is not None or self._head is not None
        if is_open or (not self._is_inside and (not self._rest.strip() or self._rest.lstrip()[0] in "|`~")):
            return ""
        rest, self._rest = self._rest, ""
        self._is_inside |= bool(rest)
        return rest

    def _take(self, line: str) -> str:
        """Takes a whole line, or the end of one."""
        is_end, self._is_inside = self._is_inside, False
        if is_end:
            return line
        if fence := _FENCE.match(line):
            return self._leave() + self._pass_fence(fence[1], line)
        if self._fence:
            return line
        if self._table:
            return self._add(line)
        if self._head is not None:
            head, self._head = self._head, None
            n_columns = len(_split(head))
            if _DELIMITER.fullmatch(line.rstrip("\n")) and len(_split(line)) == n_columns:
                return self._open(head, line)
            return head + self._take(line)
        if line.lstrip().startswith("|"):
            self._head = line
            return ""
        return line

    def _open(self, head: str, delimiter: str) -> str:
        indent = head[: len(head) - len(head.lstrip())]
        self._table = _OpenTable(len(_split(head)), indent)
        marks = "|".join(_split(delimiter)[:MAX_COLUMNS])
        return f"{self._table.add(_split(head), LINE_END)}{indent}|{marks}|\n"

    def _add(self, line: str) -> str:
        assert self._table
        if "|" in line:
            return self._table.add(_split(line), LINE_END if line.endswith(LINE_END) else "")
        parting = "" if not line.strip() else "\n"  # else the line would be a row of the table
        return self._close() + parting + self._take(line)

    def _leave(self) -> str:
        head, self._head = self._head or "", None
        return head + self._close()

    def _close(self) -> str:
        table, self._table = self._table, None
        if table is None:
            return ""
        if table.is_cut:
            self.long_tables.append(LongTable([[_to_plain(cell) for cell in row] for row in table.rows]))
        return table.close()

    def _pass_fence(self, marks: str, line: str) -> str:
        if not self._fence:
            self._fence = marks
        elif marks.startswith(self._fence) and not line.strip().strip(marks[0]):
            self._fence = ""
        return line


def _split(line: str) -> list[str]:
    """Returns the cells of a row, as GitHub's Markdown parts them: a bar after a backslash is text."""
    cells = escapedSplit(line.strip())
    if cells and not cells[0].strip():
        cells = cells[1:]
    if cells and not cells[-1].strip():
        cells = cells[:-1]
    return [cell.strip() for cell in cells]


def _write(row: Sequence[str]) -> str:
    cells = [cell.replace("|", "\\|") or EMPTY for cell in row[:MAX_COLUMNS]]
    return f"| {' | '.join(cells)} |"


def _to_plain(cell: str) -> str:
    plain = markdown.to_plain_text(cell)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _defuse(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
