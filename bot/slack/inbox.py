"""The inbox: stores each question in Postgres, once, before Slack hears that we have it.

Promises: one short transaction per question; a second delivery of the same message, and the ``message`` twin of
an ``app_mention``, find the first one and change nothing. Knows nothing of Redis: the caller wakes a worker.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agent.clock import new_id
from agent.store import sessions
from agent.store.database import Database, Transaction
from agent.types import EVERYONE, Audience


@dataclass(frozen=True)
class ReplyAddress:
    """Where a question was asked, and so where its answer goes."""

    team_id: str
    channel: str
    user_id: str
    ts: str | None = None  # of the question's message; None for a command
    thread_ts: str | None = None  # of the thread the answer goes to; None for a command
    response_url: str | None = None  # of a command: 5 uses within 30 minutes
    is_direct: bool = False
    asker_team_id: str | None = None  # another company's in a shared channel

    @property
    def session_key(self) -> str:
        """One session per thread; a command is a session of its own."""
        return f"slack:{self.team_id}:{self.channel}:{self.thread_ts or new_id()}"

    @property
    def audience(self) -> Audience:
        """Whoever sees the channel; of a direct message and a command's answer the asker alone."""
        is_private = self.is_direct or self.thread_ts is None
        member = {EVERYONE, f"channel:{self.channel}"} | ({f"user:{self.user_id}"} if is_private else set())
        return Audience((frozenset(member),))


@dataclass(frozen=True)
class Received:
    """A question that was stored just now."""

    turn_id: UUID
    session_id: UUID
    n_ahead: int


_DELIVER = text("""
INSERT INTO deliveries (id, key, turn_id, place) VALUES (:id, :key, :turn_id, CAST(:place AS jsonb))
ON CONFLICT (key) DO NOTHING RETURNING id
""")


def store(database: Database, *, key: str, place: ReplyAddress, origin: str, question: str) -> Received | None:
    """Stores a question under its delivery key; None when it was delivered before.

    Raises SQLAlchemy's OperationalError when Postgres is away: the caller must not acknowledge then.
    """
    turn_id = new_id()
    with database.transaction() as transaction:
        values = {"id": new_id(), "key": key, "turn_id": turn_id, "place": json.dumps(asdict(place))}
        if transaction.execute(_DELIVER, values).one_or_none() is None:
            return None
        asked = sessions.ask(
            transaction,
            key=place.session_key,
            user_id=place.user_id,
            channel=place.channel,
            workspace=place.team_id,
            origin=origin,
            question=question,
            audience=place.audience,
            turn_id=turn_id,
        )
    return Received(asked.turn_id, asked.session_id, asked.n_ahead)


_PLACE = text("SELECT place FROM deliveries WHERE turn_id = :turn_id")


def load_address(transaction: Transaction, turn_id: UUID) -> ReplyAddress | None:
    """Where the turn was asked; None for a turn from the terminal."""
    found: dict[str, Any] | None = transaction.execute(_PLACE, {"turn_id": turn_id}).scalar_one_or_none()
    return ReplyAddress(**found) if found else None


_FORGET = text("UPDATE deliveries SET place = '{}' WHERE turn_id = ANY(:ids)")


def forget(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
    """Drops who asked these turns and where; the keys stay, so that a second delivery is still one."""
    transaction.execute(_FORGET, {"ids": list(turn_ids)})
