"""Writes the record of a turn: messages, model calls, tool calls, sources. One short transaction per step.

Promises: a row exists before money is spent; messages that a provider needs again are stored verbatim; equal
bodies are stored once. Every function verifies the lease, or expects that the transaction has done so.
:mod:`agent.store.transcript` reads the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypedDict, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, text, update
from sqlalchemy.dialects.postgresql import JSONB

from agent.clock import new_id
from agent.prompting.json_sanitizer import clean
from agent.store import blobs, sessions
from agent.store.blobs import BlobBatch
from agent.store.database import Transaction, count_rows
from agent.store.sessions import Turn
from agent.store.tables import TurnRow
from agent.types import (
    CitedPassage,
    EndReason,
    JsonObject,
    JsonValue,
    Message,
    Purpose,
    ToolSchema,
    TurnStatus,
    Usage,
)

_TURNS = cast(Table, TurnRow.__table__)  # the mapper would take as long as the statement
OPENING = -1  # position of tool calls made before the first model call


class RecordedRequest(TypedDict):
    """What a model call was sent beside its parameters."""

    messages: Sequence[Message]
    tools: Sequence[ToolSchema]


def begin(transaction: Transaction, turn: Turn, metadata: Mapping[str, str | None]) -> None:
    """Records who will see the answer, and what the turn runs with: model, release, hashes, embedding model, index
    version. Verifies the lease.

    Calls that an earlier attempt left open are closed: they count as steps, and are charged as held.
    """
    held = (_TURNS.c.id == turn.id, _TURNS.c.lease_token == turn.token, _TURNS.c.status == TurnStatus.RUNNING)
    values = {"audience": turn.audience.as_json(), **metadata}
    if count_rows(transaction, update(_TURNS).where(*held).values(values)) != 1:
        raise sessions.lost_lease(turn)
    if turn.has_record:
        transaction.execute(_LOST, {"id": turn.id})


_LOST = text("""
WITH lost AS (
    UPDATE model_calls SET status = 'failed', error = 'never ended: its worker did', finished_at = now(),
           cost_usd = reserved_usd, is_estimated = reserved_usd > 0
    WHERE turn_id = :id AND status = 'started' RETURNING reserved_usd
)
UPDATE turns SET n_steps = n_steps + lost.n, cost_usd = cost_usd + lost.usd, reserved_usd = reserved_usd - lost.usd
FROM (SELECT count(*) AS n, sum(reserved_usd) AS usd FROM lost) AS lost WHERE turns.id = :id AND lost.n > 0
""")


def note_limit(transaction: Transaction, turn_id: UUID, limit: str) -> None:
    """Records why the turn's closing or fallback call is made, so that a resumed turn knows."""
    is_wanted = TurnRow.reason.is_distinct_from(EndReason.WITHDRAWN)
    transaction.execute(update(TurnRow).where(TurnRow.id == turn_id, is_wanted).values(reason=limit))


class RecordedCall(TypedDict):
    """A tool call that has run; without a result, one with lasting effects that is about to run.

    ``position`` is that of the message with its result in the transcript, or :data:`OPENING`.
    """

    position: int
    call_id: str
    name: str
    arguments: JsonValue
    result: JsonObject | None
    is_error: bool
    duration_ms: int | None
    cost_usd: Decimal


_ADD = text("""
WITH source AS (
    INSERT INTO sources (id, turn_id, n, chunk_id, document_id, title, url, heading_path, score)
    SELECT id, :turn_id, n, chunk_id, document_id, title, url, heading_path, score
    FROM jsonb_to_recordset(:sources) AS new (
        id uuid, n int, chunk_id text, document_id text, title text, url text, heading_path text, score float8
    )
    ON CONFLICT (turn_id, chunk_id) DO UPDATE SET score = greatest(sources.score, excluded.score)
), call AS (
    INSERT INTO tool_calls
        (id, turn_id, position, call_id, name, arguments, result, is_error, duration_ms, cost_usd)
    SELECT id, :turn_id, position, call_id, name, coalesce(arguments, 'null'), result, is_error, duration_ms,
           cost_usd
    FROM jsonb_to_recordset(:calls) AS new (
        id uuid, position int, call_id text, name text, arguments jsonb, result jsonb, is_error bool,
        duration_ms int, cost_usd numeric
    )
    ON CONFLICT (turn_id, position, call_id) DO UPDATE SET result = excluded.result, is_error = excluded.is_error,
        duration_ms = excluded.duration_ms, cost_usd = excluded.cost_usd
), charged AS (
    UPDATE turns SET cost_usd = cost_usd + :cost_usd WHERE id = :turn_id AND :cost_usd > 0
)
INSERT INTO messages (id, turn_id, position, role, content)
SELECT id, :turn_id, position, content ->> 'role', content
FROM jsonb_to_recordset(:messages) AS new (id uuid, position int, content jsonb)
""").bindparams(*(bindparam(name, type_=JSONB) for name in ("sources", "calls", "messages")))


def add_step(
    transaction: Transaction,
    turn_id: UUID,
    *,
    position: int,
    message: Message | None,
    calls: Iterable[RecordedCall] = (),
    sources: Iterable[CitedPassage] = (),
) -> None:
    """Appends a message and records the calls and numbered passages it rests on, in one statement.

    A second writer of the same position fails. Passages that are known keep their number and their best score.
    """
    calls = list(calls)
    made = [{**call, "id": new_id().hex, "cost_usd": str(call["cost_usd"])} for call in calls]
    best = {source.n: source for source in sorted(sources, key=lambda source: source.passage.score)}
    values = {
        "turn_id": turn_id,
        "sources": [_describe_source(source) for source in best.values()],
        "calls": clean(made),
        "messages": [{"id": new_id().hex, "position": position, "content": clean(message)}] if message else [],
        "cost_usd": sum((call["cost_usd"] for call in calls), Decimal(0)),
    }
    transaction.execute(_ADD, values)


def _describe_source(source: CitedPassage) -> JsonObject:
    passage = source.passage
    return {
        "id": new_id().hex,
        "n": source.n,
        "chunk_id": passage.chunk_id,
        "document_id": passage.document_id,
        "title": passage.title,
        "url": passage.url,
        "heading_path": passage.heading_path,
        "score": passage.score,
    }


_OPEN_CALL = text(f"""
WITH body AS ({blobs.INSERT}), call AS (
    INSERT INTO model_calls (id, turn_id, attempt, position, purpose, model, request_hash, params, reserved_usd)
    VALUES (:call_id, :turn_id, :attempt, :position, :purpose, :model, :request_hash, :params, :reserved_usd)
)
UPDATE turns SET reserved_usd = reserved_usd + :reserved_usd WHERE id = :turn_id
""").bindparams(blobs.BODIES, bindparam("params", type_=JSONB))


def open_model_call(
    transaction: Transaction,
    turn: Turn,
    *,
    call_id: UUID,
    position: int,
    purpose: Purpose,
    model: str,
    request: RecordedRequest,
    params: JsonObject,
    reserved_usd: Decimal,
) -> None:
    """Writes the call's row before the call, under ``call_id``. Equal messages and tools are stored once."""
    batch = BlobBatch()
    body: JsonObject = {
        "messages": [batch.add(message) for message in request["messages"]],
        "tools": batch.add(request["tools"]),
    }
    values = {
        "call_id": call_id,
        "turn_id": turn.id,
        "attempt": turn.attempt,
        "position": position,
        "purpose": purpose,
        "model": model,
        "request_hash": batch.add(body),
        "bodies": batch.bodies,
        "params": dict(params),
        "reserved_usd": reserved_usd,
    }
    transaction.execute(_OPEN_CALL, values)


_CLOSE_CALL = text(f"""
WITH turn AS (
    UPDATE turns SET n_steps = n_steps + 1, prompt_tokens = prompt_tokens + :prompt_tokens,
           cached_tokens = cached_tokens + :cached_tokens,
           completion_tokens = completion_tokens + :completion_tokens, cost_usd = cost_usd + :cost_usd,
           reserved_usd = reserved_usd - (SELECT reserved_usd FROM model_calls WHERE id = :call_id)
    WHERE id = :turn_id AND lease_token = :token AND status = 'running' RETURNING reason, edited_question
), body AS ({blobs.INSERT}), call AS (
    UPDATE model_calls SET status = 'completed', response_hash = :response_hash, params = :params,
           prompt_tokens = :prompt_tokens, cached_tokens = :cached_tokens, completion_tokens = :completion_tokens,
           cost_usd = :known_cost_usd, is_estimated = :is_estimated, latency_ms = :latency_ms,
           first_token_ms = :first_token_ms, n_tries = :n_tries, finish_reason = :finish_reason,
           finished_at = now()
    WHERE id = :call_id
), message AS (
    INSERT INTO messages (id, turn_id, position, role, content)
    SELECT :message_id, :turn_id, :position, content ->> 'role', content
    FROM (SELECT CAST(:message AS jsonb)) AS new (content) WHERE jsonb_typeof(content) = 'object'
)
SELECT reason IS NOT DISTINCT FROM 'withdrawn' OR edited_question IS NOT NULL FROM turn
""").bindparams(blobs.BODIES, *(bindparam(name, type_=JSONB) for name in ("params", "message")))
_FAIL_CALL = text("""
WITH call AS (
    UPDATE model_calls SET status = 'failed', error = :error, latency_ms = :latency_ms, n_tries = :n_tries,
           cost_usd = :known_cost_usd, is_estimated = :is_estimated, finished_at = now()
    WHERE id = :call_id
)
UPDATE turns SET n_steps = n_steps + 1, prompt_tokens = prompt_tokens + :prompt_tokens,
       cost_usd = cost_usd + :cost_usd,
       reserved_usd = reserved_usd - (SELECT reserved_usd FROM model_calls WHERE id = :call_id)
WHERE id = :turn_id AND lease_token = :token AND status = 'running'
""")


def close_model_call(
    transaction: Transaction,
    turn: Turn,
    call_id: UUID,
    *,
    response: JsonObject,
    params: JsonObject,
    usage: Usage,
    latency_ms: int,
    first_token_ms: int | None,
    n_tries: int,
    finish_reason: str | None,
    message: Message | None,
    position: int,
) -> bool:
    """Completes the call's row, adds it to the turn's totals, and appends its message if there is one.

    Verifies the lease. Returns whether the person has taken the question back, or changed it, by now.
    """
    batch = BlobBatch()
    values = {
        "turn_id": turn.id,
        "token": turn.token,
        "call_id": call_id,
        "response_hash": batch.add(response),
        "bodies": batch.bodies,
        "params": dict(params),
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd or Decimal(0),
        "known_cost_usd": usage.cost_usd,
        "is_estimated": usage.is_estimated,
        "latency_ms": latency_ms,
        "first_token_ms": first_token_ms,
        "n_tries": n_tries,
        "finish_reason": finish_reason,
        "message_id": new_id(),
        "position": position,
        "message": clean(message) if message else None,
    }
    row = transaction.execute(_CLOSE_CALL, values).one_or_none()
    if row is None:
        raise sessions.lost_lease(turn)
    return bool(row[0])


def fail_model_call(
    transaction: Transaction,
    turn: Turn,
    call_id: UUID,
    *,
    error: str,
    latency_ms: int,
    n_tries: int,
    usage: Usage,
) -> None:
    """Records that the call failed. It counts as a step; ``usage`` is what it may have used and cost.

    Verifies the lease.
    """
    values = {
        "turn_id": turn.id,
        "token": turn.token,
        "call_id": call_id,
        "error": error,
        "latency_ms": latency_ms,
        "n_tries": n_tries,
        "prompt_tokens": usage.prompt_tokens,
        "cost_usd": usage.cost_usd or Decimal(0),
        "known_cost_usd": usage.cost_usd,
        "is_estimated": usage.is_estimated,
    }
    if count_rows(transaction, _FAIL_CALL, values) != 1:
        raise sessions.lost_lease(turn)
