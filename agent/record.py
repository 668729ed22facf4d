"""The record of a turn: transcript, model calls, tool calls, sources. One short transaction per step.

Promises: a row exists before money is spent; what a provider needs again is kept verbatim; equal bodies are
stored once. Every function that writes expects :func:`agent.sessions.hold` to have run in the same transaction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session as Transaction

from agent.database import new_id
from agent.prompt import Message
from agent.rows import BlobRow, MessageRow, ModelCallRow, SourceRow, ToolCallRow, TurnRow
from agent.tools import Passage

OPENING = -1  # position of tool calls made before the model is asked


@dataclass(frozen=True)
class Source:
    """A passage under its number in this turn."""

    n: int
    passage: Passage


@dataclass
class Transcript:
    """What a turn has come to: derived from Postgres, extended in step with it."""

    messages: list[Message] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)  # by chunk id
    n_steps: int = 0
    n_tokens: int = 0

    def number(self, passages: Iterable[Passage]) -> list[Source]:
        """The passages with their numbers: a known chunk keeps its own, a new one takes the next."""
        numbered = []
        for passage in passages:
            source = self.sources.get(passage.chunk_id) or Source(len(self.sources) + 1, passage)
            self.sources[passage.chunk_id] = source
            numbered.append(source)
        return numbered


@dataclass(frozen=True)
class Usage:
    """Tokens and dollars of one model call; ``cost_usd`` is None when the model's price is unknown."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)


def load(transaction: Transaction, turn_id: UUID) -> Transcript:
    """The transcript as committed."""
    messages = transaction.scalars(
        select(MessageRow.content).where(MessageRow.turn_id == turn_id).order_by(MessageRow.position)
    )
    rows = transaction.scalars(select(SourceRow).where(SourceRow.turn_id == turn_id).order_by(SourceRow.n)).all()
    n_steps, n_tokens = transaction.execute(
        select(TurnRow.n_steps, TurnRow.prompt_tokens + TurnRow.completion_tokens).where(TurnRow.id == turn_id)
    ).one()
    sources = {row.chunk_id: Source(row.n, _passage(row)) for row in rows}
    return Transcript(list(messages), sources, n_steps, n_tokens)


def _passage(row: SourceRow) -> Passage:
    return Passage(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        title=row.title,
        url=row.url,
        heading_path=row.heading_path,
        text="",  # stands in the tool call's result
        score=row.score,
    )


def begin(transaction: Transaction, turn_id: UUID, stamps: Mapping[str, str | None]) -> None:
    """Notes what the turn runs with: model, release, hashes, embedding model, index version."""
    transaction.execute(update(TurnRow).where(TurnRow.id == turn_id).values(**stamps))


def add_message(transaction: Transaction, turn_id: UUID, position: int, message: Message) -> None:
    """Appends one message; a second writer of the same position fails."""
    transaction.execute(
        insert(MessageRow).values(
            id=new_id(), turn_id=turn_id, position=position, role=message["role"], content=_clean(message)
        )
    )


def add_tool_call(
    transaction: Transaction,
    turn_id: UUID,
    *,
    position: int,
    call_id: str,
    name: str,
    arguments: Any,
    result: Mapping[str, Any],
    is_error: bool,
    duration_ms: int,
) -> None:
    """Records a finished tool call."""
    transaction.execute(
        insert(ToolCallRow).values(
            id=new_id(),
            turn_id=turn_id,
            position=position,
            call_id=call_id,
            name=name,
            arguments=_clean(arguments),
            result=_clean(dict(result)),
            is_error=is_error,
            duration_ms=duration_ms,
        )
    )


def add_sources(transaction: Transaction, turn_id: UUID, sources: Iterable[Source]) -> None:
    """Stores numbered passages; known ones stay as they are."""
    rows = [
        {
            "id": new_id(),
            "turn_id": turn_id,
            "n": source.n,
            "chunk_id": source.passage.chunk_id,
            "document_id": source.passage.document_id,
            "title": source.passage.title,
            "url": source.passage.url,
            "heading_path": source.passage.heading_path,
            "score": source.passage.score,
        }
        for source in sources
    ]
    if rows:
        transaction.execute(insert(SourceRow).on_conflict_do_nothing(), rows)


def mark_cited(transaction: Transaction, turn_id: UUID, numbers: Sequence[int]) -> None:
    """Notes which sources the answer cites."""
    if numbers:
        statement = update(SourceRow).where(SourceRow.turn_id == turn_id, SourceRow.n.in_(numbers))
        transaction.execute(statement.values(is_cited=True))


def open_model_call(
    transaction: Transaction,
    turn_id: UUID,
    *,
    attempt: int,
    position: int,
    purpose: str,
    model: str,
    request: Mapping[str, Any],
    params: Mapping[str, Any],
    reserved_usd: Decimal,
) -> UUID:
    """Writes the call's row before the call. Messages and tools are stored once each, by content."""
    parts = [*request["messages"], request["tools"]]
    hashes = _put_blobs(transaction, parts)
    body = {"messages": hashes[:-1], "tools": hashes[-1]}
    (request_hash,) = _put_blobs(transaction, [body])
    call_id = new_id()
    transaction.execute(
        insert(ModelCallRow).values(
            id=call_id,
            turn_id=turn_id,
            attempt=attempt,
            position=position,
            purpose=purpose,
            model=model,
            request_hash=request_hash,
            params=dict(params),
            reserved_usd=reserved_usd,
        )
    )
    reserve = update(TurnRow).where(TurnRow.id == turn_id)
    transaction.execute(reserve.values(reserved_usd=TurnRow.reserved_usd + reserved_usd))
    return call_id


_TOTALS = text("""
UPDATE turns SET n_steps = n_steps + 1, prompt_tokens = prompt_tokens + :prompt_tokens,
       cached_tokens = cached_tokens + :cached_tokens, completion_tokens = completion_tokens + :completion_tokens,
       cost_usd = cost_usd + :cost_usd,
       reserved_usd = reserved_usd - (SELECT reserved_usd FROM model_calls WHERE id = :call_id)
WHERE id = :id
""")
_FAILED = text("""
UPDATE turns SET n_steps = n_steps + 1, prompt_tokens = prompt_tokens + :prompt_tokens,
       cost_usd = cost_usd + (SELECT reserved_usd FROM model_calls WHERE id = :call_id),
       reserved_usd = reserved_usd - (SELECT reserved_usd FROM model_calls WHERE id = :call_id)
WHERE id = :id
""")


def close_model_call(
    transaction: Transaction,
    turn_id: UUID,
    call_id: UUID,
    *,
    response: Any,
    usage: Usage,
    latency_ms: int,
    first_token_ms: int | None,
    n_tries: int,
    finish_reason: str | None,
) -> None:
    """Completes the call's row and adds it to the turn's totals."""
    (response_hash,) = _put_blobs(transaction, [response])
    transaction.execute(
        update(ModelCallRow)
        .where(ModelCallRow.id == call_id)
        .values(
            status="completed",
            response_hash=response_hash,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            latency_ms=latency_ms,
            first_token_ms=first_token_ms,
            n_tries=n_tries,
            finish_reason=finish_reason,
            finished_at=func.now(),
        )
    )
    totals = {
        "id": turn_id,
        "call_id": call_id,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd or Decimal(0),
    }
    transaction.execute(_TOTALS, totals)


def fail_model_call(
    transaction: Transaction, turn_id: UUID, call_id: UUID, *, error: str, latency_ms: int, prompt_tokens: int
) -> None:
    """Notes that the call failed. It counts as a step, its estimated prompt as tokens, and its reserved cost is
    charged: what the provider charges for a broken call is not known."""
    transaction.execute(
        update(ModelCallRow)
        .where(ModelCallRow.id == call_id)
        .values(status="failed", error=error, latency_ms=latency_ms, finished_at=func.now())
    )
    transaction.execute(_FAILED, {"id": turn_id, "call_id": call_id, "prompt_tokens": prompt_tokens})


def _put_blobs(transaction: Transaction, bodies: Sequence[Any]) -> list[str]:
    rows = {}
    hashes = []
    for body in bodies:
        clean = _clean(body)
        canonical = json.dumps(clean, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        key = sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
        hashes.append(key)
        rows[key] = {"hash": key, "body": clean}
    transaction.execute(insert(BlobRow).on_conflict_do_nothing(), [rows[key] for key in sorted(rows)])
    return hashes


def _clean(value: Any) -> Any:
    """Postgres takes neither NUL nor lone surrogates in JSON text; a model may send both."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
