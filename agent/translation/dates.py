"""Dates and times ago, in the language of the person who reads them."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

from babel.dates import format_date, format_skeleton, format_timedelta, get_day_names

from agent.translation.languages import ENGLISH, REGIONS
from agent.translation.speech import current

_LONG = "d MMMM y"  # of English: what its regions write differently is said in one way
_MONTH_AND_DAY = "MMMMd"


def name_date(day: date, *, with_year: bool = True) -> str:
    """Names a day.

    >>> name_date(date(2026, 5, 3)), name_date(date(2026, 5, 3), with_year=False)
    ('3 May 2026', '3 May')
    """
    region = REGIONS[current().person]
    if not with_year:
        return str(format_skeleton(_MONTH_AND_DAY, day, locale=region))
    return str(format_date(day, _LONG if current().person == ENGLISH else "long", locale=region))


def name_weekday(day: date) -> str:
    """Names a day with its day of the week.

    >>> name_weekday(date(2026, 5, 4))
    'Monday, 4 May'
    """
    if current().person == ENGLISH:
        return f"{day:%A}, {day.day} {day:%B}"
    return str(format_date(day, "full", locale=REGIONS[current().person]))


def name_day_of_week(day: int) -> str:
    """Names a day of the week, of which Monday is 0."""
    return str(get_day_names("wide", locale=REGIONS[current().person])[day])


def say_ago(n: int, unit: timedelta) -> str:
    """Says how long ago something was: ``n`` times the unit, which is a minute, an hour, a day, a week, 30 or 365
    days.

    >>> say_ago(3, timedelta(days=30)), say_ago(2, timedelta(minutes=1))
    ('3 months ago', '2 minutes ago')
    """
    region = REGIONS[current().person]
    unit_name = _UNITS[unit]
    return str(
        format_timedelta(-n * unit, granularity=unit_name, threshold=1e9, add_direction=True, locale=region)
    )


_UNITS: Mapping[timedelta, Literal["year", "month", "week", "day", "hour", "minute"]] = {
    timedelta(minutes=1): "minute",
    timedelta(hours=1): "hour",
    timedelta(days=1): "day",
    timedelta(weeks=1): "week",
    timedelta(days=30): "month",
    timedelta(days=365): "year",
}
