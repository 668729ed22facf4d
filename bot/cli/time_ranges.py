"""Parses lengths of time (``7d``) and points in time (``7d`` ago, ``2026-05-31``) from a command line."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.errors import UserError
from ingest import durations

MAX_DAYS = 365 * 1_900  # so that the moment so long ago is after the year 1


def parse_length(text: str) -> timedelta:
    """Parses ``15m``, ``12h``, ``90d`` or ``2w``; raises :class:`UserError` for anything else."""
    try:
        return _parse_bounded(text)
    except ValueError:
        raise UserError(f"'{text}' is not a length of time. Write one such as 90d, 2w or 12h.") from None


def parse_moment(text: str, *, zone: ZoneInfo, now: datetime) -> datetime:
    """Parses an age (``7d``: that long before ``now``) or a date (``2026-05-31``: that day's start in ``zone``).

    Raises :class:`UserError` for anything else.
    """
    try:
        return now - _parse_bounded(text)
    except ValueError:
        pass
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(), zone)
    except ValueError:
        raise UserError(
            f"'{text}' is neither a date nor a length of time. Write one such as 2026-05-31 or 7d."
        ) from None


def _parse_bounded(text: str) -> timedelta:
    value = durations.length(text)
    if value.days > MAX_DAYS:
        raise ValueError("it is too long")
    return value
