"""The rows of a reply: stored before Slack is asked, and only by who holds the turn."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent.errors import LeaseLost
from agent.store.database import Database
from agent.store.sessions import Turn
from bot.slack.inbox import ReplyAddress
from bot.slack.replies.reply_rows import Posted, ReplyRows, ReplyState
from tests.bot.slack.posted import load_posted


def states(database: Database) -> list[tuple[int, str | None, str]]:
    with database.transaction() as transaction:
        rows = transaction.execute(text("SELECT part, ts, state FROM replies ORDER BY part"))
        return [tuple(row) for row in rows]


def test_a_part_is_announced_once_and_then_recorded(database: Database, turn: Turn, address: ReplyAddress) -> None:
    rows = ReplyRows(database, turn, load_posted(database, turn, address))
    assert not rows
    rows.announce(0)
    rows.announce(0)
    assert (rows.ts(0), states(database)) == (None, [(0, None, "starting")])
    rows.record(0, "5.5", ReplyState.STREAMING)
    assert (rows.ts(0), states(database)) == ("5.5", [(0, "5.5", "streaming")])


def test_the_next_worker_finds_them_in_order(database: Database, turn: Turn, address: ReplyAddress) -> None:
    rows = ReplyRows(database, turn, load_posted(database, turn, address))
    for part in range(3):
        rows.announce(part)
    rows.record(1, "5.6", ReplyState.STREAMING)
    found = ReplyRows(database, turn, load_posted(database, turn, address))
    assert len(found) == 3
    assert [found.ts(part) for part in range(4)] == [None, "5.6", None, None]


def test_the_known_messages_are_those_of_the_channel(
    database: Database, turn: Turn, address: ReplyAddress
) -> None:
    rows = ReplyRows(database, turn, load_posted(database, turn, address))
    rows.announce(0)
    assert rows.load_known_ts() == set()
    rows.record(0, "5.5", ReplyState.STREAMING)
    assert rows.load_known_ts() == {"5.5"}
    assert ReplyRows(database, turn, Posted(replace(address, channel="C0OTHER"))).load_known_ts() == set()


def test_who_lost_the_turn_writes_nothing(database: Database, turn: Turn, address: ReplyAddress) -> None:
    rows = ReplyRows(database, turn, load_posted(database, turn, address))
    rows.announce(0)
    late = ReplyRows(database, replace(turn, token=uuid4()), load_posted(database, turn, address))
    with pytest.raises(LeaseLost):
        late.announce(1)
    with pytest.raises(LeaseLost):
        late.record(0, "5.5", ReplyState.STREAMING)
    assert states(database) == [(0, None, "starting")]


def test_a_posted_part_is_stored_with_the_next_or_with_the_end(
    database: Database, turn: Turn, address: ReplyAddress
) -> None:
    rows = ReplyRows(database, turn, load_posted(database, turn, address))
    rows.announce(0)
    rows.record(0, "5.5", ReplyState.POSTED)
    assert states(database) == [(0, None, "starting")]
    rows.announce(1)
    assert states(database) == [(0, "5.5", "posted"), (1, None, "starting")]
    rows.record(1, "5.6", ReplyState.POSTED)
    with database.transaction() as transaction:
        rows.finalise(transaction)
    assert states(database) == [(0, "5.5", "final"), (1, "5.6", "final")]


def test_the_first_part_is_announced_with_the_final_text(
    database: Database, turn: Turn, address: ReplyAddress
) -> None:
    rows = ReplyRows(database, turn, load_posted(database, turn, address))
    with database.transaction() as transaction:
        rows.announce_with_text(transaction)
    assert not rows
    rows.note_text_stored()
    assert rows.is_new
    rows.announce(0)
    assert states(database) == [(0, None, "starting")]
    found = ReplyRows(database, turn, load_posted(database, turn, address))
    assert found
    assert not found.is_new  # it may have been posted
    with database.transaction() as transaction:
        found.announce_with_text(transaction)
    assert len(states(database)) == 1
