"""Parses lengths of time as people write them in a file or on a command line: 90s, 15m, 6h, 7d, 2w, never.

Promises that a number without a unit is refused. Points in time are :mod:`bot.cli.time_ranges`.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

NEVER = timedelta(0)
DEFAULT_EVERY = timedelta(hours=1)
_LENGTH = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def length(text: str) -> timedelta:
    """Parses a length such as ``15m`` or ``2w``; raises ``ValueError`` for anything else, also for "never".

    >>> length("2w")
    datetime.timedelta(days=14)
    """
    match = _LENGTH.fullmatch(text.strip().lower())
    if not match:
        raise ValueError("write it as 90s, 15m, 6h, 7d, or 2w")
    return int(match[1]) * _UNITS[match[2]]


def duration(value: object) -> timedelta:
    """Parses a length of time or ``never``, which is :data:`NEVER`; raises ``ValueError`` for anything else.

    >>> duration("15m")
    datetime.timedelta(seconds=900)
    >>> duration("never") == NEVER
    True
    """
    if isinstance(value, timedelta):
        return value
    text = value if isinstance(value, str) else ""
    if text.strip().lower() == "never":
        return NEVER
    try:
        return length(text)
    except ValueError:
        raise ValueError("write it as 90s, 15m, 6h, 7d, 2w, or never") from None


def to_text(value: timedelta) -> str:
    """Formats a duration in its largest whole unit, so that :func:`duration` parses it back.

    >>> to_text(timedelta(seconds=120))
    '2m'
    """
    if not value:
        return "never"
    unit = next(unit for unit in "wdhms" if not value % _UNITS[unit])
    return f"{value // _UNITS[unit]}{unit}"


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(to_text, when_used="json")]
