"""Reads JSON that somebody else wrote, where anything may be missing, null or of another type."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.hidden_characters import strip_invisible

JsonMap = Mapping[str, Any]
MAX_CHARS = 100_000  # of one string; Slack's messages have 40,000 at most


def list_objects(value: object) -> Iterator[JsonMap]:
    """Yields the objects of a list; none where it is no list."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list | tuple) else ()


def to_object(value: object) -> JsonMap:
    """Returns an object; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def to_string(value: object) -> str:
    """Returns a string without characters that nobody sees, NUL among them, which Postgres refuses; an empty one
    where it is something else."""
    return strip_invisible(value[:MAX_CHARS]) if isinstance(value, str) else ""
