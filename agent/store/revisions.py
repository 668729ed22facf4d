"""What a person changes about a question after asking it: it is taken back, stopped, or worded anew.

A turn that no worker has claimed yet is changed at once. One that a worker has is told to stop: while it is open,
the reason WITHDRAWN says that nothing is to be said, and ``edited_question`` that it begins again with that
(:func:`begin_again`). After its end that column keeps what the person may ask instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agent.errors import QuestionEdited
from agent.observability import measures
from agent.store import budgets, sessions
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.tables import IS_OPEN
from agent.types import EndReason, Purpose, TurnStatus

_TAKE_BACK = text(f"""
WITH stopped AS (
    UPDATE turns SET reason = :reason, cancel_requested = true, edited_question = NULL,
           status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
           finished_at = CASE WHEN status = 'queued' THEN now() ELSE finished_at END
    WHERE id = ANY(:ids) AND {IS_OPEN} AND (user_id = :user_id OR CAST(:user_id AS text) IS NULL)
      AND reason IS DISTINCT FROM 'withdrawn'
    RETURNING turns.id, session_id, status
), idle AS (
    UPDATE sessions SET status = 'completed', updated_at = now() FROM stopped
    WHERE sessions.id = stopped.session_id AND NOT EXISTS (
        SELECT 1 FROM turns WHERE turns.session_id = sessions.id AND {IS_OPEN}
          AND (turns.id <> stopped.id OR turns.status <> 'queued')
    )
)
SELECT id, session_id, status FROM stopped
""")
_INTERRUPT = text(f"""
UPDATE turns SET cancel_requested = cancel_requested OR lease_token IS NOT NULL,
       run_after = least(run_after, now()), wake_after = now()
WHERE workspace = :workspace AND {IS_OPEN} RETURNING session_id
""")


_MAKE_DUE = text(f"""
UPDATE turns SET run_after = least(run_after, now()), wake_after = now()
WHERE workspace = :workspace AND {IS_OPEN} RETURNING session_id
""")


@dataclass(frozen=True)
class StoppedTurn:
    """A turn that was stopped, and whether it ended with that: no worker had begun it."""

    id: UUID
    session_id: UUID
    has_ended: bool


def withdraw(transaction: Transaction, turn_id: UUID) -> UUID | None:
    """Ends a turn that waits, and asks its worker to drop one that runs; returns the session to wake, None if the
    turn has ended."""
    stopped = _take_back(transaction, [turn_id], EndReason.WITHDRAWN)
    return stopped[0].session_id if stopped else None


def stop(transaction: Transaction, turn_ids: Sequence[UUID], user_id: str) -> list[StoppedTurn]:
    """Ends those of the turns that this person asked and that wait, and asks the workers of those that run to stop
    with what is there; returns them."""
    return _take_back(transaction, turn_ids, EndReason.STOPPED, user_id)


def interrupt_workspace(transaction: Transaction, workspace: str) -> list[UUID]:
    """Asks the workers to stop what runs for a workspace, makes due what waits; returns the sessions to wake.

    What waits ends where the app is not installed, and is answered where it is again by then: nobody stopped it.
    """
    return list(dict.fromkeys(transaction.scalars(_INTERRUPT, {"workspace": workspace})))


def make_due(transaction: Transaction, workspace: str) -> list[UUID]:
    """Makes due what waits for a workspace, because Slack may answer otherwise now; returns the sessions to
    wake."""
    return list(dict.fromkeys(transaction.scalars(_MAKE_DUE, {"workspace": workspace})))


def _take_back(
    transaction: Transaction, turn_ids: Sequence[UUID], reason: EndReason, user_id: str | None = None
) -> list[StoppedTurn]:
    values = {"ids": list(turn_ids), "reason": reason, "user_id": user_id}
    rows = transaction.execute(_TAKE_BACK, values)
    stopped = [StoppedTurn(row.id, row.session_id, row.status == TurnStatus.CANCELLED) for row in rows]
    for _ in filter(lambda turn: turn.has_ended, stopped):
        measures.count_end(transaction, outcome=TurnStatus.CANCELLED, reason=reason)
    return stopped


_CORRECT = text("""
WITH before AS (SELECT id, status, question, edited_question FROM turns WHERE id = :id FOR UPDATE)
UPDATE turns SET
    question = CASE WHEN before.status = 'queued' THEN :question ELSE before.question END,
    edited_question = CASE
        WHEN before.status = 'running' OR (before.status <> 'queued' AND before.question <> :question)
        THEN :question END,
    cancel_requested = turns.cancel_requested OR before.status = 'running'
FROM before
WHERE turns.id = before.id AND turns.reason IS DISTINCT FROM 'withdrawn'
  AND coalesce(before.edited_question, before.question) <> :question
RETURNING turns.status, turns.edited_question IS NOT NULL AS is_other
""")


def correct(transaction: Transaction, turn_id: UUID, question: str) -> TurnStatus | None:
    """Replaces the question of a turn that waits, lets one that runs begin again with it, and keeps it with one
    that has ended; returns which of these it is, None where that changes nothing."""
    values = {"id": turn_id, "question": sessions.clean_question(question)}
    row = transaction.execute(_CORRECT, values).one_or_none()
    if row is None or (row.status not in (TurnStatus.QUEUED, TurnStatus.RUNNING) and not row.is_other):
        return None
    return TurnStatus(row.status)


_REVISION = text("SELECT reason = :withdrawn, edited_question IS NOT NULL FROM turns WHERE id = :id")


def check(transaction: Transaction, turn: Turn) -> bool:
    """Returns whether the person took the question back while a worker had it; raises :class:`QuestionEdited`
    where they changed it."""
    values = {"id": turn.id, "withdrawn": EndReason.WITHDRAWN}
    is_withdrawn, is_edited = transaction.execute(_REVISION, values).one()
    if is_edited and not is_withdrawn:
        raise QuestionEdited(f"the question of turn {turn.id} was changed")
    return bool(is_withdrawn)


_BEGIN_AGAIN = text("""
WITH lost AS (
    UPDATE model_calls SET status = 'failed', error = 'broken off: the question was changed', finished_at = now(),
           cost_usd = reserved_usd, is_estimated = reserved_usd > 0
    WHERE turn_id = :id AND status = 'started' RETURNING reserved_usd
), message AS (
    DELETE FROM messages WHERE turn_id = :id
), call AS (
    DELETE FROM tool_calls WHERE turn_id = :id
), source AS (
    DELETE FROM sources WHERE turn_id = :id
)
UPDATE turns SET question = edited_question, edited_question = NULL, cancel_requested = false, reason = NULL,
       known_before = NULL, notice = NULL, n_steps = n_steps + (SELECT count(*) FROM lost),
       cost_usd = cost_usd + (SELECT coalesce(sum(reserved_usd), 0) FROM lost),
       reserved_usd = reserved_usd - (SELECT coalesce(sum(reserved_usd), 0) FROM lost)
WHERE id = :id AND edited_question IS NOT NULL RETURNING question
""")
_MARK_EDITED = text("UPDATE model_calls SET purpose = :purpose WHERE turn_id = :id")


def begin_again(transaction: Transaction, turn: Turn) -> str | None:
    """Makes a claimed turn ask its new wording; returns that, None where a later Stop took it back.

    What was found for the former one is forgotten, and its model calls stay, charged. The turn's limits begin
    anew: every edit is a person's.
    """
    sessions.verify_lease(transaction, turn)
    question: str | None = transaction.scalar(_BEGIN_AGAIN, {"id": turn.id})
    if question is None:
        return None
    transaction.execute(_MARK_EDITED, {"id": turn.id, "purpose": Purpose.EDITED})
    budgets.release(transaction, turn.id)
    return question
