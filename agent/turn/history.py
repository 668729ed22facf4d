"""The conversation before a turn, as far as those who see this turn's answer may know it.

Promises that no earlier answer is repeated to a model whose sources somebody of the present audience may not read,
or may not read any more, nor one from a tool that returns more than passages, unless it was for the same audience.
"""

from uuid import UUID

from agent.store import earlier_turns
from agent.store.database import Transaction
from agent.store.earlier_turns import EarlierTurn
from agent.turn.config import AgentConfig
from agent.types import Audience

HISTORY_TURNS = 20  # earlier questions of the session that the model may see, as far as they fit


def load(
    transaction: Transaction, session_id: UUID, *, before: int, audience: Audience, config: AgentConfig
) -> list[tuple[str, str]]:
    """Loads (question, answer) of the last completed turns before the ``before``-th, oldest first."""
    earlier = earlier_turns.load(transaction, session_id, before=before, limit=HISTORY_TURNS)
    documents = {id_ for one in earlier for id_ in one.document_ids}
    unreadable = config.find_unreadable(transaction, documents, audience)
    known = (one for one in earlier if _rests_on_passages(one, config) or one.audience == audience)
    return [(one.question, one.answer) for one in known if unreadable.isdisjoint(one.document_ids)]


def _rests_on_passages(one: EarlierTurn, config: AgentConfig) -> bool:
    return all(name in config.tools and config.tools[name].only_passages for name in one.tools)
