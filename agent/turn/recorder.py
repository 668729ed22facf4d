"""The record of one turn while it is worked on: the transcript, and every write that extends it.

Promises that memory follows Postgres: each method commits one short transaction, then extends the transcript by
the same; nothing else changes either. One thing waits for the next transaction: what the turn runs with and its
opening calls, which a crash only makes be asked again. A worker that lost the lease writes nothing and gets
:class:`LeaseLost`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from agent.errors import BudgetTaken, OverBudget
from agent.llm import models
from agent.llm.request import Completion, Request
from agent.prompting import prompt
from agent.prompting.json_sanitizer import clean
from agent.store import budgets, sessions, trace
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.trace import OPENING, RecordedCall
from agent.store.transcript import Transcript
from agent.turn import tool_calls
from agent.turn.config import AgentConfig
from agent.turn.tool_calls import FinishedCall, ToolCall
from agent.turn.tool_results import ToolOutcome
from agent.types import CitedPassage, EndReason, Message, Purpose, Usage

MAX_RACES = 3  # for money that others hold between a look and a commit

OnFinal = Callable[[Transaction], None]


def ignore_final(transaction: Transaction) -> None:
    """Does nothing with the final text: nobody has to be told of it before it is delivered."""


@dataclass(frozen=True)
class OpenModelCall:
    """A model call whose row is written and whose money is held; ``request`` is as long as the money allows."""

    id: UUID
    request: Request
    held_usd: Decimal


class TurnRecorder:
    """One turn's transcript and finished calls; ``finished`` has the opening calls first.

    ``metadata`` is what the turn runs with. ``on_final`` is called in the transaction that stores the final text.
    """

    def __init__(
        self,
        turn: Turn,
        config: AgentConfig,
        transcript: Transcript,
        *,
        metadata: Mapping[str, str | None] | None = None,
        on_final: OnFinal = ignore_final,
    ) -> None:
        self._turn, self._config = turn, config
        self._on_final = on_final
        self.transcript = transcript
        self.finished: list[FinishedCall] = tool_calls.read_finished(transcript.messages)
        self.is_revised = turn.is_withdrawn or turn.is_edited  # the question was, by the person
        self._may_have_holds = turn.has_record
        self._metadata = metadata  # None once it is stored
        self._deferred: list[Callable[[Transaction], None]] = []

    @property
    def messages(self) -> Sequence[Message]:
        """Returns the messages as committed."""
        return self.transcript.messages

    @property
    def sources(self) -> list[CitedPassage]:
        """Returns the passages that were numbered in this turn, by number."""
        return list(self.transcript.sources.values())

    @property
    def end_reason(self) -> EndReason | None:
        """Returns why the turn has to come to its end, where it was noted."""
        limit = self.transcript.limit  # a later release may have noted what this one does not know
        return EndReason(limit) if limit in set(EndReason) else None

    def note_end(self, reason: EndReason) -> None:
        """Records why the turn has to come to its end, once, so that another attempt knows it."""
        if self.transcript.limit != reason:
            self.transcript.limit = reason
            with self._step() as transaction:
                trace.note_limit(transaction, self._turn.id, reason)

    def forget_end(self) -> None:
        """Forgets a reason that an earlier attempt noted and this one did not need."""
        self.transcript.limit = None

    def note_quoted(self) -> None:
        """Records that this process's own model answers in place of the configured one."""
        self.transcript.is_quoted = True

    def open_model_call(self, request: Request, purpose: Purpose, *, closing_usd: Decimal) -> OpenModelCall:
        """Writes the call's row and holds its money, and ``closing_usd`` for the closing call.

        Raises :class:`LimitReached` where the money is short. Where a budget is, holds that crashed turns left
        behind are released first, and it is tried once more.
        """
        try:
            return self._open(request, purpose, closing_usd)
        except OverBudget:
            with self._config.database.transaction() as transaction:
                n_lapsed = budgets.lapse(transaction)
            if not n_lapsed:
                raise
        return self._open(request, purpose, closing_usd)

    def add_answer(self, call: OpenModelCall, completion: Completion, message: Message | None) -> None:
        """Closes the call's row and appends what joins the transcript of its answer, if anything does."""
        transcript, usage = self.transcript, completion.usage
        with self._step(is_verified=True) as transaction:
            is_revised = trace.close_model_call(
                transaction,
                self._turn,
                call.id,
                response=completion.response,
                params=completion.sent,
                usage=usage,
                latency_ms=completion.latency_ms,
                first_token_ms=completion.first_token_ms,
                n_tries=completion.n_tries,
                finish_reason=completion.finish_reason,
                message=message,
                position=len(transcript.messages),
            )
            if message and not message.get("tool_calls"):
                self._on_final(transaction)
            self._settle(transaction, call, usage)
        self.is_revised = is_revised
        self._count_step(usage)
        transcript.finish_reason = completion.finish_reason
        if message:
            transcript.messages.append(message)

    def add_failure(self, call: OpenModelCall, completion: Completion, error: Exception, usage: Usage) -> None:
        """Closes the row of a call that failed; ``usage`` is what it may have used and cost."""
        with self._step(is_verified=True) as transaction:
            trace.fail_model_call(
                transaction,
                self._turn,
                call.id,
                error=str(error),
                latency_ms=completion.latency_ms,
                n_tries=completion.n_tries,
                usage=usage,
            )
            self._settle(transaction, call, usage)
        self._count_step(usage)

    def add_question(self, calls: Sequence[ToolCall], outcomes: Sequence[ToolOutcome]) -> None:
        """Appends the person's message with the results of the opening calls.

        It is stored with the next step: until a model is asked, a crash costs nothing but the calls themselves.
        """
        pairs = list(zip(calls, outcomes, strict=True))
        evidence = [(call.name, outcome.result) for call, outcome in pairs]
        message: Message = clean(prompt.question_message(self._turn.question, evidence))
        cost_usd = sum((outcome.cost_usd for outcome in outcomes), Decimal(0))

        def write(transaction: Transaction) -> None:
            self._write(transaction, [(call, outcome, OPENING) for call, outcome in pairs], message, position=0)

        self._deferred.append(write)
        self.transcript.messages.append(message)
        self.transcript.spent_usd += cost_usd
        self.finished += [FinishedCall(call, outcome, tool_calls.BEFORE_THE_MODEL) for call, outcome in pairs]

    def flush(self) -> None:
        """Stores what waits for the next step, where there is none."""
        if self._deferred or self._metadata is not None:
            with self._step():
                pass

    def announce(self, plan: Sequence[ToolCall]) -> None:
        """Writes the rows of the calls that may do something lasting, before they run."""
        tools, position = self._config.tools, len(self.messages)
        lasting = [
            (position + i, call)
            for i, call in enumerate(plan)
            if call.preset is None and call.name in tools and not tools[call.name].is_idempotent
        ]
        if lasting:
            with self._step() as transaction:
                self._write(transaction, [(call, None, at) for at, call in lasting], None, position=position)

    def add_result(self, call: ToolCall, outcome: ToolOutcome) -> None:
        """Appends the result of one call of the last assistant message."""
        position = len(self.messages)
        content = clean(prompt.result_json(outcome.result))
        message: Message = {"role": "tool", "tool_call_id": call.id, "content": content}
        with self._step() as transaction:
            self._write(transaction, [(call, outcome, position)], message, position=position)
        asked_at = max(i for i, earlier in enumerate(self.messages) if earlier["role"] == "assistant")
        self.transcript.messages.append(message)
        self.transcript.spent_usd += outcome.cost_usd
        self.finished.append(FinishedCall(call, outcome, asked_at))

    def add_own_text(self, text: str, *, is_settled: bool = False) -> None:
        """Appends a sentence of ours as the answer, or with ``is_settled`` what a person has answered before."""
        message: Message = {"role": "assistant", "content": text}
        if is_settled:
            message = {**message, "content": clean(text), "is_settled": True}
        with self._step() as transaction:
            trace.add_step(transaction, self._turn.id, position=len(self.messages), message=message)
            self._on_final(transaction)
        self.transcript.messages.append(message)

    @contextmanager
    def _step(self, *, is_verified: bool = False) -> Iterator[Transaction]:
        """Opens the transaction of one write, after what waits for it; raises :class:`LeaseLost` where another
        worker has the turn. ``is_verified`` says that the write looks at the lease itself."""
        with self._config.database.transaction() as transaction:
            if self._metadata is not None:
                trace.begin(transaction, self._turn, self._metadata)
            elif self._deferred or not is_verified:
                sessions.verify_lease(transaction, self._turn)
            for write in self._deferred:
                write(transaction)
            yield transaction
        self._metadata = None
        self._deferred.clear()

    def _open(self, request: Request, purpose: Purpose, closing_usd: Decimal) -> OpenModelCall:
        for _ in range(MAX_RACES):
            with suppress(BudgetTaken):
                return self._open_once(request, purpose, closing_usd)
        return self._open_once(request, purpose, closing_usd)

    def _open_once(self, request: Request, purpose: Purpose, closing_usd: Decimal) -> OpenModelCall:
        turn_usd = self._config.limits.max_usd - self.transcript.spent_usd
        with (
            self._step() as transaction,
            self._config.budgets.hold(
                transaction,
                self._turn,
                request,
                closing_usd=closing_usd,
                turn_usd=turn_usd,
                has_closing=self._may_have_holds,
            ) as hold,
        ):
            request = replace(request, max_completion_tokens=hold.max_tokens)
            trace.open_model_call(
                transaction,
                self._turn,
                call_id=hold.id,
                position=len(self.messages),
                purpose=purpose,
                model=request.model.name,
                request={"messages": list(request.messages), "tools": list(request.tools)},
                params=models.describe_params(request),
                reserved_usd=hold.usd,
            )
        self._may_have_holds |= not request.model.price.is_free
        return OpenModelCall(hold.id, request, hold.usd)

    def _settle(self, transaction: Transaction, call: OpenModelCall, usage: Usage) -> None:
        if not call.request.model.price.is_free:
            budgets.settle(transaction, call.id, usage.cost_usd or Decimal(0))

    def _write(
        self,
        transaction: Transaction,
        calls: Sequence[tuple[ToolCall, ToolOutcome | None, int]],
        message: Message | None,
        *,
        position: int,
    ) -> None:
        """Stores calls, each with its position, and a message at ``position``; charges what the calls cost."""
        outcomes = [outcome for _, outcome, _ in calls if outcome]
        trace.add_step(
            transaction,
            self._turn.id,
            position=position,
            message=message,
            calls=[_describe(call, outcome, at) for call, outcome, at in calls],
            sources=[source for outcome in outcomes for source in outcome.sources],
        )
        cost_usd = sum((outcome.cost_usd for outcome in outcomes), Decimal(0))
        self._config.budgets.spend(transaction, self._turn, cost_usd)

    def _count_step(self, usage: Usage) -> None:
        self.transcript.n_steps += 1
        self.transcript.n_tokens += usage.prompt_tokens + usage.completion_tokens
        self.transcript.spent_usd += usage.cost_usd or Decimal(0)


def _describe(call: ToolCall, outcome: ToolOutcome | None, position: int) -> RecordedCall:
    return {
        "position": position,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "result": outcome.result if outcome else None,
        "is_error": bool(outcome and outcome.is_error),
        "duration_ms": outcome.duration_ms if outcome else None,
        "cost_usd": outcome.cost_usd if outcome else Decimal(0),
    }
