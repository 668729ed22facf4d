"""When a scheduled question is asked: on which days, at which time; and how people write and read that.

A time that a day lacks, because clocks are put forward, counts an hour later; one that it has twice counts once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from agent.errors import UserError
from agent.translation.dates import name_day_of_week
from agent.translation.speech import join, mark, name_all, say

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKDAYS, WEEKEND = frozenset(range(5)), frozenset({5, 6})
GROUPS = {
    "day": frozenset(range(7)),
    "weekday": WORKDAYS,
    "workday": WORKDAYS,
    "weekend": WEEKEND,
}
LANGUAGES = frozenset(
    {
        "arabic", "basque", "bulgarian", "catalan", "chinese", "croatian", "czech", "danish", "dutch",
        "english", "estonian", "finnish", "french", "galician", "german", "greek", "hebrew", "hindi",
        "hungarian", "indonesian", "irish", "italian", "japanese", "korean", "latvian", "lithuanian",
        "norwegian", "polish", "portuguese", "romanian", "russian", "serbian", "slovak", "slovenian", "spanish",
        "swedish", "thai", "turkish", "ukrainian", "vietnamese", "welsh",
    }
)  # fmt: skip
EXAMPLE = mark("`{command} every monday 9:00 What changed in the on-call rota?`")
NO_TIME = mark("I do not see at what time to ask. Write it behind the days, as in {example}.")
NO_SUCH_TIME = mark("{written} is no time of a day. Write it as 9:00, 17:30 or 9am.")
NO_DAYS = mark("I do not see on which days to ask. Write day, weekday or names of days, as in {example}.")
NO_SUCH_DAY = mark("I do not know the day “{written}”.")
MEANT = mark("Did you mean {closest}?")
NO_QUESTION = mark("I do not see what to ask. Write the question behind the time, as in {example}.")
WORD_CHARS = 30
_EVERY = (
    (GROUPS["day"], mark("every day at {time}")),
    (WORKDAYS, mark("every weekday at {time}")),
    (WEEKEND, mark("every weekend at {time}")),
)

_WHEN = re.compile(
    r"(?P<days>\D*)(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))?\s*(?P<half>[ap]m\b)?"
    r"(?=\s|[,:]|$)[\s,:]*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_LANGUAGE = re.compile(r"in\s+(?P<language>[A-Za-z]+)\b[\s,:]*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Recurrence:
    """The days of a week, Monday is 0, and the time on the clock on the wall.

    >>> every = Recurrence(frozenset({0}), time(9))
    >>> every.find_next(datetime(2026, 3, 25, tzinfo=UTC), ZoneInfo("Europe/Paris")).isoformat()
    '2026-03-30T07:00:00+00:00'
    """

    days: frozenset[int]
    at: time

    def find_next(self, after: datetime, zone: ZoneInfo) -> datetime:
        """Returns the first such time after a moment, in UTC."""
        today = after.astimezone(zone).date()
        dates = (today + timedelta(days=n) for n in range(9))
        times = (
            datetime.combine(day, self.at, zone).astimezone(UTC) for day in dates if day.weekday() in self.days
        )
        return next(moment for moment in times if moment > after)

    def describe(self) -> str:
        """Returns it in words.

        >>> Recurrence(WORKDAYS, time(8, 30)).describe()
        'every weekday at 8:30'
        """
        at = f"{self.at.hour}:{self.at.minute:02}"
        if said := next((said for days, said in _EVERY if days == self.days), ""):
            return say(said, time=at)
        return say("every {days} at {time}", days=name_all([*map(name_day_of_week, sorted(self.days))]), time=at)


@dataclass(frozen=True)
class Order:
    """What a person wrote: when to ask what, and in which language to answer, "" for that of the question."""

    recurrence: Recurrence
    question: str
    language: str = ""


def parse(text: str, command: str = "/docent") -> Order:
    """Reads what stands behind ``every``; raises :class:`UserError` with a sentence that says what is missing.

    >>> order = parse("monday and thu at 9.30 in German: Who is on call?")
    >>> order.recurrence.describe(), order.language, order.question
    ('every Monday and Thursday at 9:30', 'German', 'Who is on call?')
    """
    example = say(EXAMPLE, command=command)
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        raise UserError(say(NO_TIME, example=example))
    days = _parse_days(match["days"], example)
    at = _parse_time(match["hour"], match["minute"], match["half"])
    language, question = _split_language(match["rest"].strip())
    if not question:
        raise UserError(say(NO_QUESTION, example=example))
    return Order(Recurrence(days, at), question, language)


def _parse_days(written: str, example: str) -> frozenset[int]:
    words = [word for word in re.split(r"[\s,&]+|\band\b", written.lower()) if word and word not in ("at", "on")]
    if not words:
        raise UserError(say(NO_DAYS, example=example))
    return frozenset(day for word in words for day in _parse_day(word))


def _parse_day(word: str) -> frozenset[int]:
    singular = word.removesuffix("s") if word not in ("tues", "thurs") else word
    if singular in GROUPS:
        return GROUPS[singular]
    found = [n for n, name in enumerate(WEEKDAYS) if len(singular) >= 3 and name.startswith(singular)]
    if found:
        return frozenset(found)
    closest = get_close_matches(singular, [*WEEKDAYS, *GROUPS], n=1)
    said = say(NO_SUCH_DAY, written=word[:WORD_CHARS].replace("`", "'"))
    raise UserError(join([said, say(MEANT, closest=closest[0]) if closest else ""]))


def _parse_time(hour: str, minute: str | None, half: str | None) -> time:
    hours, minutes = int(hour), int(minute or 0)
    is_valid = minutes < 60 and (1 <= hours <= 12 if half else hours < 24)
    if not is_valid:
        raise UserError(say(NO_SUCH_TIME, written=f"{hour}:{minute or '00'}{half or ''}"))
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    return time(hours, minutes)


def _split_language(rest: str) -> Sequence[str]:
    match = _LANGUAGE.fullmatch(rest)
    if match and match["language"].lower() in LANGUAGES:
        return match["language"].capitalize(), match["rest"].strip()
    return "", rest
