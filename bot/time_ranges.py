"""Parses what a command line says of time: how long (``7d``), or since when (``7d``, ``2026-05-31``)."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.errors import UserError
from ingest import durations

MAX_DAYS = 365 * 1_900  # so that the moment so long ago is after the year 1


def parse_length(text: str) -> timedelta:
    """Parses ``15m``, ``12h``, ``90d`` or ``2w``; raises :class:`UserError` for anything else."""
    try:
        return _bounded(text)
    except ValueError:
        raise UserError(f"'{text}' is not a length of time. Give one such as 90d, 2w or 12h.") from None


def parse_moment(text: str, *, zone: ZoneInfo, now: datetime) -> datetime:
    """Parses "so long ago", or a day, which means its beginning in ``zone``; raises :class:`UserError`."""
    try:
        return now - _bounded(text)
    except ValueError:
        pass
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(), zone)
    except ValueError:
        raise UserError(
            f"'{text}' is neither a date nor a length of time. Give one such as 2026-05-31 or 7d."
        ) from None


def _bounded(text: str) -> timedelta:
    value = durations.length(text)
    if value.days > MAX_DAYS:
        raise ValueError("it is too long")
    return value
