"""The model calls of a turn: the models are asked in order until one answers.

Promises that limits and budgets are tested, a row written and money held before a call is made; that the request
fits the model's window; that the row of a call that failed is closed with why. Text that may not be shown yet is
held back (:mod:`agent.turn.shown_text`). Leaves closing the row of an answer to the caller, who knows which
message of it joins the transcript.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from agent import observability
from agent.errors import DeadlineExceeded, LimitReached, ModelError, OverBudget
from agent.llm import client, models
from agent.llm.model_names import is_local
from agent.llm.request import CENTS, Completion, Model, Pending, Request, Retracted
from agent.llm.tokens import estimate_prompt_tokens
from agent.prompting import context_window, prompt
from agent.prompting.json_sanitizer import clean
from agent.turn import grounding
from agent.turn.config import AgentConfig
from agent.turn.events import Event, TextDelta, TextReset, Waiting
from agent.turn.limits import Meter
from agent.turn.recorder import OpenModelCall, TurnRecorder
from agent.turn.shown_text import ShownText
from agent.types import Limit, Message, Purpose, ToolSchema, Usage

CLOSING_REQUEST: Message = {
    "role": "user",
    "content": (
        "Stop here: no more tool calls are possible. Answer now from the passages above, as well as they allow, "
        "and say what remains open."
    ),
}
BUDGET_POLL_SECONDS = 0.25
WAITING_SHARE = 0.7  # of the time for a call, at most, is spent on waiting for money: the rest is for the call
UNLIMITED_TOKENS = 10**9  # the window of a model of this process


@dataclass(frozen=True)
class ModelCall:
    """What is asked, whichever model it goes to. ``messages`` and ``max_completion_tokens`` replace the turn's."""

    purpose: Purpose
    models: Sequence[Model]
    deadline: float  # time.monotonic() seconds
    messages: Sequence[Message] | None = None
    max_completion_tokens: int | None = None

    @property
    def is_ordinary(self) -> bool:
        """Returns whether it leaves room for the closing call."""
        return self.purpose in (Purpose.STEP, Purpose.STANDALONE)

    @property
    def is_shown(self) -> bool:
        """Returns whether its text is part of the answer."""
        return self.purpose is not Purpose.STANDALONE

    @property
    def tool_choice(self) -> str | None:
        """Returns "none" where the answer must be text: tools stay listed, so that the cached prompt is used."""
        return "none" if self.purpose in (Purpose.CLOSING, Purpose.FALLBACK) else None


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said to a call, whose row is still open."""

    call: OpenModelCall
    completion: Completion
    message: Message


class ModelCaller:
    """Asks models for one attempt at a turn. ``history`` are the session's earlier turns."""

    def __init__(
        self,
        config: AgentConfig,
        recorder: TurnRecorder,
        meter: Meter,
        check: Callable[[], None],
        history: Sequence[tuple[str, str]],
    ) -> None:
        self._config, self._recorder, self._meter = config, recorder, meter
        self._check, self._history = check, history

    def ask(self, call: ModelCall) -> Generator[Event, None, ModelAnswer]:
        """Asks the models in order until one answers.

        Raises :class:`ModelError` when every one failed or is left alone, :class:`DeadlineExceeded`, and
        :class:`LimitReached` before money is spent.
        """
        failure: ModelError | None = None
        for model in call.models:
            for _ in range(1 + self._config.call_policy.n_retries):
                if not is_local(model.name) and not self._config.breaker.allows(model.key):
                    observability.log.info("model_left_alone", model=model.name)
                    break
                try:
                    return (yield from self._ask_one(call, model))
                except ModelError as error:
                    observability.report(error, event="model_call_failed")
                    failure = error
                    yield TextReset()
                    if not (error.is_transient and error.has_begun):
                        break
                finally:
                    self._config.breaker.release_probe(model.key)  # a try without a result
        raise failure or ModelError("every model is left alone for now", is_transient=True)

    def _ask_one(self, call: ModelCall, model: Model) -> Generator[Event, None, ModelAnswer]:
        request = self._build(call, model)
        self._check_limits(call, request)
        closing_usd = _closing_usd(request) if call.is_ordinary else Decimal(0)
        opened = yield from self._open(call, request, closing_usd)
        completion = Completion()
        try:
            yield from self._stream(call, opened.request, completion)
        except (ModelError, DeadlineExceeded) as error:
            self._recorder.add_failure(opened, completion, error, _estimate_usage(opened, completion, error))
            if isinstance(error, ModelError):
                error.has_begun = completion.has_begun
            raise
        return ModelAnswer(opened, completion, clean(completion.message))

    def _open(
        self, call: ModelCall, request: Request, closing_usd: Decimal
    ) -> Generator[Event, None, OpenModelCall]:
        """Opens a call; an ordinary step waits for a budget that other questions hold, and may not use up.

        Holding is not spending: a call costs a fraction of what it might, and the rest comes back with its end.
        """
        started_at = time.monotonic()
        left = WAITING_SHARE * (call.deadline - started_at)
        until = started_at + min(left, self._config.budget_wait_seconds)
        while True:
            try:
                return self._recorder.open_model_call(request, call.purpose, closing_usd=closing_usd)
            except OverBudget as error:
                if not error.is_held or call.purpose is not Purpose.STEP or time.monotonic() >= until:
                    raise
            self._check()
            yield Waiting()
            time.sleep(BUDGET_POLL_SECONDS)

    def _stream(self, call: ModelCall, request: Request, completion: Completion) -> Generator[Event, None, None]:
        shown = self._begin_text(request)
        pieces = client.stream(
            request,
            completion,
            deadline=call.deadline,
            policy=self._config.call_policy,
            breaker=self._config.breaker,
            check=self._check,
        )
        for piece in pieces:
            if isinstance(piece, Pending):
                yield Waiting()
            elif not call.is_shown:
                continue
            elif isinstance(piece, Retracted):
                shown = self._begin_text(request)
                yield TextReset()
            elif text := shown.feed(piece):
                yield TextDelta(text)
        if call.is_shown and (text := shown.flush()):
            yield TextDelta(text)

    def _begin_text(self, request: Request) -> ShownText:
        return ShownText(
            is_weak=grounding.is_weak(self._recorder.finished, self._config.tools),
            known=[source.n for source in self._recorder.sources],
            names=self._config.tools,
            is_quoted=is_local(request.model.name),
        )

    def _build(self, call: ModelCall, model: Model) -> Request:
        max_tokens = call.max_completion_tokens or self._config.limits.max_completion_tokens
        if call.messages is not None:
            return Request(model, call.messages, [], None, max_tokens)
        tools = [tool.schema() for tool in self._config.tools.values()] if models.takes_tools(model) else []
        messages = self._fit_messages(model, tools, max_tokens)
        if call.purpose is Purpose.CLOSING and not is_local(model.name):  # which reads it in tool_choice
            messages.append(CLOSING_REQUEST)
        return Request(model, messages, tools, call.tool_choice if tools else None, max_tokens)

    def _fit_messages(
        self, model: Model, tools: Sequence[ToolSchema], max_completion_tokens: int
    ) -> list[Message]:
        """Returns the turn so far, within the model's window; a model of this process has none."""
        room = self._config.limits.max_transcript_tokens
        if model.max_prompt_tokens:
            room = min(room, model.max_prompt_tokens - max_completion_tokens)
        room = (
            UNLIMITED_TOKENS
            if is_local(model.name)
            else room - estimate_prompt_tokens(tools) - estimate_prompt_tokens(CLOSING_REQUEST)
        )
        messages = context_window.fit(
            prompt.system(self._config.guidance), self._history, self._recorder.messages, max_tokens=room
        )
        has_calls = models.takes_tools(model) or is_local(model.name)
        return messages if has_calls else context_window.without_tools(messages)

    def _check_limits(self, call: ModelCall, request: Request) -> None:
        """Raises :class:`LimitReached` where the call may not be made: STEPS, TOKENS or TIME."""
        transcript, limits = self._recorder.transcript, self._config.limits
        prompt_tokens = request.estimate_tokens()
        if call.is_ordinary:
            limit = self._meter.find_reached(
                n_steps=transcript.n_steps, n_tokens=transcript.n_tokens, prompt_tokens=prompt_tokens
            )
            if limit:
                raise LimitReached(limit)
        elif not is_local(request.model.name) and transcript.n_tokens + prompt_tokens > limits.max_tokens:
            raise LimitReached(Limit.TOKENS)  # the last step's results can exceed what was reserved
        if call.purpose is Purpose.CLOSING and transcript.n_steps >= limits.max_steps and transcript.n_steps > 0:
            raise LimitReached(Limit.STEPS)  # the models before this one used them up


def _closing_usd(request: Request) -> Decimal:
    """Returns what a closing call after this one would cost: the same prompt, this answer in it, and an answer."""
    price, n = request.model.price, request.max_completion_tokens
    prompt_usd = request.bound_prompt_usd() + price.bound_prompt(n + estimate_prompt_tokens(CLOSING_REQUEST))
    return (prompt_usd + n * price.completion).quantize(CENTS)


def _estimate_usage(call: OpenModelCall, completion: Completion, error: Exception) -> Usage:
    """Charges a call that broke off as held, because its cost is unknown; one that was refused at once is free."""
    is_refused = isinstance(error, ModelError) and not error.is_timeout and not completion.has_begun
    if is_refused:
        return Usage()
    return Usage(prompt_tokens=call.request.estimate_tokens(), cost_usd=call.held_usd, is_estimated=True)
