"""How long ago something was, in words: when a document was changed, and when its source was last read.

A document's own date is a day, whatever its clock says: nothing finer is said of it.
"""

from datetime import datetime, timedelta

from agent.clock import now
from agent.translation import dates
from agent.translation.speech import say

OLD_DAYS = 2 * 365  # a document that was not changed for longer may be out of date, which its age then says loudly
_UNITS_DAYS = (365, 30, 7, 1)  # a year, a month, a week, a day
_LEAST = 2  # of a unit that is said: 13 months are no "1 year"


def describe_days(moment: datetime, at: datetime | None = None) -> str:
    """Returns how many days, weeks, months or years ago a day was.

    >>> from datetime import UTC
    >>> [describe_days(datetime(*day, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    ...  for day in ((2026, 3, 1), (2026, 2, 28), (2026, 2, 1), (2025, 2, 1), (2023, 1, 1))]
    ['today', 'yesterday', '4 weeks ago', '13 months ago', '3 years ago']
    """
    days = ((at or now()) - moment).days
    if days < 1:
        return say("today")
    if days == 1:
        return say("yesterday")
    unit = next(n_days for n_days in _UNITS_DAYS if days >= n_days * _LEAST)
    return dates.say_ago(days // unit, timedelta(days=unit))


def describe_moment(moment: datetime, at: datetime | None = None) -> str:
    """Returns how many minutes or hours ago something happened; beyond two days as :func:`describe_days`."""
    minutes = int(((at or now()) - moment).total_seconds() // 60)
    if minutes < 2:
        return say("just now")
    if minutes < 120:
        return dates.say_ago(minutes, timedelta(minutes=1))
    if minutes < 48 * 60:
        return dates.say_ago(minutes // 60, timedelta(hours=1))
    return describe_days(moment, at)


def name_day(moment: datetime, at: datetime | None = None) -> str:
    """Returns a day by its date, with the year unless it is this one.

    >>> name_day(datetime(2026, 5, 3), datetime(2026, 9, 1)), name_day(datetime(2025, 5, 3), datetime(2026, 9, 1))
    ('3 May', '3 May 2025')
    """
    return dates.name_date(moment, with_year=moment.year != (at or now()).year)


def is_old(moment: datetime, at: datetime | None = None) -> bool:
    """Returns whether a document that was last changed then may be out of date."""
    return ((at or now()) - moment).days >= OLD_DAYS
