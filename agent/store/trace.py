"""The record of a turn: transcript, model calls, tool calls, sources. One short transaction per step.

Promises: a row exists before money is spent; what a provider needs again is kept verbatim; equal bodies are
stored once. Every function that writes expects :func:`agent.store.sessions.verify_lease` to have run in the same
transaction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import func, null, select, text, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import new_id
from agent.json_sanitizer import clean
from agent.store import locks
from agent.store.database import Transaction
from agent.store.tables import BlobRow, MessageRow, ModelCallRow, SourceRow, ToolCallRow, TurnRow
from agent.types import CitedPassage, Message, Passage, Usage

OPENING = -1  # position of tool calls made before the model is asked
FALLBACK = "fallback"  # purpose of the call to the model of this process, where no other answered
STANDALONE = "standalone"  # purpose of the call that makes a follow-up stand alone


@dataclass
class Transcript:
    """What a turn has come to: derived from Postgres, extended in step with it."""

    messages: list[Message] = field(default_factory=list)
    sources: dict[str, CitedPassage] = field(default_factory=dict)  # by chunk id
    n_steps: int = 0
    n_tokens: int = 0
    spent_usd: Decimal = Decimal(0)
    limit: str | None = None  # what the turn's closing or fallback call was made for
    standalone: str | None = None  # the question as it was made to stand alone
    is_quoted: bool = False  # the final text is the fallback's
    finish_reason: str | None = None  # of the last model call
    started_calls: set[str] = field(default_factory=set)  # of tools that are not idempotent and never came back

    def number(self, passages: Iterable[Passage]) -> list[CitedPassage]:
        """The passages with their numbers: a known chunk keeps its own, a new one takes the next."""
        numbered = []
        for passage in passages:
            source = self.sources.get(passage.chunk_id) or CitedPassage(len(self.sources) + 1, passage)
            if passage.score > source.passage.score:
                source = CitedPassage(source.n, passage)
            self.sources[passage.chunk_id] = source
            numbered.append(source)
        return numbered


def load(transaction: Transaction, turn_id: UUID) -> Transcript:
    """The transcript as committed."""
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
        limit if purpose in ("closing", FALLBACK) else None,  # one that was noted and then not needed is none
        _standalone(transaction, turn_id) if n_steps else None,
        purpose == FALLBACK,
        finish_reason,
        set(transaction.scalars(started)),
    )


def _last_call(transaction: Transaction, turn_id: UUID) -> tuple[str | None, str | None]:
    """Purpose and finish reason of the last call that was answered."""
    answered = select(ModelCallRow.purpose, ModelCallRow.finish_reason).where(
        ModelCallRow.turn_id == turn_id, ModelCallRow.status == "completed"
    )
    found = transaction.execute(answered.order_by(ModelCallRow.id.desc()).limit(1)).one_or_none()
    return (found[0], found[1]) if found else (None, None)


def _standalone(transaction: Transaction, turn_id: UUID) -> str | None:
    response = transaction.scalars(
        select(BlobRow.body)
        .join(ModelCallRow, ModelCallRow.response_hash == BlobRow.hash)
        .where(ModelCallRow.turn_id == turn_id, ModelCallRow.purpose == STANDALONE)
    ).first()
    return str(response["choices"][0]["message"].get("content") or "") if response else None


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
    """Notes what the turn runs with: model, release, hashes, embedding model, index version.

    Calls that an earlier attempt left open are closed: they count as steps, and are charged as held.
    """
    transaction.execute(update(TurnRow).where(TurnRow.id == turn_id).values(**stamps))
    close_open_calls(transaction, turn_id, "never ended: its worker did")


def close_open_calls(transaction: Transaction, turn_id: UUID, why: str) -> None:
    """Ends the calls that will not be heard of any more: they count as steps, and are charged as held."""
    transaction.execute(_LOST, {"id": turn_id, "why": why})


_LOST = text("""
WITH lost AS (
    UPDATE model_calls SET status = 'failed', error = :why, finished_at = now(),
           cost_usd = reserved_usd
    WHERE turn_id = :id AND status = 'started' RETURNING reserved_usd
)
UPDATE turns SET n_steps = n_steps + lost.n, cost_usd = cost_usd + lost.usd, reserved_usd = reserved_usd - lost.usd
FROM (SELECT count(*) AS n, sum(reserved_usd) AS usd FROM lost) AS lost WHERE turns.id = :id AND lost.n > 0
""")


def note_limit(transaction: Transaction, turn_id: UUID, limit: str) -> None:
    """Notes why the turn comes to its end; a resumed one knows it then."""
    transaction.execute(update(TurnRow).where(TurnRow.id == turn_id).values(reason=limit))


def add_message(transaction: Transaction, turn_id: UUID, position: int, message: Message) -> None:
    """Appends one message; a second writer of the same position fails."""
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
    arguments: Any,
    result: Mapping[str, Any] | None,
    is_error: bool = False,
    duration_ms: int | None = None,
    cost_usd: Decimal = Decimal(0),
) -> None:
    """Records a tool call that has run; without a result, one that is about to and may do something lasting."""
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
    """Stores numbered passages; known ones keep their numbers, and their best score."""
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
    """Notes which sources the answer cites."""
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
    purpose: str,
    model: str,
    request: Mapping[str, Any],
    params: Mapping[str, Any],
    reserved_usd: Decimal,
) -> None:
    """Writes the call's row before the call, under ``call_id``. Messages and tools are stored once each, by
    content."""
    parts = [*request["messages"], request["tools"]]
    hashes = _put_blobs(transaction, parts)
    body = {"messages": hashes[:-1], "tools": hashes[-1]}
    (request_hash,) = _put_blobs(transaction, [body])
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
    response: Any,
    params: Mapping[str, Any],
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
            params=dict(params),
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
    transaction: Transaction,
    turn_id: UUID,
    call_id: UUID,
    *,
    error: str,
    latency_ms: int,
    n_tries: int,
    usage: Usage,
) -> None:
    """Notes that the call failed. It counts as a step; ``usage`` is what it may have used and cost."""
    transaction.execute(
        update(ModelCallRow)
        .where(ModelCallRow.id == call_id)
        .values(
            status="failed",
            error=error,
            latency_ms=latency_ms,
            n_tries=n_tries,
            cost_usd=usage.cost_usd,
            finished_at=func.now(),
        )
    )
    totals = {"prompt_tokens": usage.prompt_tokens, "cost_usd": usage.cost_usd or Decimal(0)}
    transaction.execute(_FAILED, {"id": turn_id, "call_id": call_id, **totals})


def _put_blobs(transaction: Transaction, bodies: Sequence[Any]) -> list[str]:
    locks.lock_shared(transaction, locks.BLOBS)  # none of these is deleted before the commit
    rows = {}
    hashes = []
    for body in bodies:
        body_ = clean(body)
        canonical = json.dumps(body_, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        key = sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
        hashes.append(key)
        rows[key] = {"hash": key, "body": body_}
    transaction.execute(insert(BlobRow).on_conflict_do_nothing(), [rows[key] for key in sorted(rows)])
    return hashes
