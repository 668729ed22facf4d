"""Reads JSON that somebody else wrote, where anything may be missing, null or of another type."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.hidden_characters import strip_invisible

JsonMap = Mapping[str, Any]
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # of Slack's teams, channels, people and files
TS = re.compile(r"\d{1,12}\.\d{1,6}")
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


def to_id(value: object) -> str:
    """Returns an id of Slack's; an empty string where it is none."""
    return value if isinstance(value, str) and ID.fullmatch(value) else ""


def to_ts(value: object) -> str:
    """Returns a timestamp of Slack's; an empty string where it is none."""
    return value if isinstance(value, str) and TS.fullmatch(value) else ""
