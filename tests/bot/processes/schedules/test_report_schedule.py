"""When the report is due, that one clock makes it, and what becomes of a failure."""

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent import observability
from agent.store.database import Database
from bot.processes.schedules import report_schedule
from bot.processes.schedules.report_schedule import ReportSchedule, ReportTime
from bot.slack.client import SlackRefused

MONDAY_AT_NINE = ReportTime("monday", 9, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("at", "report_time", "due"),
    [
        ("2026-06-01T09:00", MONDAY_AT_NINE, "2026-06-01T09:00"),
        ("2026-06-01T08:59", MONDAY_AT_NINE, "2026-05-25T09:00"),
        ("2026-06-07T23:00", MONDAY_AT_NINE, "2026-06-01T09:00"),
        ("2026-06-07T23:00", ReportTime("sunday", 0, ZoneInfo("UTC")), "2026-06-07T00:00"),
        ("2026-06-07T23:00", ReportTime("monday", 0, ZoneInfo("Asia/Tokyo")), "2026-06-07T15:00"),
        ("2026-03-30T12:00", ReportTime("monday", 9, ZoneInfo("Europe/Paris")), "2026-03-30T07:00"),  # in summer
        ("2026-03-28T12:00", ReportTime("monday", 9, ZoneInfo("Europe/Paris")), "2026-03-23T08:00"),  # in winter
    ],
)
def test_it_is_due_at_an_hour_of_a_weekday_of_the_operator(at: str, report_time: ReportTime, due: str) -> None:
    found = report_time.find_due(datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert found.astimezone(UTC).isoformat(timespec="minutes") == f"{due}+00:00"


def tick(schedule: ReportSchedule) -> None:
    """As if the next minute had begun."""
    schedule._next_check_at = 0.0
    if thread := schedule.tick():
        thread.join()


def test_each_week_has_one_report_also_the_one_that_a_stopped_clock_missed(database: Database) -> None:
    made: list[datetime] = []
    moment = [datetime(2026, 6, 3, tzinfo=UTC)]
    schedule = ReportSchedule(database, MONDAY_AT_NINE, made.append, clock=lambda: moment[0])
    for days in (0, 0, 3, 4, 7, 7 * 4):
        moment[0] += timedelta(days=days)
        tick(schedule)
    assert [f"{due:%m-%d}" for due in made] == ["06-01", "06-08", "06-15", "07-13"]
    assert schedule.tick() is None  # nothing is asked before a minute has passed


def test_one_of_several_clocks_makes_it_at_a_time(database: Database) -> None:
    begun, over = threading.Event(), threading.Event()
    made: list[str] = []

    def publish(due: datetime) -> None:
        made.append("first")
        begun.set()
        over.wait(60)

    first = ReportSchedule(database, MONDAY_AT_NINE, publish)
    second = ReportSchedule(database, MONDAY_AT_NINE, lambda due: made.append("second"))
    thread = first.tick()
    assert thread
    begun.wait(60)
    tick(second)
    assert first.tick() is None  # it is being made
    assert made == ["first"]
    over.set()
    thread.join()
    tick(second)  # what makes it knows that the week has its report
    assert made == ["first", "second"]


@pytest.mark.parametrize("error", [SlackRefused("chat.postMessage", "not_in_channel"), ValueError("x")])
def test_a_failure_is_told_and_tried_again_later(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failures = [error]
    told: list[str] = []
    monkeypatch.setattr(observability, "report", lambda error, event: told.append(event))
    monkeypatch.setattr(observability.log, "warning", lambda event, **fields: told.append(event), raising=False)

    def publish(due: datetime) -> None:
        if failures:
            raise failures.pop()

    schedule = ReportSchedule(database, MONDAY_AT_NINE, publish)
    tick(schedule)
    assert told == ["report_not_made"]
    assert schedule._next_check_at > time.monotonic() + report_schedule.CHECK_SECONDS
    tick(schedule)
    tick(schedule)
    assert told == ["report_not_made"]
