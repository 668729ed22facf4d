"""The messages of one reply, as Postgres knows them: one row per part, stored before Slack is asked.

Promises that every write checks the turn's lease first. A row ``starting`` has no ``ts`` yet: its message may or
may not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import cast
from uuid import UUID

from sqlalchemy import Table, bindparam, insert, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from agent.store import sessions
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.slack.channels.channel_settings import Stored
from bot.slack.inbox import ReplyAddress
from bot.slack.reading import enclosures
from bot.slack.reading.enclosures import NOTHING, Enclosures
from bot.slack.tables import ReplyRow


class ReplyState(StrEnum):
    """How far a message is."""

    STARTING = "starting"  # Slack is about to be asked
    STREAMING = "streaming"
    POSTED = "posted"
    FINAL = "final"


@dataclass(frozen=True)
class Posted:
    """Where and with what a turn was asked, and the ``ts`` of each message of its reply; None of an unknown one.

    ``settings`` is what is stored for its channel; ``has_earlier`` tells whether its thread has answers already,
    ``is_muted`` whether its owner wants none there. ``is_installed`` tells whether its workspace has installed the
    app, ``limits`` what is set for that in the place of the operator's budgets, by scope and period. ``locale`` is
    what the asker's Slack is set to; empty where that is not known.
    """

    address: ReplyAddress
    ts: Sequence[str | None] = ()
    enclosed: Enclosures = NOTHING
    settings: Stored | None = None
    has_earlier: bool = False
    is_muted: bool = False
    is_installed: bool = False
    limits: Mapping[tuple[BudgetScope, BudgetPeriod], Decimal | None] = field(default_factory=dict)
    locale: str = ""


_POSTED = text("""
SELECT place, ARRAY(SELECT ts FROM replies WHERE turn_id = :id ORDER BY part), enclosed,
       (SELECT settings FROM channel_settings WHERE team = place ->> 'team_id' AND channel = place ->> 'channel'
        ORDER BY version DESC LIMIT 1),
       EXISTS (SELECT 1 FROM turns JOIN turns AS earlier ON earlier.session_id = turns.session_id
               WHERE turns.id = :id AND earlier.seq < turns.seq AND earlier.answer IS NOT NULL),
       EXISTS (SELECT 1 FROM turns JOIN sessions ON sessions.id = turns.session_id
               JOIN thread_settings ON thread_settings.key = sessions.key
               WHERE turns.id = :id AND thread_settings.follow_ups = 'muted'),
       EXISTS (SELECT 1 FROM workspaces WHERE id = place ->> 'team_id' AND removed_at IS NULL),
       (SELECT jsonb_agg(jsonb_build_array(scope, period, limit_usd::text)) FROM workspace_budgets
        WHERE workspace = place ->> 'team_id'),
       (SELECT locale FROM slack_locales WHERE workspace = place ->> 'team_id' AND user_id = place ->> 'user_id')
FROM deliveries WHERE turn_id = :id
""")


def load(transaction: Transaction, turn_id: UUID) -> Posted | None:
    """Returns what is known of a turn's reply; None for a turn from the terminal, or one that was forgotten."""
    row = transaction.execute(_POSTED, {"id": turn_id}).one_or_none()
    if not row or not row[0]:
        return None
    limits = {
        (BudgetScope(scope), BudgetPeriod(period)): None if usd is None else Decimal(usd)
        for scope, period, usd in row[7] or ()
    }
    enclosed, locale = enclosures.from_json(row[2]), row[8] or ""
    return Posted(ReplyAddress(**row[0]), row[1], enclosed, row[3], row[4], row[5], row[6], limits, locale)


class ReplyRows:
    """The rows of one turn's reply. Parts are numbered from 0 and are added in order.

    That a message was posted is stored with the next part or with the turn's end: a worker that ends before finds
    the message by the mark it carries.
    """

    def __init__(self, database: Database, turn: Turn, posted: Posted) -> None:
        self._database, self._turn, self._address = database, turn, posted.address
        self._ts = list(posted.ts)
        self._unstored: dict[int, str] = {}  # the ts of posted messages, by part
        self._announced_with_text = False
        self._own: set[int] = set()  # the parts that this worker announced: no other has asked for their messages

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
            self._store_posted(transaction)
            self._insert(transaction, part)
        self._unstored.clear()
        self._ts.append(None)
        self._own.add(part)

    def withdraw(self, part: int) -> None:
        """Takes back the last announcement, of a message that Slack surely did not post: nobody has to search it.

        Does nothing where another worker, which may have posted it, had announced it.
        """
        if part not in self._own or part != len(self._ts) - 1 or self._ts[part]:
            return
        with self._database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            transaction.execute(_WITHDRAW, {"turn_id": self._turn.id, "part": part})
        self._ts.pop()
        self._own.discard(part)
        self._announced_with_text = False

    def announce_with_text(self, transaction: Transaction) -> None:
        """Does so for the first part, in the transaction that stores the final text."""
        if not self._ts:
            self._insert(transaction, 0)
            self._announced_with_text = True

    def note_text_stored(self) -> None:
        """Learns that the transaction with the final text was committed."""
        if self._announced_with_text and not self._ts:
            self._ts.append(None)
            self._own.add(0)

    @property
    def is_new(self) -> bool:
        """Returns whether this worker announced the first part with the text, and nothing was posted yet."""
        return self._announced_with_text and self._ts == [None]

    def record(self, part: int, ts: str, state: ReplyState) -> None:
        """Stores the message that an announced part became: at once while it grows, else with the next write."""
        self._ts[part] = ts
        self._unstored[part] = ts
        if state == ReplyState.POSTED:
            return
        with self._database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            self._store_posted(transaction, state)
        self._unstored.clear()

    def finalise(self, transaction: Transaction) -> None:
        """Marks every part as final, in the transaction that ends the turn."""
        values = {"turn_id": self._turn.id, "posted": {str(part): ts for part, ts in self._unstored.items()}}
        transaction.execute(_FINALISE, values)

    def note_thread(self, transaction: Transaction, root: str) -> None:
        """Stores in which thread the messages stand, which the first of them began."""
        transaction.execute(_NOTE_THREAD, {"turn_id": self._turn.id, "thread_ts": root})

    def _insert(self, transaction: Transaction, part: int) -> None:
        values = {"turn_id": self._turn.id, "part": part, "state": ReplyState.STARTING}
        place = {"channel": self._address.channel, "thread_ts": self._address.thread_ts}
        transaction.execute(_INSERT, values | place)

    def _store_posted(self, transaction: Transaction, state: ReplyState = ReplyState.POSTED) -> None:
        for part, ts in self._unstored.items():
            row = update(ReplyRow).where(ReplyRow.turn_id == self._turn.id, ReplyRow.part == part)
            transaction.execute(row.values(ts=ts, state=state, updated_at=func.now()))

    def load_known_ts(self) -> set[str]:
        """Loads the ``ts`` of every stored reply in the channel, of other turns too."""
        place = {"channel": self._address.channel, "workspace": self._address.team_id}
        with self._database.transaction() as transaction:
            return set(transaction.scalars(_KNOWN, place))


_KNOWN = text("""
SELECT ts FROM replies JOIN turns ON turns.id = turn_id
WHERE replies.channel = :channel AND ts IS NOT NULL AND workspace = :workspace
""")
_INSERT = insert(cast(Table, ReplyRow.__table__))
_WITHDRAW = text("DELETE FROM replies WHERE turn_id = :turn_id AND part = :part AND ts IS NULL")
_NOTE_THREAD = text("UPDATE replies SET thread_ts = :thread_ts WHERE turn_id = :turn_id")
_FINALISE = text("""
UPDATE replies SET ts = coalesce(CAST(:posted AS jsonb) ->> CAST(part AS text), ts), state = 'final',
       updated_at = now()
WHERE turn_id = :turn_id
""").bindparams(bindparam("posted", type_=JSONB))
