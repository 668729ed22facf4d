"""Turns as the app records them, made by the kernel's own functions, without a model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text

from agent.clock import new_id
from agent.prompting.prompt import question_message
from agent.store import feedback, sessions, trace
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from agent.store.trace import RecordedCall
from agent.types import EVERYONE, CitedPassage, JsonValue, Message, Passage, Purpose, Usage
from ingest.access import reader_sets
from ingest.tables import DocumentRow

SYSTEM: Message = {"role": "system", "content": "Answer from the documents."}
SCHEMA = {"type": "function", "function": {"name": "search_docs", "description": "Searches.", "parameters": {}}}
DOCUMENT = UUID(int=7)
PASSAGE = Passage(
    "c1", DOCUMENT.hex, "Leave", "https://handbook.example/leave", "Annual", "Carry over 5 days.", 0.91
)
SHOWN: dict[str, JsonValue] = {
    "n": 1,
    "title": "Leave",
    "heading": "Annual",
    "url": PASSAGE.url,
    "document_id": DOCUMENT.hex,
    "score": 0.91,
    "text": PASSAGE.text,
}
STAMPS = {
    "model": "openai/scripted",
    "release": "1.0",
    "prompt_hash": "a" * 64,
    "prompt_version": "7",
    "settings_hash": "b" * 64,
    "embedding_model": "static",
    "index_version": "3",
}
USAGE = Usage(prompt_tokens=1_000, cached_tokens=400, completion_tokens=50, cost_usd=Decimal("0.002"))


@dataclass
class Recorded:
    """Writes one turn, step by step; a test leaves out or adds what it is about."""

    database: Database
    turn: Turn
    said: Message | None = None  # by the model, last

    @staticmethod
    def begin(
        database: Database,
        question: str = "How many days?",
        *,
        key: str = "slack:T1:C1:1.1",
        user: str = "U1",
        channel: str | None = "C1",
        stamps: dict[str, str | None] | None = None,
    ) -> "Recorded":
        with database.transaction() as transaction:
            asked = sessions.ask(
                transaction,
                key=key,
                user_id=user,
                origin="mention",
                question=question,
                channel=channel,
                workspace="T1",
            )
        with database.transaction() as transaction:
            turn = sessions.claim(transaction, asked.session_id, owner="test", lease_seconds=60)
            assert turn
            trace.begin(transaction, turn, STAMPS | (stamps or {}))
        return Recorded(database, turn)

    @property
    def id(self) -> UUID:
        return self.turn.id

    def open(self) -> Message:
        """The opening search, and the person's message with its evidence."""
        message = question_message(self.turn.question, [("search_docs", {"passages": [SHOWN]})])
        with self.database.transaction() as transaction:
            set_readers(transaction, {EVERYONE})
            call = _call(
                "opening_0",
                position=trace.OPENING,
                arguments={"query": self.turn.question},
                result={"passages": [SHOWN]},
                duration_ms=12,
            )
            sources = [CitedPassage(1, PASSAGE)]
            trace.add_step(transaction, self.id, position=0, message=message, calls=[call], sources=sources)
        return message

    def tool(
        self,
        call_id: str,
        *,
        position: int,
        result: dict[str, Any] | None,
        is_error: bool = False,
        cost_usd: Decimal = Decimal(0),
    ) -> Message:
        """One later tool call; the message that answers it."""
        with self.database.transaction() as transaction:
            call = _call(
                call_id,
                position=position,
                arguments={"query": "carry over"},
                result=result,
                is_error=is_error,
                duration_ms=None if result is None else 8,
                cost_usd=cost_usd,
            )
            trace.add_step(transaction, self.id, position=position, message=None, calls=[call])
        return {"role": "tool", "tool_call_id": call_id, "content": json.dumps(result)}

    def ask(
        self,
        messages: Sequence[Message],
        said: Message | None,
        *,
        purpose: str = "step",
        model: str = "openai/scripted",
        usage: Usage = USAGE,
        tools: Sequence[Any] = (SCHEMA,),
        attempt: int = 1,
        n_tries: int = 1,
        error: str = "",
    ) -> UUID:
        """A model call that came back, failed with ``error``, or with neither is still under way."""
        call_id = new_id()
        with self.database.transaction() as transaction:
            trace.open_model_call(
                transaction,
                replace(self.turn, attempt=attempt),
                call_id=call_id,
                position=len(messages),
                purpose=Purpose(purpose),
                model=model,
                request={"messages": list(messages), "tools": list(tools)},
                params={"temperature": 0, "max_tokens": 2000},
                reserved_usd=Decimal("0.01"),
            )
        with self.database.transaction() as transaction:
            if error:
                trace.fail_model_call(
                    transaction, self.turn, call_id, error=error, latency_ms=900, n_tries=n_tries, usage=usage
                )
            elif said is not None:
                self.said = said
                trace.close_model_call(
                    transaction,
                    self.turn,
                    call_id,
                    response={"choices": [{"message": cast(JsonValue, said), "finish_reason": "stop"}]},
                    params={"temperature": 0, "max_tokens": 2000},
                    usage=usage,
                    latency_ms=1_500,
                    first_token_ms=400,
                    n_tries=n_tries,
                    finish_reason="tool_calls" if said.get("tool_calls") else "stop",
                    message=None,
                    position=len(messages),
                )
        return call_id

    def end(
        self,
        answer: str | None = "At most 5 days [1].",
        *,
        status: str = "completed",
        reason: str = "answered",
        error_id: str | None = None,
    ) -> "Recorded":
        with self.database.transaction() as transaction:
            if self.said:
                said: Message = {"role": "assistant", **self.said}
                trace.add_step(transaction, self.id, position=100, message=said)
            sessions.finish(
                transaction,
                self.turn,
                status=status,
                reason=reason,
                answer=answer,
                error_id=error_id,
                cited=[1],
            )
        return self

    def rate(self, rating: int, comment: str | None = None, *, user: str = "U1") -> "Recorded":
        with self.database.transaction() as transaction:
            feedback.rate(transaction, turn_id=self.id, user_id=user, rating=rating, comment=comment)
        return self

    def age(self, days: float) -> "Recorded":
        """Makes it so many days older."""
        older = {"days": days, "id": self.id}
        with self.database.transaction() as transaction:
            for table, key, columns in (
                ("turns", "id", ("created_at", "started_at", "finished_at")),
                ("model_calls", "turn_id", ("started_at", "finished_at")),
                ("tool_calls", "turn_id", ("created_at",)),
            ):
                moved = ", ".join(f"{name} = {name} - make_interval(secs => :days * 86400)" for name in columns)
                transaction.execute(text(f"UPDATE {table} SET {moved} WHERE {key} = :id"), older)
        return self


def answered(database: Database, question: str = "How many days?", **given: Any) -> Recorded:
    """A turn that searched, asked the model once, and answered."""
    turn = Recorded.begin(database, question, **given)
    turn.ask([SYSTEM, turn.open()], {"role": "assistant", "content": "At most 5 days [1]."})
    return turn.end()


def searched_again(database: Database, question: str = "How many days?", **given: Any) -> Recorded:
    """A turn whose model asked for a second search before it answered."""
    turn = Recorded.begin(database, question, **given)
    function = {"name": "search_docs", "arguments": '{"query": "carry over"}'}
    own_keys = {"reasoning_content": "I had better look again."}  # of the provider, which a message does not name
    call = {"id": "call_1", "type": "function", "index": 0, "function": function}
    wish = cast(Message, {"role": "assistant", "content": None, "tool_calls": [call], **own_keys})
    messages = [SYSTEM, turn.open()]
    turn.ask(messages, wish)
    messages += [wish, turn.tool("call_1", position=2, result={"passages": [SHOWN]})]
    turn.ask(messages, {"role": "assistant", "content": "At most 5 days [1]."})
    return turn.end()


def set_readers(transaction: Transaction, readers: set[str]) -> None:
    """Of the one document that turns are answered from."""
    access_id = reader_sets.store_readers(transaction, reader_sets.one_of(readers))
    values = {"source": "handbook", "uri": "leave.md", "url": PASSAGE.url, "title": PASSAGE.title}
    transaction.merge(DocumentRow(id=DOCUMENT, content_hash="h", access_id=access_id, **values))


def _call(
    call_id: str,
    *,
    position: int,
    arguments: JsonValue,
    result: dict[str, Any] | None,
    is_error: bool = False,
    duration_ms: int | None = None,
    cost_usd: Decimal = Decimal(0),
) -> RecordedCall:
    return {
        "position": position,
        "call_id": call_id,
        "name": "search_docs",
        "arguments": arguments,
        "result": result,
        "is_error": is_error,
        "duration_ms": duration_ms,
        "cost_usd": cost_usd,
    }
