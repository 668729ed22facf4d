"""When the record is deleted, and what of Slack's deliveries stays."""

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from agent.clock import now
from agent.store.database import Database
from agent.store.retention import Pruned
from bot.jobs import queue
from bot.processes import clock
from bot.processes.schedules import retention_schedule
from bot.processes.schedules.retention_schedule import RetentionSchedule
from bot.settings import BotSettings
from bot.slack import inbox
from bot.slack.inbox import Origin, ReplyAddress
from tests.recorded import answered

UTC_ZONE = ZoneInfo("UTC")
PARIS = ZoneInfo("Europe/Paris")
PLACE = ReplyAddress("T1", "C1", "U1", ts="1.1", thread_ts="1.1")


def n_turns(database: Database) -> int:
    with database.transaction() as transaction:
        return int(transaction.execute(text("SELECT count(*) FROM turns")).scalar_one())


@pytest.mark.parametrize(
    ("at", "zone", "night"),
    [
        ("2026-05-10T12:00", "UTC", "2026-05-10T03:00"),
        ("2026-05-10T02:59", "UTC", "2026-05-09T03:00"),
        ("2026-05-10T03:00", "UTC", "2026-05-10T03:00"),
        ("2026-05-10T00:30", "Europe/Paris", "2026-05-09T01:00"),
        ("2026-05-10T01:30", "Europe/Paris", "2026-05-10T01:00"),
        ("2026-03-29T12:00", "Europe/Paris", "2026-03-29T01:00"),  # the clocks went forward: two is three
    ],
)
def test_a_night_is_three_o_clock_in_the_operators_time_zone(at: str, zone: str, night: str) -> None:
    found = retention_schedule.last_night(datetime.fromisoformat(at).replace(tzinfo=UTC), ZoneInfo(zone))
    assert found.astimezone(UTC).isoformat(timespec="minutes") == f"{night}+00:00"


def test_the_clock_deletes_what_is_too_old_also_for_nights_it_missed(database: Database) -> None:
    for i in range(3):
        answered(database, key=str(i)).age(31 + i)
    answered(database, key="young").age(28)
    nights = RetentionSchedule(database, UTC_ZONE, days=29)
    assert nights.tick().n_turns == 3
    assert nights.tick() == Pruned()
    assert nights.next_check_at > 0  # not asked again at every sweep
    assert nights.tick() == Pruned()


def test_the_clock_deletes_between_its_sweeps(database: Database, redis_url: str) -> None:
    answered(database).age(31)
    settings = BotSettings.model_validate({"REDIS_URL": redis_url})
    stopping = threading.Event()
    values = {
        "every_seconds": 0.05,
        "stopping": stopping,
        "retention": RetentionSchedule(database, UTC_ZONE, days=29),
    }
    jobs = queue.open_turn_queue(settings, queue.connect(settings))
    running = threading.Thread(target=clock.run, args=(database, jobs), kwargs=values)
    running.start()
    give_up = time.monotonic() + 120
    while n_turns(database) and time.monotonic() < give_up:
        time.sleep(0.05)
    stopping.set()
    running.join(120)
    jobs.connection.close()
    assert n_turns(database) == 0


def test_the_clock_deletes_nothing_unless_it_is_told_to(database: Database) -> None:
    answered(database).age(3000)
    assert RetentionSchedule(database, UTC_ZONE, days=None).tick() == Pruned()


def test_what_became_too_old_since_the_last_night_waits_for_the_next(database: Database) -> None:
    answered(database).age(30)
    last = retention_schedule.last_night(now() - timedelta(days=29), UTC_ZONE)
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET finished_at = :at"), {"at": last + timedelta(seconds=1)})
    assert RetentionSchedule(database, UTC_ZONE, days=29).tick() == Pruned()


def test_a_question_delivered_again_after_its_turn_is_gone_is_still_a_duplicate(database: Database) -> None:
    received = inbox.store(
        database, inbox.NewQuestion(key="A:C1:1.1", address=PLACE, origin=Origin.MENTION, question="How?")
    )
    assert received
    with database.transaction() as transaction:
        transaction.execute(
            text("""UPDATE turns SET status = 'completed', created_at = now() - interval '31 days',
                    finished_at = now() - interval '31 days'""")
        )
    pruned = retention_schedule.prune(database, before=now() - timedelta(days=30), zone=UTC_ZONE)
    assert pruned == Pruned(n_turns=1, n_sessions=1)
    with database.transaction() as transaction:
        left = transaction.execute(text("SELECT key, turn_id, place FROM deliveries")).all()
    assert [tuple(row) for row in left] == [("A:C1:1.1", None, {})]
    assert (
        inbox.store(
            database, inbox.NewQuestion(key="A:C1:1.1", address=PLACE, origin=Origin.MENTION, question="How?")
        )
        is None
    )


def test_pruning_by_hand_goes_on_until_nothing_is_left(database: Database) -> None:
    for i in range(205):
        answered(database, key=str(i)).age(31)
    pruned = retention_schedule.prune(database, before=now() - timedelta(days=30), zone=UTC_ZONE)
    assert (pruned.n_turns, pruned.n_sessions) == (205, 205)
    assert retention_schedule.describe(pruned) == "205 turns, 205 sessions, 5 stored messages"
    assert retention_schedule.describe(Pruned()) == "nothing"


def test_who_is_heard_in_a_thread_is_forgotten_with_the_thread(database: Database) -> None:
    answered(database, key="gone").age(31)
    answered(database, key="young").age(28)
    store = text("INSERT INTO thread_settings (key, follow_ups, changed_by, changed_at) "
                 "VALUES (:key, 'muted', 'U1', now() - make_interval(days => :days))")  # fmt: skip
    with database.transaction() as transaction:
        for key, days in (("gone", 31), ("young", 31), ("of no question", 31), ("of today", 0)):
            transaction.execute(store, {"key": key, "days": days})
    RetentionSchedule(database, UTC_ZONE, days=None).tick()
    nights = RetentionSchedule(database, UTC_ZONE, days=29)
    while nights.tick():
        pass
    with database.transaction() as transaction:
        kept = sorted(transaction.scalars(text("SELECT key FROM thread_settings")))
    assert kept == ["of today", "young"]
