"""How long, as people write it in a file or on a command line: 90s, 15m, 6h, 7d, never."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

NEVER = timedelta(0)
DEFAULT_EVERY = timedelta(hours=1)
_SHAPE = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(value: object) -> timedelta:
    """Raises ``ValueError``, also for a bare number, whose unit nobody knows."""
    if isinstance(value, timedelta):
        return value
    given = value.strip().lower() if isinstance(value, str) else ""
    if given == "never":
        return NEVER
    if found := _SHAPE.fullmatch(given):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise ValueError("write it as 90s, 15m, 6h, 7d, or never")


def written(value: timedelta) -> str:
    """As :func:`duration` reads it."""
    return f"{value.total_seconds():.0f}s" if value else "never"


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(written, when_used="json")]
