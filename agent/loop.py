"""The bounded, tool-using loop over one turn: a generator of events.

Its state is derived from the transcript in Postgres: last message the person's or a tool's → ask the model; an
assistant's with unanswered calls → run them; any other assistant's → finished. So a turn that was interrupted
anywhere goes on from its last committed step, and no committed model call is repeated.

Promises: ends within the limits, with a complete transcript; every model call has a row before it is made. A
limit buys one closing call without tools; when the model is down the fallback model answers and says so.
Does not deliver: the consumer shows the events and ends the turn.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session as Transaction

from agent import citations, llm, observe, prompt, record, sessions, toolcalls
from agent.database import Database
from agent.errors import DeadlineExceeded, ModelError
from agent.events import Event, Finished, TextDelta, TextReset, ToolFinished, ToolStarted, Waiting
from agent.limits import Limits, Meter
from agent.prompt import Message
from agent.record import OPENING, Source, Transcript
from agent.sessions import Turn
from agent.settings import EXTRACTIVE_MODEL
from agent.toolcalls import Outcome
from agent.tools import Tool, ToolContext

HISTORY_TURNS = 6  # earlier questions of the session that are shown to the model
CLOSING_REQUEST = (
    "Stop here: no more tool calls are possible. Answer now from the passages above, as well as they allow, "
    "and say what remains open."
)
NOTICES = {
    "steps": "I stopped after the allowed number of steps, so this answer may be incomplete.",
    "tokens": "I stopped at the token limit, so this answer may be incomplete.",
    "time": "I ran out of time, so this answer may be incomplete.",
    "no_answer": "The language model gave no proper answer, so this one may be incomplete.",
    "provider_down": "The language model cannot be reached now, so this is quoted directly from the documents.",
    "no_evidence": "Nothing above is taken from the documents.",
}
NO_MODEL_NOTICE = "No language model is configured, so this is quoted directly from the documents."
MAX_CALLS_PER_STEP = 8


@dataclass(frozen=True)
class OpeningCall:
    """A tool call made before the model is asked, such as a search for the question."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Kit:
    """What a turn is worked on with."""

    database: Database
    model: str
    tools: Mapping[str, Tool]
    limits: Limits
    resources: Mapping[type, Any] = field(default_factory=dict)
    api_base: str | None = None
    fallback_model: str = EXTRACTIVE_MODEL
    is_refusal: Callable[[str], bool] = lambda text: False


class Run:
    """One attempt at one turn.

    ``check`` runs often and may raise :class:`Cancelled` or :class:`LeaseLost`, which pass through.
    """

    def __init__(self, turn: Turn, kit: Kit, check: Callable[[], None]) -> None:
        self.turn, self.kit, self.check = turn, kit, check
        self.meter = Meter.start(kit.limits)
        self.model = kit.model
        self.limit: str | None = None
        with kit.database.transaction() as transaction:
            self.transcript: Transcript = record.load(transaction, turn.id)
            self.history = sessions.history(transaction, turn, limit=HISTORY_TURNS)

    @property
    def is_answered(self) -> bool:
        """Whether the final text is committed, and only its delivery remains."""
        return bool(self.transcript.messages) and _is_final(self.transcript.messages[-1])

    def source(self, n: int) -> Source | None:
        """The passage shown to the model under ``n``."""
        return next((source for source in self.transcript.sources.values() if source.n == n), None)

    def evidence(self) -> list[str]:
        """Every text a URL of the answer may come from: the question, tool results, the sources' addresses."""
        given = [str(m["content"]) for m in self.transcript.messages if m["role"] in ("user", "tool")]
        return [*given, *(source.passage.url for source in self.transcript.sources.values())]

    def events(self, opening: Callable[[Sequence[str]], Sequence[OpeningCall]]) -> Iterator[Event]:
        """Works on the turn until its final text is committed.

        ``opening`` makes the opening calls from the session's earlier questions.
        """
        messages = self.transcript.messages
        if not messages:
            yield from self._open(opening([question for question, _ in self.history]))
        while not _is_final(messages[-1]):
            self.check()
            if calls := toolcalls.unanswered(messages):
                yield from self._run_calls(calls)
            else:
                yield from self._step()
        yield self._finished(str(messages[-1].get("content") or ""))

    def _open(self, calls: Sequence[OpeningCall]) -> Iterator[Event]:
        """Runs the opening calls and commits them together with the person's message."""
        outcomes = []
        for index, call in enumerate(calls):
            yield ToolStarted(_opening_id(index), call.name, call.arguments)
            outcome = self._call_tool(call.name, call.arguments)
            outcomes.append(outcome)
            yield ToolFinished(_opening_id(index), call.name, outcome.is_error, tuple(outcome.sources))
        evidence = [(call.name, outcome.shown) for call, outcome in zip(calls, outcomes, strict=True)]
        message = prompt.question_message(self.turn.question, evidence)
        with self._step_transaction() as transaction:
            for index, (call, outcome) in enumerate(zip(calls, outcomes, strict=True)):
                self._record_call(
                    transaction,
                    outcome,
                    position=OPENING,
                    call_id=_opening_id(index),
                    name=call.name,
                    arguments=call.arguments,
                )
            record.add_message(transaction, self.turn.id, 0, message)
        self.transcript.messages.append(message)

    def _step(self) -> Iterator[Event]:
        request = self._request()
        limit = self.meter.reached(
            n_steps=self.transcript.n_steps,
            n_tokens=self.transcript.n_tokens,
            prompt_tokens=request.estimated_tokens(),
        )
        if limit:
            yield from self._close(limit)
            return
        try:
            message = yield from self._ask(request, "step", self.meter.ordinary_deadline, _as_said)
        except ModelError as error:
            observe.report(error, event="model_call_failed")
            yield from self._fall_back("provider_down")
            return
        except DeadlineExceeded:
            message = None
        if message is None:
            is_late = self.meter.clock() > self.meter.ordinary_deadline
            yield from self._close("time" if is_late else "no_answer")
        elif message.get("tool_calls"):
            yield TextReset()

    def _close(self, limit: str) -> Iterator[Event]:
        """The reserved call: tools stay listed, none may be called, and what it says is the answer."""
        self.limit = limit
        yield TextReset()
        request = self._closing_request()
        if self.transcript.n_tokens + request.estimated_tokens() > self.kit.limits.max_tokens:
            yield from self._fall_back(limit)  # one step's results can be larger than what was kept for it
            return
        try:
            message = yield from self._ask(request, "closing", self.meter.deadline, _text_only)
        except (ModelError, DeadlineExceeded) as error:
            observe.report(error, event="closing_call_failed")
            message = None
        if message is None:
            yield from self._fall_back(limit)

    def _fall_back(self, limit: str) -> Iterator[Event]:
        """The fallback model quotes what was found; it runs in this process and cannot be down."""
        self.limit, self.model = limit, self.kit.fallback_model
        yield TextReset()
        request = llm.Request(self.model, self._messages(), (), "none", self.kit.limits.max_completion_tokens)
        deadline = self.meter.clock() + self.kit.limits.max_seconds
        message = yield from self._ask(request, "fallback", deadline, _text_only)
        if message is None:
            raise ModelError("the fallback model said nothing")

    def _ask(
        self, request: llm.Request, purpose: str, deadline: float, keep: Callable[[Message, int], Message | None]
    ) -> Generator[Event, None, Message | None]:
        """Makes one recorded call; commits its end together with the message ``keep`` makes of it, if any."""
        call_id = self._announce(request, purpose)
        completion = llm.Completion()
        pieces = llm.stream(
            request,
            completion,
            deadline=deadline,
            n_retries=self.kit.limits.model_retries,
            timeout_seconds=self.kit.limits.model_timeout_seconds,
            check=self.check,
        )
        try:
            for piece in pieces:
                yield _as_event(piece)
        except (ModelError, DeadlineExceeded) as error:
            self.transcript.n_steps += 1
            self.transcript.n_tokens += request.estimated_tokens()
            with self._step_transaction() as transaction:
                record.fail_model_call(
                    transaction,
                    self.turn.id,
                    call_id,
                    error=str(error),
                    latency_ms=completion.latency_ms,
                    prompt_tokens=request.estimated_tokens(),
                )
            raise
        return self._commit_answer(call_id, completion, keep(completion.message, len(self.transcript.messages)))

    def _announce(self, request: llm.Request, purpose: str) -> UUID:
        with self._step_transaction() as transaction:
            return record.open_model_call(
                transaction,
                self.turn.id,
                attempt=self.turn.attempt,
                position=len(self.transcript.messages),
                purpose=purpose,
                model=request.model,
                request={"messages": list(request.messages), "tools": list(request.tools)},
                params=request.sent(),
                reserved_usd=request.estimated_usd(),
            )

    def _commit_answer(self, call_id: UUID, completion: llm.Completion, message: Message | None) -> Message | None:
        transcript, usage = self.transcript, completion.usage
        with self._step_transaction() as transaction:
            record.close_model_call(
                transaction,
                self.turn.id,
                call_id,
                response=completion.response,
                usage=usage,
                latency_ms=completion.latency_ms,
                first_token_ms=completion.first_token_ms,
                n_tries=completion.n_tries,
                finish_reason=completion.finish_reason,
            )
            if message:
                record.add_message(transaction, self.turn.id, len(transcript.messages), message)
        transcript.n_steps += 1
        transcript.n_tokens += usage.prompt_tokens + usage.completion_tokens
        if message:
            transcript.messages.append(message)
        return message

    def _run_calls(self, calls: Sequence[Message]) -> Iterator[Event]:
        """Runs the unanswered calls of the last assistant message, each committed on its own."""
        for call in calls:
            self.check()
            name, arguments = call["function"]["name"], toolcalls.arguments(call)
            yield ToolStarted(call["id"], name, arguments if isinstance(arguments, dict) else {})
            outcome = self._call_tool(name, arguments)
            message = {"role": "tool", "tool_call_id": call["id"], "content": prompt.result_json(outcome.shown)}
            position = len(self.transcript.messages)
            with self._step_transaction() as transaction:
                self._record_call(
                    transaction, outcome, position=position, call_id=call["id"], name=name, arguments=arguments
                )
                record.add_message(transaction, self.turn.id, position, message)
            self.transcript.messages.append(message)
            yield ToolFinished(call["id"], name, outcome.is_error, tuple(outcome.sources))

    def _call_tool(self, name: str, arguments: Any) -> Outcome:
        context = ToolContext(
            audience=self.turn.audience,
            session_key=self.turn.session_key,
            deadline=self.meter.ordinary_deadline,
            resources=self.kit.resources,
        )
        limit = self.kit.limits.max_tool_result_chars
        return toolcalls.run(name, arguments, self.kit.tools, context, number=self.transcript.number, limit=limit)

    def _record_call(
        self,
        transaction: Transaction,
        outcome: Outcome,
        *,
        position: int,
        call_id: str,
        name: str,
        arguments: Any,
    ) -> None:
        record.add_sources(transaction, self.turn.id, outcome.sources)
        record.add_tool_call(
            transaction,
            self.turn.id,
            position=position,
            call_id=call_id,
            name=name,
            arguments=arguments,
            result=outcome.shown,
            is_error=outcome.is_error,
            duration_ms=outcome.duration_ms,
        )

    @contextmanager
    def _step_transaction(self) -> Iterator[Transaction]:
        with self.kit.database.transaction() as transaction:
            sessions.hold(transaction, self.turn)
            yield transaction

    def _request(self) -> llm.Request:
        return llm.Request(
            model=self.kit.model,
            messages=self._messages(),
            tools=[tool.schema() for tool in self.kit.tools.values()],
            tool_choice=None,
            max_completion_tokens=self.kit.limits.max_completion_tokens,
            api_base=self.kit.api_base,
        )

    def _closing_request(self) -> llm.Request:
        request = self._request()
        closing: Message = {"role": "user", "content": CLOSING_REQUEST}
        return replace(request, messages=[*request.messages, closing], tool_choice="none")

    def _messages(self) -> list[Message]:
        earlier = [
            message
            for question, answer in self.history
            for message in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
        ]
        return [{"role": "system", "content": prompt.system()}, *earlier, *self.transcript.messages]

    def _finished(self, text: str) -> Finished:
        by_number = {source.n: source for source in self.transcript.sources.values()}
        numbers = citations.cited(text, by_number)
        is_refusal = self.kit.is_refusal(text)
        reason = self.limit or ("answered" if numbers and not is_refusal else "no_evidence")
        notice = "" if is_refusal and not self.limit else NOTICES.get(reason, "")
        if llm.is_local(self.kit.model):
            notice = "" if is_refusal else NO_MODEL_NOTICE
        sources = tuple(by_number[n] for n in numbers)
        return Finished(text, reason, notice, sources, self.model)


def _opening_id(index: int) -> str:
    return f"opening_{index}"


def _as_event(piece: str | llm.Restart | llm.Waiting) -> Event:
    if isinstance(piece, str):
        return TextDelta(piece)
    return TextReset() if isinstance(piece, llm.Restart) else Waiting()


def _is_final(message: Message) -> bool:
    return message["role"] == "assistant" and not message.get("tool_calls")


def _as_said(message: Message, position: int) -> Message | None:
    """The message verbatim, but with a bounded number of calls, each with an id of its own."""
    calls = list(message.get("tool_calls") or ())[:MAX_CALLS_PER_STEP]
    if not calls:
        return _text_only(message, position)
    seen: set[str] = set()
    for index, call in enumerate(calls):
        if not call.get("id") or call["id"] in seen:
            call["id"] = f"call_{position}_{index}"
        call["function"]["name"] = call["function"].get("name") or ""
        seen.add(call["id"])
    return message | {"tool_calls": calls}


def _text_only(message: Message, position: int) -> Message | None:
    """The message without calls; None when it says nothing."""
    text = str(message.get("content") or "")
    kept = {key: value for key, value in message.items() if key != "tool_calls"}
    return kept | {"role": "assistant", "content": text} if text.strip() else None
