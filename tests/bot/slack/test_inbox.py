"""The inbox stores each question once, with where its answer goes and who will see it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.slack import inbox
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.replies import reply_rows
from bot.slack.replies.reply_rows import Posted

CHANNEL, PERSON = "channel:C1", "user:U1"
ADDRESS = ReplyAddress("T1", "C1", "U1", ts="1.1", thread_ts="1.1", asker_team_id="T2")


def store(database: Database, *, key: str = "message:T1:C1:1.1", address: ReplyAddress = ADDRESS) -> Any:
    return inbox.store(
        database, inbox.NewQuestion(key=key, address=address, origin=Origin.MENTION, question="How many days?")
    )


def count(database: Database, table: str) -> int:
    with database.transaction() as transaction:
        return int(transaction.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize(
    ("place", "principals"),
    [
        ({"ts": "1.1", "thread_ts": "1.1"}, {CHANNEL}),
        ({"ts": "2.1", "thread_ts": "1.1", "asker_team_id": "T2"}, {CHANNEL}),
        ({"ts": "1.1", "thread_ts": "1.1", "is_direct": True}, {CHANNEL, PERSON}),
        ({"ts": "2.1", "thread_ts": "1.1", "is_direct": True}, {CHANNEL, PERSON}),
        ({"response_url": "https://hooks.example/1"}, {CHANNEL, PERSON}),
    ],
    ids=["a channel", "a thread, from another company", "a direct message", "its thread", "a command"],
)
def test_an_answer_is_for_whoever_sees_it(place: dict[str, Any], principals: set[str]) -> None:
    (member,) = ReplyAddress(team_id="T1", channel="C1", user_id="U1", **place).audience.members
    assert member == principals


def test_a_second_delivery_changes_nothing(database: Database) -> None:
    assert store(database)
    assert store(database) is None
    assert (count(database, "turns"), count(database, "sessions"), count(database, "deliveries")) == (1, 1, 1)


def test_questions_of_a_thread_queue_in_its_session_and_each_command_has_its_own(database: Database) -> None:
    first, second = store(database), store(database, key="message:T1:C1:1.2")
    assert first.session_id == second.session_id
    assert (first.n_ahead, second.n_ahead) == (0, 1)
    command = ReplyAddress("T1", "C1", "U1", response_url="https://hooks.example/1")
    sessions = {store(database, key=f"command:{n}", address=command).session_id for n in range(2)}
    assert len(sessions) == 2


def test_the_address_is_loaded_as_it_was_stored(database: Database) -> None:
    stored = store(database)
    with database.transaction() as transaction:
        assert reply_rows.load(transaction, stored.turn_id) == Posted(ADDRESS, [])
        assert reply_rows.load(transaction, uuid4()) is None


def test_a_forgotten_address_is_gone_and_the_delivery_still_known(database: Database) -> None:
    stored, other = store(database), store(database, key="message:T1:C1:1.2")
    with database.transaction() as transaction:
        inbox.forget(transaction, [stored.turn_id])
    with database.transaction() as transaction:
        assert reply_rows.load(transaction, stored.turn_id) is None
        assert reply_rows.load(transaction, other.turn_id) == Posted(ADDRESS, [])
    assert store(database) is None


def test_the_turn_is_stored_with_how_where_and_by_whom_it_was_asked(database: Database) -> None:
    store(database)
    with database.transaction() as transaction:
        row = transaction.execute(text("SELECT origin, channel, workspace, user_id FROM turns")).one()
    assert tuple(row) == ("mention", "C1", "T1", "U1")


def test_questions_at_once_are_counted_one_after_the_other(database: Database) -> None:
    def ask(n: int) -> bool:
        address = replace(ADDRESS, ts=f"2.{n}", thread_ts=f"2.{n}")
        key = f"message:T1:C1:2.{n}"
        stored = inbox.store(
            database,
            inbox.NewQuestion(key=key, address=address, origin=Origin.MENTION, question="How many?", per_minute=3),
        )
        return isinstance(stored, StoredQuestion)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(ask, range(12)))
    assert sum(taken) == 3
    assert count(database, "deliveries") == 12  # so that no later delivery asks the others after all
