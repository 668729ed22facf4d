"""Loads what was said in a session before a turn, and what it rests on."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agent.store.database import Transaction
from agent.types import Audience


@dataclass(frozen=True)
class EarlierTurn:
    """A completed turn, with the documents that its model was shown and the tools that were called."""

    question: str
    answer: str
    audience: Audience
    document_ids: frozenset[str]
    tools: frozenset[str]


_EARLIER = text("""
SELECT question, answer, audience,
       ARRAY(SELECT document_id FROM sources WHERE turn_id = turns.id),
       ARRAY(SELECT name FROM tool_calls WHERE turn_id = turns.id AND NOT is_error)
FROM turns
WHERE session_id = :session_id AND seq < :before AND status = 'completed' AND answer IS NOT NULL
ORDER BY seq DESC LIMIT :limit
""")


def load(transaction: Transaction, session_id: UUID, *, before: int, limit: int) -> list[EarlierTurn]:
    """Loads the last completed turns before the ``before``-th, oldest first."""
    values = {"session_id": session_id, "before": before, "limit": limit}
    rows = transaction.execute(_EARLIER, values).all()
    return [
        EarlierTurn(question, answer, Audience.from_json(audience), frozenset(documents), frozenset(tools))
        for question, answer, audience, documents, tools in reversed(rows)
    ]
