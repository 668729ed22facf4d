"""The record of one turn while it is worked on: the transcript, and every write that extends it.

Promises that memory follows Postgres: each method commits one short transaction, then extends the transcript by
the same; nothing else changes either. A worker that lost the lease writes nothing and gets :class:`LeaseLost`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from agent.errors import OverBudget
from agent.json_sanitizer import clean
from agent.llm import models
from agent.llm.request import Completion, Request
from agent.prompting import prompt
from agent.store import budgets, sessions, trace
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.trace import OPENING
from agent.store.transcript import Transcript
from agent.turn import tool_calls
from agent.turn.config import AgentConfig
from agent.turn.tool_calls import FinishedCall, ToolCall
from agent.turn.tool_results import ToolOutcome
from agent.types import CitedPassage, EndReason, Message, Purpose, Usage


@dataclass(frozen=True)
class OpenModelCall:
    """A model call whose row is written and whose money is held; ``request`` is as long as the money allows."""

    id: UUID
    request: Request
    held_usd: Decimal


class TurnRecorder:
    """One turn's transcript and finished calls; ``finished`` has the opening calls first."""

    def __init__(self, turn: Turn, config: AgentConfig, transcript: Transcript) -> None:
        self._turn, self._config = turn, config
        self.transcript = transcript
        self.finished: list[FinishedCall] = tool_calls.read_finished(transcript.messages)

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
        with self._step() as transaction:
            trace.close_model_call(
                transaction,
                self._turn.id,
                call.id,
                response=completion.response,
                params=completion.sent,
                usage=usage,
                latency_ms=completion.latency_ms,
                first_token_ms=completion.first_token_ms,
                n_tries=completion.n_tries,
                finish_reason=completion.finish_reason,
            )
            budgets.settle(transaction, call.id, usage.cost_usd or Decimal(0))
            if message:
                trace.add_message(transaction, self._turn.id, len(transcript.messages), message)
        self._count_step(usage)
        transcript.finish_reason = completion.finish_reason
        if message:
            transcript.messages.append(message)

    def add_failure(self, call: OpenModelCall, completion: Completion, error: Exception, usage: Usage) -> None:
        """Closes the row of a call that failed; ``usage`` is what it may have used and cost."""
        with self._step() as transaction:
            trace.fail_model_call(
                transaction,
                self._turn.id,
                call.id,
                error=str(error),
                latency_ms=completion.latency_ms,
                n_tries=completion.n_tries,
                usage=usage,
            )
            budgets.settle(transaction, call.id, usage.cost_usd or Decimal(0))
        self._count_step(usage)

    def add_question(self, calls: Sequence[ToolCall], outcomes: Sequence[ToolOutcome]) -> None:
        """Appends the person's message with the results of the opening calls."""
        pairs = list(zip(calls, outcomes, strict=True))
        evidence = [(call.name, outcome.result) for call, outcome in pairs]
        message: Message = clean(prompt.question_message(self._turn.question, evidence))
        cost_usd = sum((outcome.cost_usd for outcome in outcomes), Decimal(0))
        with self._step() as transaction:
            for call, outcome in pairs:
                self._write_call(transaction, call, outcome, OPENING)
            trace.add_message(transaction, self._turn.id, 0, message)
            self._config.budgets.spend(transaction, self._turn, cost_usd)
        self.transcript.messages.append(message)
        self.transcript.spent_usd += cost_usd
        self.finished += [FinishedCall(call, outcome, tool_calls.BEFORE_THE_MODEL) for call, outcome in pairs]

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
                for at, call in lasting:
                    self._write_call(transaction, call, None, at)

    def add_result(self, call: ToolCall, outcome: ToolOutcome) -> None:
        """Appends the result of one call of the last assistant message."""
        position = len(self.messages)
        content = clean(prompt.result_json(outcome.result))
        message: Message = {"role": "tool", "tool_call_id": call.id, "content": content}
        with self._step() as transaction:
            self._write_call(transaction, call, outcome, position)
            trace.add_message(transaction, self._turn.id, position, message)
            self._config.budgets.spend(transaction, self._turn, outcome.cost_usd)
        asked_at = max(i for i, earlier in enumerate(self.messages) if earlier["role"] == "assistant")
        self.transcript.messages.append(message)
        self.transcript.spent_usd += outcome.cost_usd
        self.finished.append(FinishedCall(call, outcome, asked_at))

    def add_own_text(self, text: str) -> None:
        """Appends a sentence of ours as the answer."""
        message: Message = {"role": "assistant", "content": text}
        with self._step() as transaction:
            trace.add_message(transaction, self._turn.id, len(self.messages), message)
        self.transcript.messages.append(message)

    @contextmanager
    def _step(self) -> Iterator[Transaction]:
        """Opens the transaction of one write; raises :class:`LeaseLost` where another worker has the turn."""
        with self._config.database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            yield transaction

    def _open(self, request: Request, purpose: Purpose, closing_usd: Decimal) -> OpenModelCall:
        with self._step() as transaction:
            hold = self._config.budgets.hold(
                transaction,
                self._turn,
                request,
                closing_usd=closing_usd,
                turn_usd=self._config.limits.max_usd - self.transcript.spent_usd,
            )
            request = replace(request, max_completion_tokens=hold.max_tokens)
            trace.open_model_call(
                transaction,
                self._turn.id,
                call_id=hold.id,
                attempt=self._turn.attempt,
                position=len(self.messages),
                purpose=purpose,
                model=request.model.name,
                request={"messages": list(request.messages), "tools": list(request.tools)},
                params=models.describe_params(request),
                reserved_usd=hold.usd,
            )
        return OpenModelCall(hold.id, request, hold.usd)

    def _write_call(
        self, transaction: Transaction, call: ToolCall, outcome: ToolOutcome | None, position: int
    ) -> None:
        trace.add_sources(transaction, self._turn.id, outcome.sources if outcome else ())
        trace.add_tool_call(
            transaction,
            self._turn.id,
            position=position,
            call_id=call.id,
            name=call.name,
            arguments=call.arguments,
            result=outcome.result if outcome else None,
            is_error=bool(outcome and outcome.is_error),
            duration_ms=outcome.duration_ms if outcome else None,
            cost_usd=outcome.cost_usd if outcome else Decimal(0),
        )

    def _count_step(self, usage: Usage) -> None:
        self.transcript.n_steps += 1
        self.transcript.n_tokens += usage.prompt_tokens + usage.completion_tokens
        self.transcript.spent_usd += usage.cost_usd or Decimal(0)
