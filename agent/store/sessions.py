"""Sessions and their turns: the queue of questions in Postgres.

Promises: the turns of one session are claimed one at a time, in order; only the worker with the lease token
writes to a turn, and every write of a step begins with :func:`verify_lease`; a turn whose lease ran out can be
claimed again. Knows nothing of Redis: callers wake workers, and :mod:`agent.store.wakes` tells for which
sessions. All times are the database's.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agent import secrets
from agent.clock import new_id
from agent.errors import LeaseLost, QuestionEdited
from agent.hidden_characters import strip_invisible
from agent.observability import measures
from agent.store.database import Transaction, count_rows
from agent.store.tables import IS_OPEN
from agent.store.wakes import WAKE_AGAIN_SECONDS
from agent.types import Audience, SessionStatus, TurnStatus


@dataclass(frozen=True)
class Turn:
    """A claimed question. ``token`` is the right to write; ``attempt`` counts the claims, from 1.

    It ``has_record`` where an earlier attempt wrote one, ``is_withdrawn`` where the person took it back,
    ``is_edited`` where they changed it after a worker had it, and ``is_restored`` where it comes from a backup. It
    was ``asked_at``, ``time.monotonic()`` seconds.
    """

    id: UUID
    session_id: UUID
    session_key: str
    seq: int
    user_id: str
    channel: str | None
    workspace: str | None
    origin: str
    question: str
    audience: Audience
    attempt: int
    token: UUID
    has_record: bool = False
    is_withdrawn: bool = False
    is_edited: bool = False
    asked_at: float | None = None
    is_restored: bool = False


@dataclass(frozen=True)
class StoredQuestion:
    """A stored question; ``n_ahead`` counts the open turns of its session before it."""

    turn_id: UUID
    session_id: UUID
    n_ahead: int


_ASK = text(f"""
WITH session AS (
    INSERT INTO sessions (id, key, n_turns) VALUES (:session_id, :key, 1)
    ON CONFLICT (key) DO UPDATE
        SET n_turns = sessions.n_turns + 1, status = 'pending', updated_at = now()
    RETURNING id, n_turns
), turn AS (
    INSERT INTO turns
        (id, session_id, seq, user_id, channel, workspace, origin, question, audience, supersedes, wake_after)
    SELECT :turn_id, id, n_turns, :user_id, :channel, :workspace, :origin, :question, CAST(:audience AS jsonb),
           :supersedes, now() + make_interval(secs => {WAKE_AGAIN_SECONDS})
    FROM session RETURNING session_id
)
SELECT session_id, (SELECT count(*) FROM turns AS t WHERE t.session_id = turn.session_id AND {IS_OPEN}) FROM turn
""")


def ask(
    transaction: Transaction,
    *,
    key: str,
    user_id: str,
    origin: str,
    question: str,
    audience: Audience | None = None,
    turn_id: UUID | None = None,
    channel: str | None = None,
    workspace: str | None = None,
    supersedes: UUID | None = None,
) -> StoredQuestion:
    """Appends a queued turn to the session ``key``, which is created if it is new.

    The question is stored without secrets and characters that nobody sees. ``channel`` and ``workspace`` say where
    it was asked, and so which budgets pay for it beside the person's. It ``supersedes`` the turn whose question
    was edited into this one.
    """
    turn_id = turn_id or new_id()
    audience_json = json.dumps((audience or Audience()).as_json())
    row = transaction.execute(
        _ASK,
        {
            "session_id": new_id(),
            "turn_id": turn_id,
            "key": key,
            "user_id": user_id,
            "channel": channel,
            "workspace": workspace,
            "origin": origin,
            "question": clean_question(question),
            "audience": audience_json,
            "supersedes": supersedes,
        },
    ).one()
    return StoredQuestion(turn_id, row[0], row[1])


def clean_question(question: str) -> str:
    """Returns a question as it is stored: without secrets and characters that nobody sees."""
    return secrets.redact(strip_invisible(question))


_CLAIM = text(f"""
WITH turn AS (
    UPDATE turns SET status = 'running', attempt = attempt + 1, lease_owner = :owner, lease_token = :token,
           lease_until = now() + make_interval(secs => :lease_seconds), started_at = coalesce(started_at, now()),
           wake_after = now(), n_wakes = 0
    WHERE id = (SELECT id FROM turns WHERE session_id = :session_id AND {IS_OPEN} ORDER BY seq LIMIT 1)
      AND run_after <= now() AND (status = 'queued' OR lease_until IS NULL OR lease_until < now()) AND {IS_OPEN}
    RETURNING id, session_id, seq, user_id, channel, workspace, origin, question, audience, attempt, reason,
              edited_question, created_at
), session AS (
    UPDATE sessions SET status = 'running', updated_at = now() FROM turn WHERE sessions.id = turn.session_id
    RETURNING key
)
SELECT turn.id, session_id, key AS session_key, seq, user_id, channel, workspace, origin, question, audience,
       attempt, reason IS NOT DISTINCT FROM 'withdrawn' AS is_withdrawn, edited_question IS NOT NULL AS is_edited,
       extract(epoch FROM now() - created_at) AS age_seconds,
       reason IS NOT DISTINCT FROM 'restored' AS is_restored,
       EXISTS (SELECT 1 FROM messages WHERE turn_id = turn.id)
         OR EXISTS (SELECT 1 FROM model_calls WHERE turn_id = turn.id AND purpose <> 'edited') AS has_record
FROM turn, session
""")


def claim(transaction: Transaction, session_id: UUID, *, owner: str, lease_seconds: float) -> Turn | None:
    """Claims the session's oldest open turn; returns None when there is none, or it is leased or not due yet.

    Example::

        with database.transaction() as transaction:
            turn = sessions.claim(transaction, session_id, owner="worker-1", lease_seconds=9)
        if turn:
            print(turn.question, turn.attempt)
    """
    token = new_id()
    row = transaction.execute(
        _CLAIM, {"session_id": session_id, "owner": owner, "token": token, "lease_seconds": lease_seconds}
    ).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)
    audience = Audience.from_json(values.pop("audience"))
    asked_at = time.monotonic() - float(values.pop("age_seconds"))
    return Turn(**values, audience=audience, token=token, asked_at=asked_at)


_RENEW = text("""
WITH held AS (
    SELECT id, lease_token, cancel_requested FROM turns WHERE lease_token = ANY(:tokens) AND status = 'running'
), free AS (
    SELECT id FROM turns WHERE lease_token = ANY(:tokens) AND status = 'running' FOR UPDATE SKIP LOCKED
), renewed AS (
    UPDATE turns SET lease_until = now() + make_interval(secs => :lease_seconds) FROM free
    WHERE turns.id = free.id RETURNING turns.id
)
SELECT lease_token, renewed.id IS NOT NULL AS is_renewed, cancel_requested AS is_cancelled
FROM held LEFT JOIN renewed USING (id)
""")


@dataclass(frozen=True)
class LeaseState:
    """A lease that is still held. It is not renewed where a step is just being written: that is soon over."""

    is_renewed: bool
    is_cancelled: bool


def renew(transaction: Transaction, tokens: Iterable[UUID], *, lease_seconds: float) -> dict[UUID, LeaseState]:
    """Extends the leases that are still valid; returns their states by token. A token that is missing is lost.

    It waits for no row that is locked: one step that takes long would hold up the renewal of all others.
    """
    rows = transaction.execute(_RENEW, {"tokens": list(tokens), "lease_seconds": lease_seconds})
    return {row.lease_token: LeaseState(row.is_renewed, row.is_cancelled) for row in rows}


_VERIFY = text("SELECT 1 FROM turns WHERE id = :id AND lease_token = :token AND status = 'running' FOR UPDATE")


def verify_lease(transaction: Transaction, turn: Turn) -> None:
    """Locks the turn's row, as the first statement of a step's transaction; raises :class:`LeaseLost` when
    another worker has the turn."""
    if transaction.execute(_VERIFY, {"id": turn.id, "token": turn.token}).one_or_none() is None:
        raise lost_lease(turn)


def lost_lease(turn: Turn) -> LeaseLost:
    """Makes the error of a write that found the lease with another worker."""
    return LeaseLost(f"the lease of turn {turn.id} is lost")


_FINISH = text("""
WITH lost AS (
    UPDATE model_calls SET status = 'failed', error = 'broken off: the turn ended', finished_at = now(),
           cost_usd = reserved_usd, is_estimated = reserved_usd > 0
    WHERE turn_id = :id AND status = 'started' RETURNING id
), cited AS (
    UPDATE sources SET is_cited = true WHERE turn_id = :id AND n = ANY(:cited)
), turn AS (
    UPDATE turns SET status = :status, reason = :reason, answer = :answer, error_id = :error_id,
           finished_at = now(), notice = coalesce(CAST(:notice AS text), notice),
           offered = :offered,
           delivery_error = CASE WHEN CAST(:delivery_error AS text) IS NOT NULL  -- else it came at last
                                 THEN coalesce(delivery_error, :delivery_error) END,
           lease_owner = NULL, lease_token = NULL, lease_until = NULL,
           n_steps = n_steps + (SELECT count(*) FROM lost),
           cost_usd = cost_usd + reserved_usd, reserved_usd = 0  -- of the lost calls, and of those a crash cut off
    WHERE id = :id AND lease_token = :token AND status = 'running'
      AND (edited_question IS NULL OR CAST(:reason AS text) = 'withdrawn') RETURNING session_id
)
UPDATE sessions SET status = :session_status, updated_at = now() FROM turn WHERE sessions.id = turn.session_id
""")
_SESSION_END = {
    TurnStatus.COMPLETED: SessionStatus.COMPLETED,
    TurnStatus.FAILED: SessionStatus.FAILED,
    TurnStatus.CANCELLED: SessionStatus.COMPLETED,
}


def finish(
    transaction: Transaction,
    turn: Turn,
    *,
    status: str,
    reason: str,
    answer: str | None = None,
    notice: str | None = None,
    offered: str | None = None,
    error_id: str | None = None,
    delivery_error: str | None = None,
    cited: Sequence[int] = (),
) -> None:
    """Ends the turn: ``completed``, ``failed`` or ``cancelled``, with a reason. Closes its open model calls: they
    count as steps, and are charged as held.

    ``cited`` are the numbers of the sources that the answer cites; ``notice`` stood below it, ``offered`` is the
    first question that was suggested there; ``delivery_error`` says why it is not where it was asked for. Raises
    :class:`QuestionEdited`, and ends nothing, where the person has changed the question meanwhile.
    """
    outcome = {"status": status, "reason": reason, "answer": answer, "notice": notice, "offered": offered}
    errors = {"error_id": error_id, "delivery_error": delivery_error}
    keys = {
        "id": turn.id,
        "token": turn.token,
        "cited": list(cited),
        "session_status": _SESSION_END[TurnStatus(status)],
    }
    if count_rows(transaction, _FINISH, outcome | errors | keys) != 1:
        verify_lease(transaction, turn)
        raise QuestionEdited(f"the question of turn {turn.id} was changed")
    measures.count_end(transaction, outcome=status, reason=reason, asked_at=turn.asked_at)


_HAS_OPEN = text(f"SELECT EXISTS (SELECT 1 FROM turns WHERE session_id = :id AND {IS_OPEN})")


def has_open(transaction: Transaction, session_id: UUID) -> bool:
    """Returns whether the session has an open turn; call it after :func:`finish`.

    A question that is stored later waits for the session's row, which ``finish`` has changed, and is woken after
    the commit.
    """
    return bool(transaction.scalar(_HAS_OPEN, {"id": session_id}))


_PUT_BACK = text("""
UPDATE turns SET lease_owner = NULL, lease_token = NULL, lease_until = NULL, n_wakes = 0,
       attempt = greatest(attempt - 1, 0), run_after = now() + make_interval(secs => :delay_seconds),
       wake_after = now() + make_interval(secs => :delay_seconds)
WHERE id = :id AND lease_token = :token AND status = 'running'
""")


def put_back(transaction: Transaction, turn: Turn, *, delay_seconds: float = 0) -> None:
    """Gives the lease up without ending the turn, for a deploy or while Slack is down. The attempt does not
    count."""
    transaction.execute(_PUT_BACK, {"id": turn.id, "token": turn.token, "delay_seconds": delay_seconds})


_PUT_ALL_BACK = text("""
UPDATE turns SET lease_owner = NULL, lease_token = NULL, lease_until = NULL, n_wakes = 0,
       attempt = greatest(attempt - 1, 0), wake_after = now()
WHERE lease_token = ANY(:tokens) AND status = 'running' RETURNING session_id
""")


def put_all_back(transaction: Transaction, tokens: Iterable[UUID]) -> list[UUID]:
    """Gives up every lease of a process that ends; returns their sessions. Threads that still write fail on the
    token."""
    return [row[0] for row in transaction.execute(_PUT_ALL_BACK, {"tokens": list(tokens)})]


_STOP = text("""
UPDATE turns SET cancel_requested = true, edited_question = NULL
WHERE session_id = (SELECT id FROM sessions WHERE key = :key) AND status = 'running'
  AND started_at <= to_timestamp(:pressed_at) + make_interval(secs => :drift)
""")
CLOCK_DRIFT_SECONDS = 2  # between Slack, which says when Stop was pressed, and Postgres


def request_stop(transaction: Transaction, *, key: str, pressed_at: float) -> bool:
    """Asks the worker of the session's running turn to stop, which it sees within a second; returns whether
    there is one.

    ``pressed_at`` is in seconds since 1970: a turn that began later is not stopped.
    """
    values = {"key": key, "pressed_at": pressed_at, "drift": CLOCK_DRIFT_SECONDS}
    return count_rows(transaction, _STOP, values) > 0


_RESTATE = text(
    "UPDATE turns SET question = :question WHERE id = :id AND lease_token = :token AND status = 'running'"
)


def restate(transaction: Transaction, turn: Turn, question: str) -> str:
    """Stores what a claimed turn asks, where that was not known when it was stored; returns it as it is stored."""
    stored = clean_question(question)
    if count_rows(transaction, _RESTATE, {"id": turn.id, "token": turn.token, "question": stored}) != 1:
        raise lost_lease(turn)
    return stored


_MOVE = text("""
WITH session AS (
    INSERT INTO sessions (id, key, n_turns) VALUES (:session_id, :key, 1)
    ON CONFLICT (key) DO UPDATE
        SET n_turns = sessions.n_turns + 1, status = 'pending', updated_at = now()
    RETURNING id, n_turns
)
UPDATE turns SET session_id = session.id, seq = session.n_turns, status = 'queued', question = :question,
       lease_owner = NULL, lease_token = NULL, lease_until = NULL, n_wakes = 0, wake_after = now(),
       attempt = greatest(attempt - 1, 0)
FROM session WHERE turns.id = :id AND lease_token = :token AND turns.status = 'running'
RETURNING turns.session_id
""")
_DELETE_EMPTY = text("""
DELETE FROM sessions WHERE id = :id AND NOT EXISTS (SELECT 1 FROM turns WHERE session_id = :id)
""")


def move(transaction: Transaction, turn: Turn, *, key: str, question: str) -> UUID:
    """Gives the lease up and appends the turn to the session ``key``, where it belongs; returns that session."""
    values = {"session_id": new_id(), "key": key, "id": turn.id, "token": turn.token}
    row = transaction.execute(_MOVE, values | {"question": clean_question(question)}).one_or_none()
    if row is None:
        raise lost_lease(turn)
    transaction.execute(_DELETE_EMPTY, {"id": turn.session_id})
    return UUID(str(row[0]))
