"""What a person changes about a question after asking it: it is taken back, or worded anew, while it waits.

A turn that no worker has claimed yet is changed at once. One that a worker has is stopped: it carries the reason
WITHDRAWN while it is still open, by which the worker knows that nothing is to be said.
"""

from uuid import UUID

from sqlalchemy import text

from agent.store import sessions
from agent.store.database import Transaction, count_rows
from agent.store.sessions import Turn
from agent.store.tables import IS_OPEN
from agent.types import EndReason, TurnStatus

_WITHDRAW = text(f"""
WITH withdrawn AS (
    UPDATE turns SET reason = :reason, cancel_requested = true,
           status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
           finished_at = CASE WHEN status = 'queued' THEN now() ELSE finished_at END
    WHERE id = :id AND {IS_OPEN} RETURNING id, session_id
), idle AS (
    UPDATE sessions SET status = 'completed', updated_at = now() FROM withdrawn
    WHERE sessions.id = withdrawn.session_id AND NOT EXISTS (
        SELECT 1 FROM turns WHERE turns.session_id = sessions.id AND {IS_OPEN}
          AND (turns.id <> withdrawn.id OR turns.status <> 'queued')
    )
)
SELECT session_id FROM withdrawn
""")
_CORRECT = text(f"""
UPDATE turns SET question = :question WHERE id = :id AND status = '{TurnStatus.QUEUED}' AND question <> :question
""")
_INTERRUPT = text(f"""
UPDATE turns SET cancel_requested = true, run_after = least(run_after, now()), wake_after = now()
WHERE workspace = :workspace AND {IS_OPEN} RETURNING session_id
""")
_IS_WITHDRAWN = text("SELECT reason = :reason FROM turns WHERE id = :id")


def withdraw(transaction: Transaction, turn_id: UUID) -> UUID | None:
    """Ends a turn that waits, and asks its worker to drop one that runs; returns the session to wake, None if the
    turn has ended."""
    row = transaction.execute(_WITHDRAW, {"id": turn_id, "reason": EndReason.WITHDRAWN}).one_or_none()
    return row[0] if row else None


def correct(transaction: Transaction, turn_id: UUID, question: str) -> bool:
    """Replaces the question of a turn that no worker has claimed; returns whether it did."""
    return count_rows(transaction, _CORRECT, {"id": turn_id, "question": sessions.clean_question(question)}) > 0


def interrupt_workspace(transaction: Transaction, workspace: str) -> list[UUID]:
    """Asks the workers to stop what runs for a workspace, makes due what waits; returns the sessions to wake."""
    return list(dict.fromkeys(transaction.scalars(_INTERRUPT, {"workspace": workspace})))


def is_withdrawn(transaction: Transaction, turn: Turn) -> bool:
    """Returns whether the person took the question back while a worker had it."""
    return bool(transaction.scalar(_IS_WITHDRAWN, {"id": turn.id, "reason": EndReason.WITHDRAWN}))
