"""What comes from one workspace changes nothing of another that has the same ids of everything."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from agent.store import earlier_turns, sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.slack import inbox
from bot.slack.inbox import NewQuestion, Origin, ReplyAddress
from bot.slack.intake import events
from bot.slack.replies import reply_rows
from bot.slack.replies.reply_rows import ReplyRows

OURS = ReplyAddress("T1", "C1", "U1", ts="1.1", thread_ts="1.1")
THEIRS = replace(OURS, team_id="T2")
ANSWER = "2.2"  # the ts of the answer, which is one of theirs, too


@pytest.fixture
def asked(database: Database) -> StoredQuestion:
    """A question of ours that waits, of whose answer a message stands in Slack already."""
    stored = inbox.store(database, NewQuestion("k", OURS, Origin.MENTION, "How many days?"))
    assert isinstance(stored, StoredQuestion)
    write(
        database,
        "INSERT INTO replies (id, turn_id, part, channel, thread_ts, ts, state)"
        " SELECT id, id, 0, 'C1', '1.1', :ts, 'posted' FROM turns",
        ts=ANSWER,
    )
    return stored


def write(database: Database, statement: str, **values: Any) -> None:
    with database.transaction() as transaction:
        transaction.execute(text(statement), values)


def test_a_cross_on_an_answer_stops_what_was_asked_there(database: Database, asked: StoredQuestion) -> None:
    assert inbox.stop(database, replace(THEIRS, ts=ANSWER)) == []
    assert [one.session_id for one in inbox.stop(database, replace(OURS, ts=ANSWER))] == [asked.session_id]


def test_an_edited_question_is_asked_again_where_it_was_asked(database: Database, asked: StoredQuestion) -> None:
    write(database, "UPDATE turns SET status = 'completed', edited_question = 'How many weeks?'")
    with database.transaction() as transaction:
        assert inbox.load_edited(transaction, asked.turn_id, workspace="T2", user_id="U1") is None
        edited = inbox.load_edited(transaction, asked.turn_id, workspace="T1", user_id="U1")
    assert edited
    assert edited.question == "How many weeks?"


def test_a_question_is_answered_privately_where_it_was_asked(database: Database, asked: StoredQuestion) -> None:
    with database.transaction() as transaction:
        read = {
            team: earlier_turns.load_standalone(transaction, asked.turn_id, workspace=team, user_id="U1")
            for team in ("T1", "T2")
        }
    assert read == {"T1": "How many days?", "T2": None}


def test_a_lost_message_is_told_from_those_of_its_own_channel(database: Database, asked: StoredQuestion) -> None:
    inbox.store(database, NewQuestion("other", THEIRS, Origin.MENTION, "How many days?"))
    known = {}
    for _ in range(2):
        with database.transaction() as transaction:
            (session,) = transaction.scalars(
                text("SELECT session_id FROM turns WHERE status = 'queued' ORDER BY id LIMIT 1")
            )
            turn = sessions.claim(transaction, session, owner="test", lease_seconds=60)
            assert turn
            posted = reply_rows.load(transaction, turn.id)
        assert posted
        known[posted.address.team_id] = ReplyRows(database, turn, posted).load_known_ts()
    assert known == {"T1": {ANSWER}, "T2": set()}


def _in(team: str, event: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return event, {"team_id": team, "event_id": "Ev1", "authorizations": [{"team_id": team, "user_id": "U9"}]}


@pytest.mark.parametrize(
    "key",
    [
        lambda team: events.parse_message(
            *_in(team, {"type": "message", "channel": "C1", "user": "U1", "ts": "1.1", "text": "Hello"})
        ),
        lambda team: events.parse_reaction(*_in(team, _react("eyes"))),
        lambda team: events.parse_stop_mark(*_in(team, _react("x"))),
        lambda team: events.parse_stop(
            *_in(team, {"channel": "C1", "user": "U1", "thread_ts": "1.1", "event_ts": "1.3"})
        ),
        lambda team: events.parse_command(
            {"team_id": team, "channel_id": "C1", "user_id": "U1", "command": "/ask", "trigger_id": "1"}
        ),
        lambda team: events.parse_shortcut(
            {
                "team": {"id": team},
                "channel": {"id": "C1"},
                "user": {"id": "U1"},
                "message": {"ts": "1.1", "text": "Hello"},
                "trigger_id": "1",
            }
        ),
    ],
    ids=["message", "emoji", "cross", "Stop", "command", "shortcut"],
)
def test_a_delivery_is_known_in_its_workspace_alone(key: Any) -> None:
    ours, again, theirs = (key(team).key for team in ("T1", "T1", "T2"))
    assert ours == again != theirs


def _react(name: str) -> dict[str, Any]:
    item = {"type": "message", "channel": "C1", "ts": "1.1"}
    return {"type": "reaction_added", "user": "U1", "reaction": name, "item": item, "item_user": "U2"}
