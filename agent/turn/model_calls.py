"""The model calls of a turn: each has a row, and its money held, before it is made; a model that fails is followed
by the next.

Promises: limits and budgets are tested before money is spent; what is asked fits the model's window; a row is
closed with what the call used, or with why it failed. Text that may not be shown yet is held back
(:mod:`agent.turn.grounding`).
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from agent import observability
from agent.errors import DeadlineExceeded, LimitReached, ModelError, OverBudget
from agent.json_sanitizer import clean
from agent.llm import client, models
from agent.llm.model_names import is_local
from agent.llm.request import CENTS, Completion, Model, Request
from agent.llm.tokens import estimate_prompt_tokens
from agent.prompting import context_window, prompt
from agent.store import budgets, trace
from agent.turn import grounding
from agent.turn.attempt import Work
from agent.turn.events import Event, TextDelta, TextReset, Waiting
from agent.types import Message, Usage

CLOSING_REQUEST = (
    "Stop here: no more tool calls are possible. Answer now from the passages above, as well as they allow, "
    "and say what remains open."
)
CLOSING: Message = {"role": "user", "content": CLOSING_REQUEST}
Keep = Callable[[Message, int], Message | None]


@dataclass(frozen=True)
class ModelCall:
    """What is asked, whichever model it goes to. ``keep`` makes of an answer the message that joins the
    transcript, if any; ``is_ordinary`` calls leave room for the closing one."""

    purpose: str
    models: Sequence[Model]
    keep: Keep
    deadline: float  # time.monotonic() seconds
    tool_choice: str | None = None
    is_ordinary: bool = False
    is_shown: bool = True
    messages: Sequence[Message] | None = None  # instead of the turn's
    max_completion_tokens: int | None = None  # instead of the turn's limit


def ask(work: Work, what: ModelCall) -> Generator[Event, None, Message | None]:
    """Asks the models in order until one answers; None when it says nothing that can be kept.

    Raises :class:`ModelError` when every one failed or is left alone, :class:`DeadlineExceeded`, and
    :class:`LimitReached` before money is spent.
    """
    failure: ModelError | None = None
    for model in what.models:
        for _ in range(1 + work.kit.patience.n_retries):
            if not is_local(model.name) and not work.kit.breaker.allows(model.key):
                observability.log.info("model_left_alone", model=model.name)
                break
            try:
                return (yield from _ask_one(work, what, model))
            except ModelError as error:
                observability.report(error, event="model_call_failed")
                failure = error
                yield TextReset()
                if not (error.is_transient and error.has_begun):
                    break
            finally:
                work.kit.breaker.release_probe(model.key)  # of a try that came to no verdict
    raise failure or ModelError("every model is left alone for now", is_transient=True)


def _ask_one(work: Work, what: ModelCall, model: Model) -> Generator[Event, None, Message | None]:
    request = _request(work, what, model)
    _test_limits(work, what, request)
    call_id, request, held_usd = _announced(work, what, request)
    completion = Completion()
    gate = _gate(work)
    pieces = client.stream(
        request,
        completion,
        deadline=what.deadline,
        policy=work.kit.patience,
        breaker=work.kit.breaker,
        check=work.check,
    )
    try:
        for piece in pieces:
            if isinstance(piece, str):
                if what.is_shown and (text := gate.feed(piece)):
                    yield TextDelta(text)
            else:
                yield Waiting()
    except (ModelError, DeadlineExceeded) as error:
        _commit_failure(work, call_id, completion, error, _may_have_used(request, completion, error, held_usd))
        raise
    message = what.keep(clean(completion.message), len(work.transcript.messages))
    _commit(work, call_id, completion, message)
    return message


def _gate(work: Work) -> grounding.TextGate:
    transcript = work.transcript
    weak = grounding.is_weak(transcript, work.kit.tools)
    return grounding.TextGate(weak=weak, known=[source.n for source in transcript.sources.values()])


def _request(work: Work, what: ModelCall, model: Model) -> Request:
    limits = work.kit.limits
    max_completion = what.max_completion_tokens or limits.max_completion_tokens
    tools = _schemas(work) if what.messages is None and models.takes_tools(model) else []
    messages = list(what.messages) if what.messages is not None else _messages(work, model, tools, max_completion)
    if what.purpose == "closing":
        messages.append(CLOSING)
    return Request(model, messages, tools, what.tool_choice if tools else None, max_completion)


def _messages(
    work: Work, model: Model, tools: Sequence[Mapping[str, Any]], max_completion_tokens: int
) -> list[Message]:
    """The turn so far, within the model's window; a model of this process has none."""
    room = work.kit.limits.max_transcript_tokens
    if model.max_prompt_tokens:
        room = min(room, model.max_prompt_tokens - max_completion_tokens)
    room = (
        10**9 if is_local(model.name) else room - estimate_prompt_tokens(tools) - estimate_prompt_tokens(CLOSING)
    )
    messages = context_window.fitted(prompt.system(), work.history, work.transcript.messages, max_tokens=room)
    has_calls = models.takes_tools(model) or is_local(model.name)
    return messages if has_calls else context_window.without_tools(messages)


def _schemas(work: Work) -> list[dict[str, Any]]:
    return [tool.schema() for tool in work.kit.tools.values()]


def _test_limits(work: Work, what: ModelCall, request: Request) -> None:
    transcript, limits = work.transcript, work.kit.limits
    prompt_tokens = request.estimate_tokens()
    if what.is_ordinary:
        limit = work.meter.reached(
            n_steps=transcript.n_steps, n_tokens=transcript.n_tokens, prompt_tokens=prompt_tokens
        )
        if limit:
            raise LimitReached(limit)
    elif not is_local(request.model.name) and transcript.n_tokens + prompt_tokens > limits.max_tokens:
        raise LimitReached("tokens")  # one step's results can be larger than what was kept for the closing call
    if what.purpose == "closing" and transcript.n_steps >= limits.max_steps and transcript.n_steps > 0:
        raise LimitReached("steps")  # the models before this one used them up


def _announced(work: Work, what: ModelCall, request: Request) -> tuple[UUID, Request, Decimal]:
    """A second try follows where what crashed turns hold was all that was missing."""
    try:
        return _announce(work, what, request)
    except OverBudget:
        with work.kit.database.transaction() as transaction:
            n_lapsed = budgets.lapse(transaction)
        if not n_lapsed:
            raise
    return _announce(work, what, request)


def _announce(work: Work, what: ModelCall, request: Request) -> tuple[UUID, Request, Decimal]:
    """Writes the call's row and holds its money, in one transaction; the request as long as the money allows."""
    with work.step() as transaction:
        hold = work.kit.budgets.hold(
            transaction,
            work.turn,
            request,
            closing_usd=_closing_usd(request) if what.is_ordinary else Decimal(0),
            turn_usd=work.kit.limits.max_usd - work.transcript.spent_usd,
        )
        request = replace(request, max_completion_tokens=hold.max_tokens)
        trace.open_model_call(
            transaction,
            work.turn.id,
            call_id=hold.id,
            attempt=work.turn.attempt,
            position=len(work.transcript.messages),
            purpose=what.purpose,
            model=request.model.name,
            request={"messages": list(request.messages), "tools": list(request.tools)},
            params=models.describe_params(request),
            reserved_usd=hold.usd,
        )
    return hold.id, request, hold.usd


def _closing_usd(request: Request) -> Decimal:
    """What the closing call would cost after this one: the same prompt, this answer in it, and an answer."""
    price, n = request.model.price, request.max_completion_tokens
    return (
        request.bound_prompt_usd() + price.bound_prompt(n + estimate_prompt_tokens(CLOSING)) + n * price.completion
    ).quantize(CENTS)


def _commit(work: Work, call_id: UUID, completion: Completion, message: Message | None) -> None:
    transcript, usage = work.transcript, completion.usage
    with work.step() as transaction:
        trace.close_model_call(
            transaction,
            work.turn.id,
            call_id,
            response=completion.response,
            params=completion.sent,
            usage=usage,
            latency_ms=completion.latency_ms,
            first_token_ms=completion.first_token_ms,
            n_tries=completion.n_tries,
            finish_reason=completion.finish_reason,
        )
        budgets.settle(transaction, call_id, usage.cost_usd or Decimal(0))
        if message:
            trace.add_message(transaction, work.turn.id, len(transcript.messages), message)
    transcript.n_steps += 1
    transcript.n_tokens += usage.prompt_tokens + usage.completion_tokens
    transcript.spent_usd += usage.cost_usd or Decimal(0)
    transcript.finish_reason = completion.finish_reason
    if message:
        transcript.messages.append(message)


def _may_have_used(request: Request, completion: Completion, error: Exception, held_usd: Decimal) -> Usage:
    """What a call that broke off cost is not known: it is charged as held, unless it was refused at once."""
    is_refused = isinstance(error, ModelError) and not error.is_timeout and not completion.has_begun
    return Usage() if is_refused else Usage(prompt_tokens=request.estimate_tokens(), cost_usd=held_usd)


def _commit_failure(work: Work, call_id: UUID, completion: Completion, error: Exception, used: Usage) -> None:
    transcript = work.transcript
    transcript.n_steps += 1
    transcript.n_tokens += used.prompt_tokens
    transcript.spent_usd += used.cost_usd or Decimal(0)
    with work.step() as transaction:
        trace.fail_model_call(
            transaction,
            work.turn.id,
            call_id,
            error=str(error),
            latency_ms=completion.latency_ms,
            n_tries=completion.n_tries,
            usage=used,
        )
        budgets.settle(transaction, call_id, used.cost_usd or Decimal(0))
