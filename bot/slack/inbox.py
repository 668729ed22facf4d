"""The inbox: stores each question in Postgres, once, before Slack hears that it arrived.

Promises one short transaction per question. A second delivery of the same message, and the ``message`` twin of an
``app_mention``, find the first one and change nothing. Knows nothing of Redis: the caller wakes a worker.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.store import revisions, sessions
from agent.store.database import Database, Transaction
from agent.store.sessions import StoredQuestion
from agent.types import EVERYONE, Audience
from bot.slack.tables import DeliveryRow


class Origin(StrEnum):
    """How a question was asked in Slack."""

    MENTION = "mention"
    DIRECT = "dm"
    THREAD = "thread"  # a follow-up without a mention
    COMMAND = "command"


@dataclass(frozen=True)
class ReplyAddress:
    """Where a question was asked, and so where its answer goes. Stored as JSON under these names."""

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
        """Returns the session's key: one session per thread; each command has a session of its own."""
        return f"slack:{self.team_id}:{self.channel}:{self.thread_ts or new_id()}"

    @property
    def audience(self) -> Audience:
        """Returns who will see the answer: the channel's members, or the asker if it is direct or a command."""
        is_private = self.is_direct or self.thread_ts is None
        member = {EVERYONE, f"channel:{self.channel}"} | ({f"user:{self.user_id}"} if is_private else set())
        return Audience((frozenset(member),))


def store(
    database: Database, *, key: str, address: ReplyAddress, origin: Origin, question: str
) -> StoredQuestion | None:
    """Stores a question under its delivery key; returns None if the key is stored already.

    Raises SQLAlchemy's OperationalError if Postgres is away; the caller must not acknowledge then::

        address = ReplyAddress("T1", "C1", "U1", ts="1.1", thread_ts="1.1")
        stored = inbox.store(
            database, key="message:T1:C1:1.1", address=address, origin=Origin.MENTION, question="How many days?"
        )
        if stored:
            wake(stored.session_id)
    """
    turn_id = new_id()
    delivery = insert(DeliveryRow).values(key=key, turn_id=turn_id, place=asdict(address))
    with database.transaction() as transaction:
        statement = delivery.on_conflict_do_nothing(index_elements=["key"]).returning(DeliveryRow.id)
        if transaction.execute(statement).one_or_none() is None:
            return None
        return sessions.ask(
            transaction,
            key=address.session_key,
            user_id=address.user_id,
            channel=address.channel,
            workspace=address.team_id,
            origin=origin,
            question=question,
            audience=address.audience,
            turn_id=turn_id,
        )


def withdraw(database: Database, key: str) -> UUID | None:
    """Takes back the question under this key unless it was answered; returns the session to wake.

    A key that is not stored yet is stored without a question: the delivery that is still to come finds it there.
    """
    with database.transaction() as transaction:
        transaction.execute(insert(DeliveryRow).values(key=key).on_conflict_do_nothing(index_elements=["key"]))
        turn_id = _find_turn(transaction, key)
        return revisions.withdraw(transaction, turn_id) if turn_id else None


def correct(database: Database, key: str, question: str) -> bool:
    """Replaces the question under this key while no worker has it; returns whether it did."""
    with database.transaction() as transaction:
        turn_id = _find_turn(transaction, key)
        return turn_id is not None and revisions.correct(transaction, turn_id, question)


def load_address(transaction: Transaction, turn_id: UUID) -> ReplyAddress | None:
    """Returns where the turn was asked; None for a turn from the terminal, or one that was forgotten."""
    statement = select(DeliveryRow.place).where(DeliveryRow.turn_id == turn_id)
    place = transaction.execute(statement).scalar_one_or_none()
    return ReplyAddress(**place) if place else None


def forget(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
    """Deletes who asked these turns and where. The keys stay, so that a second delivery is still recognised."""
    transaction.execute(update(DeliveryRow).where(DeliveryRow.turn_id.in_(turn_ids)).values(place={}))


def _find_turn(transaction: Transaction, key: str) -> UUID | None:
    return transaction.scalar(select(DeliveryRow.turn_id).where(DeliveryRow.key == key))
