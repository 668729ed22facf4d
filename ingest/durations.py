"""How long, as people write it in a file or on a command line: 90s, 15m, 6h, 7d, never."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

NEVER = timedelta(0)
_SHAPE = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(value: object) -> object:
    """The timedelta, raising ``ValueError``; what is no text is left for pydantic."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "never":
        return NEVER
    if given := _SHAPE.fullmatch(value.strip().lower()):
        return timedelta(**{_UNITS[given[2]]: int(given[1])})
    raise ValueError("write it as 90s, 15m, 6h, 7d, or never")


Duration = Annotated[timedelta, BeforeValidator(duration)]
