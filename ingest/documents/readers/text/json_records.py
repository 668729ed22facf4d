"""JSON to blocks: records of one kind are a table, named parts sections, all else lines ``name: value``."""

import json
from collections.abc import Iterator
from typing import Any

from ingest.documents.blocks import Block, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.text.encoding import decode
from ingest.documents.readers.text.tables import Row, Rows

_MAX_RANK = 6


def read(content: bytes, *, max_chars: int) -> Document:
    """Raises :class:`FetchProblem` for what is no JSON, :class:`RecursionError` for what is nested too deeply."""
    value = parse(decode(content))
    title = value.get("title") if isinstance(value, dict) else None
    rows = Rows()
    return Document(title if isinstance(title, str) else "", tuple(blocks(value, rows)), gap=rows.gap)


def parse(text: str) -> Any:
    """The value, also of JSON Lines."""
    try:
        return json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            advice = "correct it, or save it as text"
            raise FetchProblem(f"is no valid JSON (line {getattr(error, 'lineno', 1)})", advice) from None


def blocks(value: Any, rows: Rows | None = None, *, rank: int = 2) -> Iterator[Block]:
    """Of any value; a part's name is a heading of the rank."""
    rows = rows or Rows()
    if isinstance(value, dict):
        yield from _named(value, rows, rank)
    elif isinstance(value, list) and _are_records(value):
        yield from rows.blocks(_table(value))
    elif isinstance(value, list):
        for one in value:
            if _is_plain(one):
                yield Block("item", f"- {_shown(one)}")
            else:
                yield from blocks(one, rows, rank=rank)
    elif _shown(value):
        yield Block("paragraph", _shown(value))


def _named(value: dict[str, Any], rows: Rows, rank: int) -> Iterator[Block]:
    """What is plain first: else it would stand in the section of what is not."""
    for name, one in value.items():
        if _is_plain(one) and _shown(one):
            yield Block("paragraph", f"{name}: {_shown(one)}")
    for name, one in value.items():
        if not _is_plain(one):
            found = [*blocks(one, rows, rank=min(rank + 1, _MAX_RANK))]
            if found:
                yield Block("heading", name, level=rank)
                yield from found


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _are_records(values: list[Any]) -> bool:
    return len(values) > 1 and all(isinstance(one, dict) and all(map(_is_plain, one.values())) for one in values)


def _table(records: list[dict[str, Any]]) -> Iterator[Row]:
    names = list(dict.fromkeys(name for record in records for name in record))
    yield names
    for record in records:
        yield [_shown(record.get(name)) for name in names]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value).strip()
