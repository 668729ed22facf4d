"""Reads an answer back from its record, for those who click below it: what was said, and how it came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agent.store import earlier_turns
from agent.store.database import Transaction
from agent.store.earlier_turns import Basis
from agent.types import CitedPassage, JsonObject, Passage, TurnStatus


@dataclass(frozen=True)
class RecordedAnswer:
    """A turn as it was recorded; ``cited`` are the numbers of the passages that it cites."""

    turn_id: UUID
    workspace: str | None
    user_id: str
    question: str
    answer: str | None
    notice: str | None
    status: str
    reason: str | None
    model: str | None
    n_steps: int
    n_tokens: int
    cost_usd: Decimal
    started_at: datetime | None
    finished_at: datetime | None
    basis: Basis
    passages: Sequence[CitedPassage]
    cited: frozenset[int]

    @property
    def sources(self) -> list[CitedPassage]:
        """Returns the passages that it cites."""
        return [passage for passage in self.passages if passage.n in self.cited]

    @property
    def is_complete(self) -> bool:
        """Returns whether it is an answer from documents."""
        return bool(self.answer and self.cited) and self.status == TurnStatus.COMPLETED


@dataclass(frozen=True)
class RecordedStep:
    """A call of a tool or of a model; a tool's has ``arguments``, a model's tokens."""

    name: str
    arguments: JsonObject | None
    result: JsonObject | None
    is_error: bool
    n_tokens: int
    cost_usd: Decimal
    duration_ms: int | None


FIELDS = [field.name for field in fields(RecordedAnswer)]
_TURN = text(f"""
SELECT id, workspace, user_id, question, answer, notice, status, reason, model, n_steps,
       prompt_tokens + completion_tokens, cost_usd, started_at, finished_at, {earlier_turns.BASIS}
FROM turns WHERE id = :id
""")
_SOURCES = text("""
SELECT n, chunk_id, document_id, title, url, heading_path, score, is_cited
FROM sources WHERE turn_id = :id ORDER BY n
""")
_STEPS = text("""
SELECT name, arguments, result, is_error, n_tokens, cost_usd, duration_ms FROM (
    SELECT name, arguments, result, is_error, 0 AS n_tokens, cost_usd, duration_ms, id
    FROM tool_calls WHERE turn_id = :id
    UNION ALL
    SELECT model, NULL, NULL, status = 'failed', coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0),
           coalesce(cost_usd, 0), latency_ms, id
    FROM model_calls WHERE turn_id = :id
) AS steps ORDER BY id
""")


def load(transaction: Transaction, turn_id: UUID) -> RecordedAnswer | None:
    """Loads a turn; returns None for one that is not stored any more."""
    row = transaction.execute(_TURN, {"id": turn_id}).one_or_none()
    if row is None:
        return None
    values: list[Any] = list(row)
    sources = transaction.execute(_SOURCES, {"id": turn_id}).all()
    passages = [
        CitedPassage(n, Passage(chunk_id, document_id, title, url, heading_path, "", score))
        for n, chunk_id, document_id, title, url, heading_path, score, _ in sources
    ]
    basis = earlier_turns.make_basis(*values[-3:])
    cited = frozenset(source.n for source in sources if source.is_cited)
    return RecordedAnswer(**dict(zip(FIELDS, [*values[:-3], basis, passages, cited], strict=True)))


def load_steps(transaction: Transaction, turn_id: UUID) -> list[RecordedStep]:
    """Loads the calls of a turn, in the order in which they began."""
    return [RecordedStep(*row) for row in transaction.execute(_STEPS, {"id": turn_id})]


def read_texts(steps: Sequence[RecordedStep]) -> Mapping[int, str]:
    """Returns the texts of the passages that tools returned, by number."""
    texts: dict[int, str] = {}
    for step in steps:
        passages = (step.result or {}).get("passages")
        for passage in passages if isinstance(passages, list) else ():
            if isinstance(passage, dict) and isinstance(passage.get("n"), int):
                texts.setdefault(int(passage["n"]), str(passage.get("text") or ""))
    return texts
