"""How long ago something was, in words: when a document was changed, and when its source was last read.

A document's own date is a day, whatever its clock says: nothing finer is said of it.
"""

from datetime import datetime

from agent.clock import now

OLD_DAYS = 2 * 365  # a document that was not changed for longer may be out of date, which its age then says loudly
_UNITS = (("year", 365), ("month", 30), ("week", 7), ("day", 1))
_FROM = {"year": 2, "month": 2, "week": 2, "day": 1}  # the least of a unit that is said: 13 months are no "1 year"


def describe_days(moment: datetime, at: datetime | None = None) -> str:
    """Returns how many days, weeks, months or years ago a day was.

    >>> from datetime import UTC
    >>> [describe_days(datetime(*day, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    ...  for day in ((2026, 3, 1), (2026, 2, 28), (2026, 2, 1), (2025, 2, 1), (2023, 1, 1))]
    ['today', 'yesterday', '4 weeks ago', '13 months ago', '3 years ago']
    """
    days = ((at or now()) - moment).days
    if days < 1:
        return "today"
    if days == 1:
        return "yesterday"
    unit, length = next((unit, n_days) for unit, n_days in _UNITS if days >= n_days * _FROM[unit])
    return f"{days // length} {unit}s ago"


def describe_moment(moment: datetime, at: datetime | None = None) -> str:
    """Returns how many minutes or hours ago something happened; beyond two days as :func:`describe_days`."""
    minutes = int(((at or now()) - moment).total_seconds() // 60)
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else describe_days(moment, at)


def name_day(moment: datetime, at: datetime | None = None) -> str:
    """Returns a day by its date, with the year unless it is this one.

    >>> name_day(datetime(2026, 5, 3), datetime(2026, 9, 1)), name_day(datetime(2025, 5, 3), datetime(2026, 9, 1))
    ('3 May', '3 May 2025')
    """
    return f"{moment:%-d %B}" if moment.year == (at or now()).year else f"{moment:%-d %B %Y}"


def is_old(moment: datetime, at: datetime | None = None) -> bool:
    """Returns whether a document that was last changed then may be out of date."""
    return ((at or now()) - moment).days >= OLD_DAYS
