"""Reads JSON that somebody else wrote, where anything may be missing, null or of another type."""

from collections.abc import Iterator, Mapping
from typing import Any

JsonMap = Mapping[str, Any]


def list_objects(value: object) -> Iterator[JsonMap]:
    """Yields the objects of a list; none where it is no list."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list | tuple) else ()


def to_object(value: object) -> JsonMap:
    """Returns an object; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def to_string(value: object) -> str:
    """Returns a string; an empty one where it is something else."""
    return value if isinstance(value, str) else ""
