"""The inbox: stores each question in Postgres, once, before Slack hears that it arrived.

Promises one short transaction per question. A second delivery of the same message, and the ``message`` twin of an
``app_mention``, find the first one and change nothing. Knows nothing of Redis: the caller wakes a worker.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from agent import types
from agent.clock import new_id
from agent.store import locks, revisions, sessions
from agent.store.database import Database, Transaction
from agent.store.sessions import StoredQuestion, Turn
from agent.store.tables import HAS_ENDED, Json, TurnRow
from agent.types import Audience, TurnStatus
from bot.slack.reading import enclosures as enclosed_json
from bot.slack.reading.enclosures import NOTHING, Enclosures
from bot.slack.replies.closing.buttons import AnswerPlace
from bot.slack.tables import DeliveryRow


class Origin(StrEnum):
    """How a question was asked in Slack."""

    MENTION = "mention"
    DIRECT = "dm"
    THREAD = "thread"  # a follow-up without a mention
    COMMAND = "command"
    SHORTCUT = "shortcut"  # at a message, which is then asked about
    REACTION = "reaction"  # by the operator's emoji at a message
    CHANNEL = "channel"  # a message in a channel where all are answered
    SCHEDULED = types.SCHEDULED  # by the clock, at a time that somebody set


_RARE = ("session", "quotes_question", "keeps_original", "only_asker", "is_scheduled")


@dataclass(frozen=True)
class ReplyAddress:
    """Where a question was asked, and so where its answer goes. Stored as JSON under these names."""

    team_id: str
    channel: str
    user_id: str
    ts: str | None = None  # of the question's message; None for a command
    thread_ts: str | None = None  # of the thread the answer goes to; None for a command
    response_url: str | None = None  # of a command or a click: 5 uses within 30 minutes
    is_direct: bool = False
    asker_team_id: str | None = None  # another company's in a shared channel
    session: str | None = None  # of a command that follows up on another one: the key of its session
    quotes_question: bool = False  # nothing else shows the question: it was asked by a click
    keeps_original: bool = False  # a response URL's own message stays: it is an answer, or somebody's message
    only_asker: bool = False  # the channel wants answers in its threads to be shown to their askers alone
    is_scheduled: bool = False  # the clock asks: the answer is a message of the conversation, for all who see it

    @property
    def session_key(self) -> str:
        """Returns the session's key: one session per thread; each command has a session of its own."""
        return self.session or f"slack:{self.team_id}:{self.channel}:{self.thread_ts or new_id()}"

    @property
    def place(self) -> AnswerPlace:
        """Returns where the answer will stand."""
        if (self.thread_ts and not self.only_asker) or self.is_scheduled:
            return AnswerPlace.DIRECT if self.is_direct else AnswerPlace.THREAD
        return AnswerPlace.ALONE if self.channel.startswith("D") else AnswerPlace.EPHEMERAL

    def as_json(self) -> dict[str, str | bool | None]:
        """Returns the fields as they are stored, without those that few questions have: workers of the release
        before do not know them."""
        fields = asdict(self)
        return {name: value for name, value in fields.items() if value or name not in _RARE}

    @property
    def is_private(self) -> bool:
        """Returns whether only the asker will see the answer."""
        return self.is_direct or self.only_asker or (self.thread_ts is None and not self.is_scheduled)

    @property
    def audience(self) -> Audience:
        """Returns who will see the answer, as far as the place tells: more is looked up when it is answered."""
        member = {f"channel:{self.channel}"} | ({f"user:{self.user_id}"} if self.is_private else set())
        return Audience((frozenset(member),))


@dataclass(frozen=True)
class StoppedQuestion:
    """A question that its asker stopped; ``address`` where it ended with that, because nobody had begun it."""

    session_id: UUID
    address: ReplyAddress | None


@dataclass(frozen=True)
class NewQuestion:
    """A question to store under its delivery key; it ``supersedes`` the turn whose question was edited into it.

    Where its author has asked ``per_minute`` questions in the last minute, it is not stored; 0 is without limit.
    Then its key is, so that no other delivery asks it after all, but where the person ``may_come_again`` under it.
    """

    key: str
    address: ReplyAddress
    origin: Origin
    question: str
    enclosed: Enclosures = NOTHING
    per_minute: int = 0
    may_come_again: bool = False
    supersedes: UUID | None = None


@dataclass(frozen=True)
class TooManyQuestions:
    """The person has asked as many as one may in a minute; ``wait_seconds`` until the next."""

    wait_seconds: int


_DELIVER = text("""
WITH last_allowed AS (
    SELECT ceil(60 - extract(epoch FROM now() - created_at)) AS wait_seconds FROM turns
    WHERE created_at > now() - interval '1 minute' AND user_id = :user_id AND workspace = :team_id
    ORDER BY created_at DESC OFFSET :before LIMIT :n_looked_at
)
INSERT INTO deliveries (id, key, turn_id, place, enclosed)
SELECT :id, :key, CASE WHEN wait_seconds IS NULL THEN CAST(:turn_id AS uuid) END,
       CASE WHEN wait_seconds IS NULL THEN :place ELSE '{}' END, CASE WHEN wait_seconds IS NULL THEN :enclosed END
FROM (SELECT) AS one LEFT JOIN last_allowed ON true
ON CONFLICT (key) DO NOTHING RETURNING (SELECT wait_seconds FROM last_allowed) AS wait_seconds
""").bindparams(bindparam("place", type_=JSONB), bindparam("enclosed", type_=JSONB(none_as_null=True)))


def store(database: Database, new: NewQuestion) -> StoredQuestion | TooManyQuestions | None:
    """Stores a question; returns None if its key is stored already.

    Raises SQLAlchemy's OperationalError if Postgres is away; the caller must not acknowledge then::

        address = ReplyAddress("T1", "C1", "U1", ts="1.1", thread_ts="1.1")
        new = NewQuestion("message:T1:C1:1.1", address, Origin.MENTION, "How many days?")
        if stored := inbox.store(database, new):
            wake(stored.session_id)
    """
    with database.transaction() as transaction:
        return store_in(transaction, new)


def store_in(transaction: Transaction, new: NewQuestion) -> StoredQuestion | TooManyQuestions | None:
    """Does so in a transaction that does more."""
    turn_id, address = new_id(), new.address
    values = {
        "id": new_id(),
        "key": new.key,
        "turn_id": turn_id,
        "place": address.as_json(),
        "enclosed": new.enclosed.to_json(),
        "user_id": address.user_id,
        "team_id": address.team_id,
        "before": max(new.per_minute - 1, 0),
        "n_looked_at": 1 if new.per_minute else 0,
    }
    if new.per_minute:  # one question of a person at a time
        locks.lock(transaction, f"asks:{address.team_id}:{address.user_id}")
    delivery = transaction.execute(_DELIVER, values).one_or_none()
    if delivery is None:
        return None
    if delivery.wait_seconds is not None:
        if new.may_come_again:
            transaction.execute(delete(DeliveryRow).where(DeliveryRow.key == new.key))
        return TooManyQuestions(max(1, int(delivery.wait_seconds)))
    return sessions.ask(
        transaction,
        key=address.session_key,
        user_id=address.user_id,
        channel=address.channel,
        workspace=address.team_id,
        origin=new.origin,
        question=new.question,
        audience=address.audience,
        turn_id=turn_id,
        supersedes=new.supersedes,
    )


def store_scheduled(transaction: Transaction, address: ReplyAddress, question: str) -> StoredQuestion | None:
    """Stores a question that the clock asks, under the key of its session; None where that was done."""
    turn_id, key = new_id(), address.session_key
    delivery = insert(DeliveryRow).values(key=key, turn_id=turn_id, place=address.as_json(), enclosed=None)
    if transaction.execute(delivery.on_conflict_do_nothing().returning(DeliveryRow.id)).one_or_none() is None:
        return None
    return sessions.ask(
        transaction,
        key=key,
        user_id=address.user_id,
        channel=address.channel,
        workspace=address.team_id,
        origin=Origin.SCHEDULED,
        question=question,
        audience=address.audience,
        turn_id=turn_id,
    )


def find_session(database: Database, key: str) -> UUID | None:
    """Returns the session of the question under this key; None if it is not stored."""
    turn = select(TurnRow.session_id).join(DeliveryRow, DeliveryRow.turn_id == TurnRow.id)
    with database.transaction() as transaction:
        return transaction.scalar(turn.where(DeliveryRow.key == key))


_HOLD_BACK = text("""
INSERT INTO deliveries (id, key) SELECT :id, :key WHERE CAST(:session_key AS text) IS NULL OR EXISTS (
    SELECT FROM turns JOIN sessions ON sessions.id = session_id
    WHERE sessions.key = :session_key AND user_id = :user_id)
ON CONFLICT (key) DO NOTHING
""")


def withdraw(database: Database, key: str, *, follows_up: ReplyAddress | None = None) -> UUID | None:
    """Takes back the question under this key unless it was answered; returns the session to wake.

    A key that is not stored yet is stored without a question: the delivery that is still to come finds it there.
    Of what only ``follows_up``, it is where its author has asked in that thread: else it was no question.
    """
    values = {
        "id": new_id(),
        "key": key,
        "session_key": follows_up.session_key if follows_up else None,
        "user_id": follows_up.user_id if follows_up else None,
    }
    with database.transaction() as transaction:
        transaction.execute(_HOLD_BACK, values)
        turn_id = _find_turn(transaction, key)
        return revisions.withdraw(transaction, turn_id) if turn_id else None


def correct(transaction: Transaction, key: str, question: str) -> tuple[UUID, TurnStatus] | None:
    """Replaces the question under this key, see :func:`agent.store.revisions.correct`; returns its turn, and how
    far that is, None where nothing changes."""
    turn_id = _find_turn(transaction, key)
    status = revisions.correct(transaction, turn_id, question) if turn_id else None
    return (turn_id, status) if turn_id and status else None


_MARKED = text("""
WITH marked AS (
    SELECT turn_id FROM deliveries WHERE key = ANY(:keys) AND turn_id IS NOT NULL
    UNION SELECT turn_id FROM replies JOIN turns ON turns.id = turn_id
    WHERE replies.channel = :channel AND ts = :ts AND workspace = :workspace
)
SELECT turn_id FROM marked UNION SELECT id FROM turns WHERE supersedes IN (SELECT turn_id FROM marked)
""")
_PLACES = text("SELECT turn_id, place FROM deliveries WHERE turn_id = ANY(:ids) AND place ? 'channel'")


def stop(database: Database, address: ReplyAddress) -> list[StoppedQuestion]:
    """Stops the questions that this person asked with the message at ``address``, or that it answers."""
    keys = [f"{kind}:{address.team_id}:{address.channel}:{address.ts}" for kind in ("message", "reaction")]
    values = {"keys": keys, "channel": address.channel, "ts": address.ts, "workspace": address.team_id}
    with database.transaction() as transaction:
        turn_ids = transaction.scalars(_MARKED, values).all()
        stopped = revisions.stop(transaction, turn_ids, address.user_id) if turn_ids else []
        ended = [one.id for one in stopped if one.has_ended]
        places = {row[0]: row[1] for row in transaction.execute(_PLACES, {"ids": ended})} if ended else {}
    addresses = {id_: ReplyAddress(**place) for id_, place in places.items()}
    return [StoppedQuestion(one.session_id, addresses.get(one.id)) for one in stopped]


_EDITED = text(f"""
SELECT place, enclosed, origin, edited_question, coalesce(supersedes, turns.id) AS supersedes
FROM turns JOIN deliveries ON deliveries.turn_id = turns.id
WHERE turns.id = :id AND turns.user_id = :user_id AND workspace = :workspace
  AND edited_question IS NOT NULL AND {HAS_ENDED}
""")


def load_edited(transaction: Transaction, turn_id: UUID, *, workspace: str, user_id: str) -> NewQuestion | None:
    """Loads what a person of a workspace made of their question after its answer, to have that answered, too; None
    where that is nothing."""
    row = transaction.execute(_EDITED, {"id": turn_id, "workspace": workspace, "user_id": user_id}).one_or_none()
    if row is None or not row.place:
        return None
    digest = hashlib.sha256(row.edited_question.encode()).hexdigest()[:16]
    return NewQuestion(
        f"again:{turn_id}:{digest}",
        replace(ReplyAddress(**row.place), quotes_question=True),
        Origin.THREAD if row.origin == Origin.CHANNEL else Origin(row.origin),  # it is asked for by now
        row.edited_question,
        enclosed_json.from_json(row.enclosed),
        may_come_again=True,
        supersedes=row.supersedes,
    )


_MOVE = text("""
UPDATE deliveries SET place = place || jsonb_build_object('thread_ts', CAST(:thread_ts AS text))
WHERE turn_id = :turn_id
""")


def move(transaction: Transaction, turn: Turn, address: ReplyAddress, *, thread_ts: str, question: str) -> UUID:
    """Moves a claimed question into the thread that it turned out to belong to; returns that session, to wake."""
    transaction.execute(_MOVE, {"turn_id": turn.id, "thread_ts": thread_ts})
    key = replace(address, thread_ts=thread_ts).session_key
    return sessions.move(transaction, turn, key=key, question=question)


def forget(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
    """Deletes who asked these turns, where and with what. The keys stay: a second delivery is still known."""
    forgotten: Json = {"place": {}, "enclosed": None}
    transaction.execute(update(DeliveryRow).where(DeliveryRow.turn_id.in_(turn_ids)).values(forgotten))


_TURN = text("""
SELECT coalesce((SELECT id FROM turns WHERE supersedes = turn_id ORDER BY id DESC LIMIT 1), turn_id)
FROM deliveries WHERE key = :key
""")


def _find_turn(transaction: Transaction, key: str) -> UUID | None:
    """Returns the turn of the question under this key: the last, where it was edited and asked again."""
    turn_id: UUID | None = transaction.scalar(_TURN, {"key": key})
    return turn_id
