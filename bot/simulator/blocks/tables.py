"""Tables as Slack takes them, in `table` blocks and in Markdown.

Owns the limits: 100 rows of 20 cells, none of them empty, and 10,000 characters in all tables of a message. Slack
documents them for the block; that they hold for a table in Markdown, of which Slack makes such a block, is the
stricter reading.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from bot.simulator import limits
from bot.simulator.blocks.elements import Problems, list_items
from bot.simulator.payloads import JsonObject

CELLS = ("raw_text", "raw_number", "rich_text")


def check_table(block: JsonObject, at: str, problems: Problems) -> None:
    """Checks the rows of a table block."""
    rows = list_items(block["rows"], f"{at}/rows", limits.ROWS_PER_TABLE, problems, fewest=1)
    for position, row in enumerate(rows):
        cells = list_items(row, f"{at}/rows/{position}", limits.COLUMNS_PER_TABLE, problems, fewest=1)
        for column, cell in enumerate(cells):
            here = f"{at}/rows/{position}/{column}"
            if not isinstance(cell, dict) or cell.get("type") not in CELLS:
                problems.add("unsupported type", f"{here}/type")
            elif cell["type"] == "raw_text" and not cell.get("text"):
                problems.add("must be more than 0 characters", f"{here}/text")


def check_markdown(text: str, at: str, problems: Problems) -> None:
    """Checks the tables that a Markdown text has."""
    for table in _read_tables(text):
        if len(table) > limits.ROWS_PER_TABLE:
            problems.add(f"no more than {limits.ROWS_PER_TABLE} items allowed", f"{at}/rows")
        for position, row in enumerate(table):
            if len(row) > limits.COLUMNS_PER_TABLE:
                problems.add(f"no more than {limits.COLUMNS_PER_TABLE} items allowed", f"{at}/rows/{position}")
            if not all(row):
                problems.add("must be more than 0 characters", f"{at}/rows/{position}")


def count_characters(blocks: Sequence[JsonObject]) -> int:
    """Returns the length of all cells of all tables of a message."""
    return sum(map(len, _cells(blocks)))


def _cells(blocks: Sequence[JsonObject]) -> Iterator[str]:
    for block in blocks:
        if block["type"] == "markdown":
            yield from (cell for table in _read_tables(block["text"]) for row in table for cell in row)
        elif block["type"] == "table":
            yield from _texts(block["rows"])


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        yield from (text for value in node.values() for text in _texts(value))
    elif isinstance(node, list | tuple):
        yield from (text for item in node for text in _texts(item))


def _read_tables(text: str) -> list[list[list[str]]]:
    if "|" not in text:
        return []
    root = SyntaxTreeNode(_parser().parse(text))
    return [
        [[cell.children[0].content if cell.children else "" for cell in row.children] for row in _rows(table)]
        for table in root.walk()
        if table.type == "table"
    ]


def _rows(table: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    return [row for part in table.children for row in part.children]


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
