"""The messages of one reply, as Postgres knows them: one row per part, stored before Slack is asked.

Promises that every write checks the turn's lease first. A row ``starting`` has no ``ts`` yet: its message may or
may not exist.
"""

from enum import StrEnum

from sqlalchemy import insert, select, update
from sqlalchemy.sql import func

from agent.store import sessions
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from bot.slack.inbox import ReplyAddress
from bot.slack.tables import ReplyRow


class ReplyState(StrEnum):
    """How far a message is."""

    STARTING = "starting"  # Slack is about to be asked
    STREAMING = "streaming"
    POSTED = "posted"
    FINAL = "final"


class ReplyRows:
    """The rows of one turn's reply. Parts are numbered from 0 and are added in order."""

    def __init__(self, database: Database, turn: Turn, address: ReplyAddress) -> None:
        self._database, self._turn, self._address = database, turn, address
        statement = select(ReplyRow.ts).where(ReplyRow.turn_id == turn.id).order_by(ReplyRow.part)
        with database.transaction() as transaction:
            self._ts: list[str | None] = list(transaction.scalars(statement))

    def __len__(self) -> int:
        return len(self._ts)

    def ts(self, part: int) -> str | None:
        """Returns the message's ``ts``; None if the part has no row, or its message was never heard of."""
        return self._ts[part] if part < len(self._ts) else None

    def announce(self, part: int) -> None:
        """Stores that Slack is about to be asked for the part's message; does nothing if it is stored already."""
        if part < len(self._ts):
            return
        with self._database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            transaction.execute(
                insert(ReplyRow).values(
                    turn_id=self._turn.id,
                    part=part,
                    channel=self._address.channel,
                    thread_ts=self._address.thread_ts,
                    state=ReplyState.STARTING,
                )
            )
        self._ts.append(None)

    def record(self, part: int, ts: str, state: ReplyState) -> None:
        """Stores the message that an announced part became."""
        with self._database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            transaction.execute(
                update(ReplyRow)
                .where(ReplyRow.turn_id == self._turn.id, ReplyRow.part == part)
                .values(ts=ts, state=state, updated_at=func.now())
            )
        self._ts[part] = ts

    def load_known_ts(self) -> set[str]:
        """Loads the ``ts`` of every stored reply in the channel, of other turns too."""
        statement = select(ReplyRow.ts).where(ReplyRow.channel == self._address.channel, ReplyRow.ts.is_not(None))
        with self._database.transaction() as transaction:
            return {ts for ts in transaction.scalars(statement) if ts}


def finalise(transaction: Transaction, turn: Turn) -> None:
    """Marks every part as final; called in the transaction that ends the turn."""
    statement = update(ReplyRow).where(ReplyRow.turn_id == turn.id)
    transaction.execute(statement.values(state=ReplyState.FINAL, updated_at=func.now()))
