"""Stretches of time as people give them to a command: ``7d``, ``2026-05-31``."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.errors import UserError

_LENGTH = re.compile(r"(\d{1,5})\s*([hdw])")  # at most 1,900 years
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def length(given: str) -> timedelta:
    """``12h``, ``90d`` or ``2w``."""
    found = _LENGTH.fullmatch(given.strip().lower())
    if not found:
        raise UserError(f"'{given}' is not a length of time. Give one such as 90d, 2w or 12h.")
    return int(found[1]) * _UNITS[found[2]]


def moment(given: str, *, zone: ZoneInfo, now: datetime) -> datetime:
    """So long ago, or the beginning of a day in ``zone``."""
    if _LENGTH.fullmatch(given.strip().lower()):
        return now - length(given)
    try:
        return datetime.combine(date.fromisoformat(given.strip()), time(), zone)
    except ValueError:
        raise UserError(
            f"'{given}' is neither a date nor a length of time. Give one such as 2026-05-31 or 7d."
        ) from None
