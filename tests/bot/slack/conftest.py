"""Turns to reply to."""

from collections.abc import Callable

import pytest

from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion, Turn
from bot.simulator import ADA, HELP, TEAM, Workspace
from bot.slack import inbox
from bot.slack.inbox import Origin, ReplyAddress

MakeTurn = Callable[..., Turn]


@pytest.fixture
def address(workspace: Workspace) -> ReplyAddress:
    """Of a question that Ada asked in a channel."""
    ts = workspace.person(ADA).mention(HELP, "How many days?")
    channel = workspace.directory.find_channel(HELP).id
    return ReplyAddress(TEAM, channel, ADA, ts=ts, thread_ts=ts)


@pytest.fixture
def make_turn(database: Database) -> MakeTurn:
    """Stores a question under an address and claims it."""

    def make(address: ReplyAddress, question: str = "How many days?", lease_seconds: float = 60) -> Turn:
        key = f"{address.channel}:{address.ts}"
        stored = inbox.store(database, key=key, address=address, origin=Origin.MENTION, question=question)
        assert isinstance(stored, StoredQuestion)
        with database.transaction() as transaction:
            turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=lease_seconds)
        assert turn
        return turn

    return make


@pytest.fixture
def turn(make_turn: MakeTurn, address: ReplyAddress) -> Turn:
    return make_turn(address)
