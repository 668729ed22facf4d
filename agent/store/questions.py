"""Loads questions as they can be understood without the conversation before them."""

from uuid import UUID

from sqlalchemy import text

from agent.store.database import Transaction

_STANDALONE = text("""
SELECT coalesce((SELECT arguments ->> 'query' FROM tool_calls
                 WHERE turn_id = turns.id AND arguments ? 'query' ORDER BY position, id LIMIT 1), question)
FROM turns WHERE id = :id AND user_id = :user_id AND workspace IS NOT DISTINCT FROM :workspace
""")


def load_standalone(transaction: Transaction, turn_id: UUID, *, workspace: str | None, user_id: str) -> str | None:
    """Returns a turn's question as it was first searched for, else as asked; None unless it is this person's, of
    this workspace."""
    values = {"id": turn_id, "workspace": workspace, "user_id": user_id}
    question: str | None = transaction.scalar(_STANDALONE, values)
    return question
