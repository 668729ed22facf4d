"""The transcript of a turn, as the loop continues it: derived from the rows, and extended together with
them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from agent.store.database import Transaction
from agent.store.tables import BlobRow, MessageRow, ModelCallRow, SourceRow, ToolCallRow, TurnRow
from agent.types import CallStatus, CitedPassage, Message, Passage, Purpose


@dataclass
class Transcript:
    """The state of a turn: derived from Postgres, and extended together with it."""

    messages: list[Message] = field(default_factory=list)
    sources: dict[str, CitedPassage] = field(default_factory=dict)  # by chunk id
    n_steps: int = 0
    n_tokens: int = 0
    spent_usd: Decimal = Decimal(0)
    limit: str | None = None  # why the turn's closing or fallback call was made
    standalone: str | None = None  # the follow-up question, rewritten as a standalone question
    is_quoted: bool = False  # the fallback model wrote the final text
    finish_reason: str | None = None  # of the last model call
    started_calls: set[str] = field(default_factory=set)  # of tools that are not idempotent, without a result

    def number(self, passages: Iterable[Passage]) -> list[CitedPassage]:
        """Numbers the passages: a known chunk keeps its number and its best score, a new one takes the next
        number."""
        numbered = []
        for passage in passages:
            source = self.sources.get(passage.chunk_id) or CitedPassage(len(self.sources) + 1, passage)
            if passage.score > source.passage.score:
                source = CitedPassage(source.n, passage)
            self.sources[passage.chunk_id] = source
            numbered.append(source)
        return numbered


def load_transcript(transaction: Transaction, turn_id: UUID) -> Transcript:
    """Loads the transcript as committed."""
    messages = transaction.scalars(
        select(MessageRow.content).where(MessageRow.turn_id == turn_id).order_by(MessageRow.position)
    )
    rows = transaction.scalars(select(SourceRow).where(SourceRow.turn_id == turn_id).order_by(SourceRow.n)).all()
    n_steps, n_tokens, spent_usd, limit = transaction.execute(
        select(
            TurnRow.n_steps, TurnRow.prompt_tokens + TurnRow.completion_tokens, TurnRow.cost_usd, TurnRow.reason
        ).where(TurnRow.id == turn_id)
    ).one()
    purpose, finish_reason = _last_call(transaction, turn_id) if n_steps else (None, None)
    started = select(ToolCallRow.call_id).where(ToolCallRow.turn_id == turn_id, ToolCallRow.result.is_(None))
    return Transcript(
        list(messages),
        {row.chunk_id: CitedPassage(row.n, _passage(row)) for row in rows},
        n_steps,
        n_tokens,
        spent_usd,
        limit if purpose in (Purpose.CLOSING, Purpose.FALLBACK) else None,  # else it was noted and then not needed
        _standalone(transaction, turn_id) if n_steps else None,
        purpose == Purpose.FALLBACK,
        finish_reason,
        set(transaction.scalars(started)),
    )


def _last_call(transaction: Transaction, turn_id: UUID) -> tuple[str | None, str | None]:
    """Returns purpose and finish reason of the last call that was answered."""
    answered = select(ModelCallRow.purpose, ModelCallRow.finish_reason).where(
        ModelCallRow.turn_id == turn_id, ModelCallRow.status == CallStatus.COMPLETED
    )
    row = transaction.execute(answered.order_by(ModelCallRow.id.desc()).limit(1)).one_or_none()
    return (row[0], row[1]) if row else (None, None)


def _standalone(transaction: Transaction, turn_id: UUID) -> str | None:
    response = transaction.scalars(
        select(BlobRow.body)
        .join(ModelCallRow, ModelCallRow.response_hash == BlobRow.hash)
        .where(ModelCallRow.turn_id == turn_id, ModelCallRow.purpose == Purpose.STANDALONE)
    ).first()
    return str(response["choices"][0]["message"].get("content") or "") if response else None


def _passage(row: SourceRow) -> Passage:
    return Passage(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        title=row.title,
        url=row.url,
        heading_path=row.heading_path,
        text="",  # it is in the tool call's result
        score=row.score,
    )
