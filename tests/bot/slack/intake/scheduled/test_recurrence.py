"""What people write behind ``/docent every``, and when that is."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from agent.errors import UserError
from bot.slack.intake.scheduled import recurrence
from bot.slack.intake.scheduled.recurrence import WORKDAYS, Order, Recurrence

Q = "Who is on call?"


@pytest.mark.parametrize(
    ("text", "days", "at", "language"),
    [
        (f"monday 9:00 {Q}", {0}, time(9), ""),
        (f"Mondays at 09:00: {Q}", {0}, time(9), ""),
        (f"weekday 8:30 {Q}", {0, 1, 2, 3, 4}, time(8, 30), ""),
        (f"weekdays 8.30 {Q}", {0, 1, 2, 3, 4}, time(8, 30), ""),
        (f"day at 17h30, {Q}", set(range(7)), time(17, 30), ""),
        (f"mon, wed and fri 9am {Q}", {0, 2, 4}, time(9), ""),
        (f"tues & thurs 12 pm {Q}", {1, 3}, time(12), ""),
        (f"weekend 12am {Q}", {5, 6}, time(0), ""),
        (f"monday 9 in English {Q}", {0}, time(9), "English"),
        (f"monday 9:00 in german: {Q}", {0}, time(9), "German"),
    ],
)
def test_an_order_is_read_as_people_write_it(text: str, days: set[int], at: time, language: str) -> None:
    assert recurrence.parse(text) == Order(Recurrence(frozenset(days), at), Q, language)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at what time"),
        ("monday", "at what time"),
        (f"monday {Q}", "at what time"),
        (f"9:00 {Q}", "on which days"),
        (f"mondy 9:00 {Q}", "Did you mean monday?"),
        (f"blue moon 9:00 {Q}", "I do not know the day “blue”."),
        (f"monday 25:00 {Q}", "25:00 is no time of a day"),
        (f"monday 9:75 {Q}", "9:75 is no time"),
        (f"monday 13pm {Q}", "13:00pm is no time"),
        ("monday 9:00", "what to ask"),
        ("monday 9:00 in English", "what to ask"),
    ],
)
def test_what_is_missing_is_said_with_an_example(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says.replace("?", r"\?").replace(".", r"\.")) as error:
        recurrence.parse(text, "/docs")
    assert (
        "/docs every" in str(error.value)
        or "Did you mean" in str(error.value)
        or "no time" in str(error.value)
        or ("know the day" in str(error.value))
    )


def test_a_question_about_a_place_is_no_language() -> None:
    assert recurrence.parse("monday 9:00 in Lisbon, who has the keys?").question == "in Lisbon, who has the keys?"


def test_the_work_grows_with_the_text_and_not_with_its_square() -> None:
    """What stands before a time is looked at once, for other listeners wait meanwhile."""
    with pytest.raises(UserError, match="at what time"):
        recurrence.parse("monday" + " " * 300_000 + "tuesday")


@pytest.mark.parametrize(
    ("every", "zone", "after", "due"),
    [
        (Recurrence(frozenset({0}), time(9)), "Europe/Berlin", "2026-06-01T06:59", "2026-06-01T07:00"),
        (Recurrence(frozenset({0}), time(9)), "Europe/Berlin", "2026-06-01T07:00", "2026-06-08T07:00"),
        (Recurrence(frozenset({0}), time(9)), "America/New_York", "2026-06-01T07:00", "2026-06-01T13:00"),
        (Recurrence(frozenset({0}), time(0)), "Asia/Tokyo", "2026-06-07T14:00", "2026-06-07T15:00"),
        (Recurrence(WORKDAYS, time(8, 30)), "UTC", "2026-06-05T09:00", "2026-06-08T08:30"),
        (
            Recurrence(frozenset({6}), time(2, 30)),
            "Europe/Berlin",
            "2026-03-29T00:00",
            "2026-03-29T01:30",
        ),  # missing
        (
            Recurrence(frozenset({6}), time(2, 30)),
            "Europe/Berlin",
            "2026-10-25T00:00",
            "2026-10-25T00:30",
        ),  # twice
        (Recurrence(frozenset({6}), time(2, 30)), "Europe/Berlin", "2026-10-25T00:30", "2026-11-01T01:30"),
        (
            Recurrence(frozenset(range(7)), time(2, 15)),
            "Australia/Lord_Howe",
            "2026-10-03T16:00",
            "2026-10-04T15:15",
        ),
        (Recurrence(frozenset({6}), time(9)), "Pacific/Auckland", "2026-04-04T20:00", "2026-04-04T21:00"),  # back
        (Recurrence(frozenset({6}), time(9)), "Pacific/Auckland", "2026-09-20T20:00", "2026-09-26T20:00"),  # forth
        (Recurrence(frozenset({5}), time(23, 59)), "Pacific/Kiritimati", "2026-06-06T00:00", "2026-06-06T09:59"),
    ],
)
def test_a_time_is_one_of_the_clock_on_the_wall(every: Recurrence, zone: str, after: str, due: str) -> None:
    found = every.find_next(datetime.fromisoformat(after).replace(tzinfo=UTC), ZoneInfo(zone))
    assert found.strftime("%Y-%m-%dT%H:%M") == due
