"""Writes the record of a turn: messages, model calls, tool calls, sources. One short transaction per step.

Promises: a row exists before money is spent; messages that a provider needs again are stored verbatim; equal
bodies are stored once. Every function expects :func:`agent.store.sessions.verify_lease` to have run in the
same transaction. :mod:`agent.store.transcript` reads the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from sqlalchemy import func, null, text, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.json_sanitizer import clean
from agent.store import blobs
from agent.store.database import Transaction
from agent.store.tables import MessageRow, ModelCallRow, SourceRow, ToolCallRow, TurnRow
from agent.types import CallStatus, CitedPassage, JsonObject, JsonValue, Message, Purpose, ToolSchema, Usage

OPENING = -1  # position of tool calls made before the first model call


class RecordedRequest(TypedDict):
    """What a model call was sent beside its parameters."""

    messages: Sequence[Message]
    tools: Sequence[ToolSchema]


def begin(transaction: Transaction, turn_id: UUID, metadata: Mapping[str, str | None]) -> None:
    """Records what the turn runs with: model, release, hashes, embedding model, index version.

    Calls that an earlier attempt left open are closed: they count as steps, and are charged as held.
    """
    transaction.execute(update(TurnRow).where(TurnRow.id == turn_id).values(**metadata))
    close_open_calls(transaction, turn_id, "never ended: its worker did")


def close_open_calls(transaction: Transaction, turn_id: UUID, why: str) -> None:
    """Closes the calls that no worker waits for any more: they count as steps, and are charged as held."""
    transaction.execute(_LOST, {"id": turn_id, "why": why})


_LOST = text("""
WITH lost AS (
    UPDATE model_calls SET status = 'failed', error = :why, finished_at = now(),
           cost_usd = reserved_usd, is_estimated = reserved_usd > 0
    WHERE turn_id = :id AND status = 'started' RETURNING reserved_usd
)
UPDATE turns SET n_steps = n_steps + lost.n, cost_usd = cost_usd + lost.usd, reserved_usd = reserved_usd - lost.usd
FROM (SELECT count(*) AS n, sum(reserved_usd) AS usd FROM lost) AS lost WHERE turns.id = :id AND lost.n > 0
""")


def note_limit(transaction: Transaction, turn_id: UUID, limit: str) -> None:
    """Records why the turn's closing or fallback call is made, so that a resumed turn knows."""
    transaction.execute(update(TurnRow).where(TurnRow.id == turn_id).values(reason=limit))


def add_message(transaction: Transaction, turn_id: UUID, position: int, message: Message) -> None:
    """Appends a message; a second writer of the same position fails."""
    transaction.execute(
        insert(MessageRow).values(
            id=new_id(), turn_id=turn_id, position=position, role=message["role"], content=clean(message)
        )
    )


def add_tool_call(
    transaction: Transaction,
    turn_id: UUID,
    *,
    position: int,
    call_id: str,
    name: str,
    arguments: JsonValue,
    result: JsonObject | None,
    is_error: bool = False,
    duration_ms: int | None = None,
    cost_usd: Decimal = Decimal(0),
) -> None:
    """Records a tool call that has run; without a result, a call with lasting effects that is about to run."""
    row = {
        "id": new_id(),
        "turn_id": turn_id,
        "position": position,
        "call_id": call_id,
        "name": name,
        "arguments": clean(arguments),
        "result": null() if result is None else clean(dict(result)),
        "is_error": is_error,
        "duration_ms": duration_ms,
        "cost_usd": cost_usd,
    }
    end = {name: row[name] for name in ("result", "is_error", "duration_ms", "cost_usd")}
    key = ["turn_id", "position", "call_id"]
    transaction.execute(insert(ToolCallRow).values(row).on_conflict_do_update(index_elements=key, set_=end))
    if cost_usd:
        charged = update(TurnRow).where(TurnRow.id == turn_id)
        transaction.execute(charged.values(cost_usd=TurnRow.cost_usd + cost_usd))


def add_sources(transaction: Transaction, turn_id: UUID, sources: Iterable[CitedPassage]) -> None:
    """Stores numbered passages; known ones keep their number and their best score."""
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
        new = insert(SourceRow)
        best = {"score": func.greatest(SourceRow.score, new.excluded.score)}
        transaction.execute(new.on_conflict_do_update(index_elements=["turn_id", "chunk_id"], set_=best), rows)


def mark_cited(transaction: Transaction, turn_id: UUID, numbers: Sequence[int]) -> None:
    """Records which sources the answer cites."""
    if numbers:
        statement = update(SourceRow).where(SourceRow.turn_id == turn_id, SourceRow.n.in_(numbers))
        transaction.execute(statement.values(is_cited=True))


def open_model_call(
    transaction: Transaction,
    turn_id: UUID,
    *,
    call_id: UUID,
    attempt: int,
    position: int,
    purpose: Purpose,
    model: str,
    request: RecordedRequest,
    params: JsonObject,
    reserved_usd: Decimal,
) -> None:
    """Writes the call's row before the call, under ``call_id``. Equal messages and tools are stored once."""
    hashes = blobs.put(transaction, [*request["messages"], request["tools"]])
    body: JsonObject = {"messages": hashes[:-1], "tools": hashes[-1]}
    (request_hash,) = blobs.put(transaction, [body])
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


_TOTALS = text("""
UPDATE turns SET n_steps = n_steps + 1, prompt_tokens = prompt_tokens + :prompt_tokens,
       cached_tokens = cached_tokens + :cached_tokens, completion_tokens = completion_tokens + :completion_tokens,
       cost_usd = cost_usd + :cost_usd,
       reserved_usd = reserved_usd - (SELECT reserved_usd FROM model_calls WHERE id = :call_id)
WHERE id = :id
""")
_FAILED = text("""
UPDATE turns SET n_steps = n_steps + 1, prompt_tokens = prompt_tokens + :prompt_tokens,
       cost_usd = cost_usd + :cost_usd,
       reserved_usd = reserved_usd - (SELECT reserved_usd FROM model_calls WHERE id = :call_id)
WHERE id = :id
""")


def close_model_call(
    transaction: Transaction,
    turn_id: UUID,
    call_id: UUID,
    *,
    response: JsonObject,
    params: JsonObject,
    usage: Usage,
    latency_ms: int,
    first_token_ms: int | None,
    n_tries: int,
    finish_reason: str | None,
) -> None:
    """Completes the call's row and adds it to the turn's totals."""
    (response_hash,) = blobs.put(transaction, [response])
    transaction.execute(
        update(ModelCallRow)
        .where(ModelCallRow.id == call_id)
        .values(
            status=CallStatus.COMPLETED,
            response_hash=response_hash,
            params=dict(params),
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            is_estimated=usage.is_estimated,
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
    transaction: Transaction,
    turn_id: UUID,
    call_id: UUID,
    *,
    error: str,
    latency_ms: int,
    n_tries: int,
    usage: Usage,
) -> None:
    """Records that the call failed. It counts as a step; ``usage`` is what it may have used and cost."""
    transaction.execute(
        update(ModelCallRow)
        .where(ModelCallRow.id == call_id)
        .values(
            status=CallStatus.FAILED,
            error=error,
            latency_ms=latency_ms,
            n_tries=n_tries,
            cost_usd=usage.cost_usd,
            is_estimated=usage.is_estimated,
            finished_at=func.now(),
        )
    )
    totals = {"prompt_tokens": usage.prompt_tokens, "cost_usd": usage.cost_usd or Decimal(0)}
    transaction.execute(_FAILED, {"id": turn_id, "call_id": call_id, **totals})
