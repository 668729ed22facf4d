"""JSON to blocks: a list of flat records becomes a table, an object's parts sections, other values lines."""

import json
from collections.abc import Iterator

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.text.encoding import decode
from ingest.documents.readers.text.inline_data import strip_inline_data
from ingest.documents.readers.text.tables import Row, Rows

_MAX_RANK = 6


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a document; raises :class:`FetchProblem` for invalid JSON, :class:`RecursionError` for deep
    nesting."""
    value = parse(decode(content))
    title = value.get("title") if isinstance(value, dict) else None
    rows = Rows()
    return Document(title if isinstance(title, str) else "", tuple(blocks(value, rows)), gap=rows.gap)


def parse(text: str) -> object:
    """Returns the value of JSON, or the list of values of JSON Lines."""
    try:
        return json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            advice = "correct it, or save it as text"
            raise FetchProblem(f"is not valid JSON (line {getattr(error, 'lineno', 1)})", advice) from None


def blocks(value: object, rows: Rows | None = None, *, rank: int = 2) -> Iterator[Block]:
    """Yields the blocks of any value; a part's name becomes a heading of this rank."""
    rows = rows or Rows()
    if isinstance(value, dict):
        yield from _object_blocks(value, rows, rank)
    elif isinstance(value, list) and _are_records(value):
        yield from rows.blocks(_table(value))
    elif isinstance(value, list):
        for item in value:
            if _is_plain(item):
                yield Block(BlockKind.ITEM, f"- {_format(item)}")
            else:
                yield from blocks(item, rows, rank=rank)
    elif _format(value):
        yield Block(BlockKind.PARAGRAPH, _format(value))


def _object_blocks(value: dict[str, object], rows: Rows, rank: int) -> Iterator[Block]:
    """Yields plain values first: otherwise they would belong to the section of a nested value."""
    for name, part in value.items():
        if _is_plain(part) and _format(part):
            yield Block(BlockKind.PARAGRAPH, f"{name}: {_format(part)}")
    for name, part in value.items():
        if not _is_plain(part):
            section = [*blocks(part, rows, rank=min(rank + 1, _MAX_RANK))]
            if section:
                yield Block(BlockKind.HEADING, name, level=rank)
                yield from section


def _is_plain(value: object) -> bool:
    return not isinstance(value, dict | list)


def _are_records(values: list[object]) -> bool:
    return len(values) > 1 and all(
        isinstance(value, dict) and all(map(_is_plain, value.values())) for value in values
    )


def _table(records: list[dict[str, object]]) -> Iterator[Row]:
    names = list(dict.fromkeys(name for record in records for name in record))
    yield names
    for record in records:
        yield [_format(record.get(name)) for name in names]


def _format(value: object) -> str:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else strip_inline_data(str(value)).strip()
