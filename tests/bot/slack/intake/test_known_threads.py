"""Who asked in which thread is known without Postgres, once it was stored or looked up."""

import pytest
from sqlalchemy import text

from agent.store import sessions
from agent.store.database import Database
from bot.slack.intake.known_threads import LOADED_DAYS, PAUSE_SECONDS, KnownThreads

KEY = "slack:T1:C1:1.1"
AWAY = Database("postgresql://nobody@127.0.0.1:1/none")


def ask(database: Database, key: str = KEY, user_id: str = "U1") -> None:
    with database.transaction() as transaction:
        sessions.ask(transaction, key=key, user_id=user_id, origin="mention", question="How many?")


def test_who_asked_in_another_process_is_looked_up_once(database: Database) -> None:
    ask(database)
    threads = KnownThreads()
    assert threads.has_asked(database, KEY, "U1")
    assert threads.has_asked(AWAY, KEY, "U1")
    assert not threads.has_asked(database, KEY, "U2")


def test_a_process_that_starts_knows_the_askers_of_the_last_days(database: Database) -> None:
    ask(database)
    ask(database, "slack:T1:C1:0.1", "U2")
    ask(database, "cli:1", "me")
    with database.transaction() as transaction:
        old = f"UPDATE turns SET created_at = now() - interval '{LOADED_DAYS + 1} days' WHERE user_id = 'U2'"
        transaction.execute(text(old))
    threads = KnownThreads()
    threads.load(database)
    known = {(KEY, "U1"): True, ("slack:T1:C1:0.1", "U2"): False, ("cli:1", "me"): False}
    assert {asker: threads.has_asked(AWAY, *asker) for asker in known} == known


def test_without_postgres_a_process_starts_and_knows_nobody() -> None:
    threads = KnownThreads()
    threads.load(AWAY)
    assert not threads.has_asked(AWAY, KEY, "U1")


def test_a_postgres_that_does_not_answer_is_asked_again_after_a_pause(database: Database) -> None:
    ask(database)
    now = 0.0
    threads = KnownThreads(clock=lambda: now)
    assert not threads.has_asked(AWAY, KEY, "U1")
    assert threads.take_doubts()
    assert not threads.has_asked(database, KEY, "U1")  # so that no acknowledgement waits for it, again and again
    assert threads.take_doubts()
    now = PAUSE_SECONDS
    assert threads.has_asked(database, KEY, "U1")
    assert not threads.take_doubts()


@pytest.mark.parametrize("n", [1, 3])
def test_the_latest_askers_are_kept(n: int) -> None:
    threads = KnownThreads(max_askers=n)
    for i in range(5):
        threads.add(KEY, f"U{i}")
    assert [threads.has_asked(AWAY, KEY, f"U{i}") for i in range(5)] == [i >= 5 - n for i in range(5)]
