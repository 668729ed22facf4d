"""Loads what was said in a session before a turn, what it rests on, and what a question means without it.

An answer rests on the documents and tools of its own turn, and on those of the earlier answers in its prompt: what
was said once may be repeated without being found again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.types import Audience


@dataclass(frozen=True)
class Basis:
    """What an answer rests on: the documents that its model was shown or told of, and the tools that were called.

    ``audience`` is whom the answer was for.
    """

    audience: Audience
    document_ids: frozenset[str]
    tools: frozenset[str]


@dataclass(frozen=True)
class EarlierTurn:
    """A completed turn; ``offered`` is the first question that was suggested below its answer, if any was."""

    question: str
    answer: str
    basis: Basis
    offered: str = ""


BASIS = """turns.audience,
       ARRAY(SELECT document_id FROM sources WHERE turn_id = turns.id
             UNION SELECT jsonb_path_query(result, 'lax $.documents[*].document_id') #>> '{}' FROM tool_calls
                   WHERE turn_id = turns.id
             UNION SELECT jsonb_array_elements_text(turns.known_before -> 'documents')),
       ARRAY(SELECT name FROM tool_calls WHERE turn_id = turns.id AND NOT is_error
             UNION SELECT jsonb_array_elements_text(turns.known_before -> 'tools'))"""  # the columns of a Basis
_EARLIER = text(f"""
SELECT question, answer, coalesce(offered, ''), {BASIS} FROM turns
WHERE session_id = :session_id AND seq < :before AND status = 'completed' AND answer IS NOT NULL
  AND NOT EXISTS (  -- the person has edited the question, and asked again
      SELECT FROM turns AS again
      WHERE again.supersedes = coalesce(turns.supersedes, turns.id) AND again.seq > turns.seq)
ORDER BY seq DESC LIMIT :limit
""")
_OF_TURN = text(f"SELECT {BASIS} FROM turns WHERE id = :id")
_NOTE = text("""
UPDATE turns SET known_before = jsonb_build_object(
    'documents', coalesce(known_before -> 'documents', '[]') || CAST(:documents AS jsonb),
    'tools', coalesce(known_before -> 'tools', '[]') || CAST(:tools AS jsonb))
WHERE id = :id AND lease_token = :token
""")


def load(transaction: Transaction, session_id: UUID, *, before: int, limit: int) -> list[EarlierTurn]:
    """Loads the last completed turns before the ``before``-th, oldest first, without those asked anew since."""
    values = {"session_id": session_id, "before": before, "limit": limit}
    rows = transaction.execute(_EARLIER, values).all()
    return [
        EarlierTurn(question, answer, make_basis(*basis), offered)
        for question, answer, offered, *basis in reversed(rows)
    ]


def load_basis(transaction: Transaction, turn_id: UUID) -> Basis:
    """Loads what a turn rests on so far."""
    return make_basis(*transaction.execute(_OF_TURN, {"id": turn_id}).one())


def make_basis(audience: Iterable[Iterable[str]], documents: Iterable[str], tools: Iterable[str]) -> Basis:
    """Makes one of the columns :data:`BASIS`."""
    return Basis(Audience.from_json(audience), frozenset(documents), frozenset(tools))


def note_known(transaction: Transaction, turn: Turn, earlier: Iterable[EarlierTurn]) -> None:
    """Stores with a turn what the earlier answers in its prompt rest on; nothing if its lease is lost."""
    bases = [one.basis for one in earlier]
    documents = sorted({id_ for basis in bases for id_ in basis.document_ids})
    tools = sorted({name for basis in bases for name in basis.tools})
    if documents or tools:
        values = {"documents": json.dumps(documents), "tools": json.dumps(tools)}
        transaction.execute(_NOTE, values | {"id": turn.id, "token": turn.token})


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
