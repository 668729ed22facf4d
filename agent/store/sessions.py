"""Sessions and their turns: the queue of questions in Postgres.

Promises: the turns of one session are claimed one at a time, in order; a turn is worked on by the holder of its
lease token only, and every write of a step goes through :func:`hold`; a turn whose lease ran out can be claimed
again. Knows nothing of Redis: waking workers is the caller's matter, :func:`due` says who needs it.
All times are the database's.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agent.clock import new_id
from agent.errors import LeaseLost
from agent.store.database import Transaction
from agent.store.tables import OPEN_STATUSES
from agent.types import Audience

WAKE_AGAIN_SECONDS = 5  # a queued turn nobody claimed is woken again after this, then twice this, …
WAKE_AGAIN_LIMIT_SECONDS = 60

_OPEN = f"status IN {OPEN_STATUSES}"


@dataclass(frozen=True)
class Turn:
    """A claimed question. ``token`` is the right to write; ``attempt`` counts the claims, from 1."""

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


@dataclass(frozen=True)
class StoredQuestion:
    """A stored question and how many open turns of its session stand before it."""

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
    INSERT INTO turns (id, session_id, seq, user_id, channel, workspace, origin, question, audience, wake_after)
    SELECT :turn_id, id, n_turns, :user_id, :channel, :workspace, :origin, :question, CAST(:audience AS jsonb),
           now() + make_interval(secs => {WAKE_AGAIN_SECONDS})
    FROM session RETURNING session_id
)
SELECT session_id, (SELECT count(*) FROM turns AS t WHERE t.session_id = turn.session_id AND {_OPEN}) FROM turn
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
) -> StoredQuestion:
    """Appends a queued turn to the session ``key``, which is made if it is new.

    ``channel`` and ``workspace`` say where it was asked, and so whose budgets it is paid from beside the person's.
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
            "question": question.replace("\x00", ""),
            "audience": audience_json,
        },
    ).one()
    return StoredQuestion(turn_id, row[0], row[1])


_CLAIM = text(f"""
UPDATE turns SET status = 'running', attempt = attempt + 1, lease_owner = :owner, lease_token = :token,
       lease_until = now() + make_interval(secs => :lease_seconds), started_at = coalesce(started_at, now()),
       wake_after = now(), n_wakes = 0
FROM sessions
WHERE turns.id = (SELECT id FROM turns WHERE session_id = :session_id AND {_OPEN} ORDER BY seq LIMIT 1)
  AND sessions.id = turns.session_id AND run_after <= now()
  AND (turns.status = 'queued' OR lease_until IS NULL OR lease_until < now())
  AND turns.{_OPEN}
RETURNING turns.id, session_id, key AS session_key, seq, user_id, channel, workspace, origin, question, audience,
          attempt
""")


def claim(transaction: Transaction, session_id: UUID, *, owner: str, lease_seconds: float) -> Turn | None:
    """Takes the session's oldest open turn, unless somebody holds it or it is not due yet."""
    token = new_id()
    row = transaction.execute(
        _CLAIM, {"session_id": session_id, "owner": owner, "token": token, "lease_seconds": lease_seconds}
    ).one_or_none()
    if row is None:
        return None
    transaction.execute(_SESSION_STATUS, {"session_id": session_id, "status": "running"})
    values = dict(row._mapping)
    audience = Audience.from_json(values.pop("audience"))
    return Turn(**values, audience=audience, token=token)


_SESSION_STATUS = text("UPDATE sessions SET status = :status, updated_at = now() WHERE id = :session_id")

_RENEW = text("""
UPDATE turns SET lease_until = now() + make_interval(secs => :lease_seconds)
WHERE lease_token = ANY(:tokens) AND status = 'running' RETURNING lease_token, cancel_requested
""")


def renew(transaction: Transaction, tokens: Iterable[UUID], *, lease_seconds: float) -> dict[UUID, bool]:
    """Extends the leases still held; token → whether its turn should be cancelled. Missing ones are lost."""
    rows = transaction.execute(_RENEW, {"tokens": list(tokens), "lease_seconds": lease_seconds})
    return {row[0]: row[1] for row in rows}


_HOLD = text("SELECT 1 FROM turns WHERE id = :id AND lease_token = :token AND status = 'running' FOR UPDATE")


def verify_lease(transaction: Transaction, turn: Turn) -> None:
    """First statement of every step's transaction; raises :class:`LeaseLost` when the turn is not ours now."""
    if transaction.execute(_HOLD, {"id": turn.id, "token": turn.token}).one_or_none() is None:
        raise LeaseLost(f"turn {turn.id} is not held any more")


_FINISH = text("""
UPDATE turns SET status = :status, reason = :reason, answer = :answer, error_id = :error_id, finished_at = now(),
       lease_owner = NULL, lease_token = NULL, lease_until = NULL,
       cost_usd = cost_usd + reserved_usd, reserved_usd = 0  -- of calls a crash cut off
WHERE id = :id AND lease_token = :token AND status = 'running'
""")
_SESSION_END = {"completed": "completed", "failed": "failed", "cancelled": "completed"}


def finish(
    transaction: Transaction,
    turn: Turn,
    *,
    status: str,
    reason: str,
    answer: str | None = None,
    error_id: str | None = None,
) -> None:
    """Ends the turn: ``completed``, ``failed`` or ``cancelled``, with a reason."""
    values = {"status": status, "reason": reason, "answer": answer, "error_id": error_id}
    done: Any = transaction.execute(_FINISH, values | {"id": turn.id, "token": turn.token})
    if done.rowcount != 1:
        raise LeaseLost(f"turn {turn.id} is not held any more")
    transaction.execute(_SESSION_STATUS, {"session_id": turn.session_id, "status": _SESSION_END[status]})


_PUT_BACK = text("""
UPDATE turns SET lease_owner = NULL, lease_token = NULL, lease_until = NULL, n_wakes = 0,
       attempt = greatest(attempt - 1, 0), run_after = now() + make_interval(secs => :delay_seconds),
       wake_after = now() + make_interval(secs => :delay_seconds)
WHERE id = :id AND lease_token = :token AND status = 'running'
""")


def put_back(transaction: Transaction, turn: Turn, *, delay_seconds: float = 0) -> None:
    """Gives the lease up without an end: a deploy, or Slack is away. This attempt does not count."""
    transaction.execute(_PUT_BACK, {"id": turn.id, "token": turn.token, "delay_seconds": delay_seconds})


_PUT_ALL_BACK = text("""
UPDATE turns SET lease_owner = NULL, lease_token = NULL, lease_until = NULL, n_wakes = 0,
       attempt = greatest(attempt - 1, 0), wake_after = now()
WHERE lease_token = ANY(:tokens) AND status = 'running' RETURNING session_id
""")


def put_all_back(transaction: Transaction, tokens: Iterable[UUID]) -> list[UUID]:
    """Gives up every lease of a process that ends; their sessions. Who still writes fails on the token."""
    return [row[0] for row in transaction.execute(_PUT_ALL_BACK, {"tokens": list(tokens)})]


_DUE = text(f"""
SELECT id, session_id FROM (
    SELECT DISTINCT ON (session_id) id, session_id, status, run_after, wake_after, lease_until
    FROM turns WHERE {_OPEN} ORDER BY session_id, seq
) AS first
WHERE wake_after <= now() AND run_after <= now()
  AND (status = 'queued' OR lease_until IS NULL OR lease_until < now())
ORDER BY id LIMIT :limit
""")
_WOKEN = text(f"""
UPDATE turns SET n_wakes = n_wakes + 1, wake_after = now() + make_interval(
    secs => least({WAKE_AGAIN_SECONDS} * power(2, least(n_wakes, 10)), {WAKE_AGAIN_LIMIT_SECONDS}))
WHERE id = ANY(:ids)
""")


def list_due(transaction: Transaction, *, limit: int = 1000) -> list[tuple[UUID, UUID]]:
    """(turn, session) of each session whose first open turn nobody works on and nobody woke lately."""
    return [(row[0], row[1]) for row in transaction.execute(_DUE, {"limit": limit})]


def note_wakes(transaction: Transaction, turn_ids: Sequence[UUID]) -> None:
    """Notes that a worker was told; the next reminder waits twice as long, up to a minute."""
    transaction.execute(_WOKEN, {"ids": list(turn_ids)})


_STOP = text("""
UPDATE turns SET cancel_requested = true
WHERE session_id = (SELECT id FROM sessions WHERE key = :key) AND status = 'running'
  AND started_at <= to_timestamp(:pressed_at) + make_interval(secs => :drift)
""")
CLOCK_DRIFT_SECONDS = 2  # between whoever says when Stop was pressed and Postgres


def request_stop(transaction: Transaction, *, key: str, pressed_at: float) -> bool:
    """Asks whoever works on the session's turn to stop, seen within a second; False when nobody works on one.

    ``pressed_at`` is in seconds since 1970: a turn that began later is not meant.
    """
    stopped: Any = transaction.execute(_STOP, {"key": key, "pressed_at": pressed_at, "drift": CLOCK_DRIFT_SECONDS})
    return bool(stopped.rowcount)


_HAS_ASKED = text("""
SELECT 1 FROM turns JOIN sessions ON sessions.id = session_id WHERE key = :key AND user_id = :user_id LIMIT 1
""")


def has_asked(transaction: Transaction, *, key: str, user_id: str) -> bool:
    """Whether this person asked something in this session before."""
    return transaction.execute(_HAS_ASKED, {"key": key, "user_id": user_id}).one_or_none() is not None


_HISTORY = text("""
SELECT question, answer FROM turns
WHERE session_id = :session_id AND seq < :seq AND status = 'completed' AND answer IS NOT NULL
ORDER BY seq DESC LIMIT :limit
""")


def load_history(transaction: Transaction, session_id: UUID, *, before: int, limit: int) -> list[tuple[str, str]]:
    """(question, answer) of the session's completed turns before the ``before``-th, oldest first."""
    rows = transaction.execute(_HISTORY, {"session_id": session_id, "seq": before, "limit": limit}).all()
    return [(question, answer) for question, answer in reversed(rows)]
