"""A recorded answer for tests."""

from decimal import Decimal
from uuid import uuid4

from agent.store.earlier_turns import Basis
from agent.types import Audience, CitedPassage, Passage
from bot.slack.interactions.recorded_answer import RecordedAnswer


def record(answer: str, *, documents: frozenset[str] = frozenset()) -> RecordedAnswer:
    """An answer of U1, which cites a passage."""
    passage = Passage("c1", "d1", "Bonus plan", "https://intranet.example/bonus", "Bonus plan > Sales", "", 0.9)
    return RecordedAnswer(
        turn_id=uuid4(),
        workspace="T1",
        user_id="U1",
        question="What is the bonus?",
        answer=answer,
        notice=None,
        status="completed",
        reason="answered",
        model="openai/scripted",
        n_steps=1,
        n_tokens=10,
        cost_usd=Decimal(0),
        started_at=None,
        finished_at=None,
        basis=Basis(Audience(), documents, frozenset({"search_docs"})),
        passages=[CitedPassage(1, passage)],
        cited=frozenset({1}),
    )
