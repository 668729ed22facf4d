"""Checks the patterns of options, as in a ``.gitignore``, and the tables that give readers by pattern."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import pathspec
from pydantic import AfterValidator, BeforeValidator

from ingest.access.declaration import ALL
from ingest.access.principals import parse_principal


def as_list(value: object) -> object:
    """Accepts one text in the place of a list."""
    return [value] if isinstance(value, str) else value


def to_pairs(value: object) -> object:
    """Turns readers, by pattern or of all documents, into pairs of a pattern and its readers, where they can be:
    JSON in Postgres does not keep the order of a table.

    >>> to_pairs({"hr/": "group:S1"}), to_pairs("everyone")
    ([['hr/', ['group:S1']]], [['*', ['everyone']]])
    """
    if isinstance(value, dict):
        return [[pattern, as_list(readers)] for pattern, readers in value.items()]
    value = as_list(value)
    return [[ALL, value]] if isinstance(value, list) and not any(map(_is_pair, value)) else value


def _as_table(value: object) -> object:
    """Accepts, in the place of a table, the readers of all documents, and pairs."""
    value = as_list(value)
    if isinstance(value, Mapping):
        items: Iterable[tuple[object, object]] = value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        if not value or not all(map(_is_pair, value)):
            return {ALL: value}
        items = value
    else:
        raise ValueError('write a list such as ["everyone"], or a table of patterns')
    table = dict(items)
    if not table:
        raise ValueError("at least one pattern is needed. Write one, or leave the table out")
    return table


def _is_pair(item: object) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[1], list | tuple)


def _check_pattern(pattern: str) -> str:
    try:
        pathspec.PathSpec.from_lines("gitignore", [pattern])
    except ValueError:
        raise ValueError(
            f"'{pattern}' is not a pattern as in a .gitignore. Write one such as docs/** or *.md"
        ) from None
    return pattern


def _check_deciding_pattern(pattern: str) -> str:
    """Refuses what a ``.gitignore`` reads as a comment, as nothing or as an exception: it would decide nothing."""
    checked = pathspec.PathSpec.from_lines("gitignore", [_check_pattern(pattern)]).patterns
    if len(checked) != 1 or not checked[0].include:
        raise ValueError(
            f"'{pattern}' matches nothing here. Write a pattern such as hr/ or *.pdf, without # or ! before it; "
            "the last one that matches decides"
        )
    return pattern


def _check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_check_pattern, patterns))


def _check_readers(readers: tuple[str, ...]) -> tuple[str, ...]:
    if not readers:
        raise ValueError("at least one reader is needed. Write everyone, or leave the option out")
    return readers


Patterns = Annotated[tuple[str, ...], BeforeValidator(as_list), AfterValidator(_check_patterns)]
_Readers = Annotated[
    tuple[Annotated[str, AfterValidator(parse_principal)], ...],
    BeforeValidator(as_list),
    AfterValidator(_check_readers),
]
ReadersByPattern = Annotated[
    dict[Annotated[str, AfterValidator(_check_deciding_pattern)], _Readers], BeforeValidator(_as_table)
]
