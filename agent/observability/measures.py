"""What the kernel counts for Prometheus, and traces of model and tool calls. See :mod:`.metrics`, :mod:`.tracing`.

Labels are enumerations, or names from the settings: never what a person or a model wrote.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.orm import Session

from agent.errors import ModelError
from agent.observability import metrics, tracing
from agent.observability.metrics import Metric, MetricKind
from agent.observability.tracing import SpanRole
from agent.types import Usage

QUESTIONS = Metric(
    MetricKind.COUNTER,
    "docent_questions",
    "Questions that have ended, by how (completed, failed, cancelled) and why (answered, no_evidence, …)",
    ["outcome", "reason"],
)
FIRST_TEXT = Metric(
    MetricKind.HISTOGRAM,
    "docent_first_text_seconds",
    "Seconds from storing a question to the first text of its answer",
)
DONE = Metric(
    MetricKind.HISTOGRAM,
    "docent_done_seconds",
    "Seconds from storing a question to its end, with the answer delivered",
    ["outcome"],
)
LEASES_LOST = Metric(
    MetricKind.COUNTER, "docent_leases_lost", "Questions that a worker lost to another while it worked on them"
)
MODEL_CALLS = Metric(
    MetricKind.COUNTER,
    "docent_model_calls",
    "Calls of language, embedding and rerank models, by how they ended: ok, failed, timeout, stopped",
    ["model", "outcome"],
)
MODEL_SECONDS = Metric(
    MetricKind.HISTOGRAM, "docent_model_call_seconds", "Seconds of a model call, with its retries", ["model"]
)
MODEL_TOKENS = Metric(
    MetricKind.COUNTER,
    "docent_model_tokens",
    "Tokens of model calls, by kind: prompt, cached (a part of the prompt), completion",
    ["model", "kind"],
)
MODEL_USD = Metric(MetricKind.COUNTER, "docent_model_usd", "Dollars that model calls cost", ["model"])


class MeasuredCall:
    """One model call, as metrics and traces see it. Without :meth:`finish` and :meth:`fail` it was stopped."""

    def __init__(self, model: str) -> None:
        self.outcome, self.usage = "stopped", Usage()
        self._model, self._began_at = model, time.monotonic()
        self.attributes: dict[str, tracing.Attribute | None] = {}
        self.error: Exception | None = None

    def finish(self, usage: Usage, *, finish_reason: str | None = None) -> None:
        """Notes that the model answered."""
        self.outcome, self.usage = "ok", usage
        if finish_reason:
            self.attributes["gen_ai.response.finish_reasons"] = [finish_reason]

    def fail(self, usage: Usage, error: Exception, *, is_timeout: bool) -> None:
        """Notes that the call failed; ``usage`` is what it may have used and cost."""
        self.outcome, self.usage, self.error = "timeout" if is_timeout else "failed", usage, error

    def count(self) -> None:
        """Counts it, when it is over."""
        model, usage = self._model, self.usage
        MODEL_CALLS.add(model=model, outcome=self.outcome)
        MODEL_SECONDS.observe(time.monotonic() - self._began_at, model=model)
        MODEL_TOKENS.add(usage.prompt_tokens, model=model, kind="prompt")
        MODEL_TOKENS.add(usage.cached_tokens, model=model, kind="cached")
        MODEL_TOKENS.add(usage.completion_tokens, model=model, kind="completion")
        MODEL_USD.add(float(usage.cost_usd or 0), model=model)


@contextmanager
def chat(model: str, *, purpose: str, max_tokens: int) -> Iterator[MeasuredCall]:
    """Counts and traces the model call inside the ``with``, which may be part of a generator."""
    call = MeasuredCall(model)
    provider, _, name = model.partition("/") if "/" in model else ("openai", "", model)
    asked: tracing.Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": name,
        "gen_ai.request.max_tokens": max_tokens,
        "docent.purpose": purpose,
    }
    span = tracing.begin(f"chat {name}", SpanRole.CLIENT, asked)
    try:
        yield call
    finally:
        call.count()
        span.note({**call.attributes, **_describe_usage(call.usage)})
        if call.error:
            span.fail(call.error)
        span.end()


@contextmanager
def count_call(model: str) -> Iterator[MeasuredCall]:
    """Counts the call of an embedding or rerank model inside the ``with``."""
    call = MeasuredCall(model)
    try:
        yield call
    except ModelError as error:
        call.fail(Usage(), error, is_timeout=error.is_timeout)
        raise
    finally:
        call.count()


@contextmanager
def tool(name: str | None) -> Iterator[None]:
    """Traces the tool call inside the ``with``; None is a tool that a model made up."""
    shown = name or "unknown"
    attributes: tracing.Attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": shown}
    with tracing.span(f"execute_tool {shown}", SpanRole.INTERNAL, attributes):
        yield


def count_end(transaction: Session, *, outcome: str, reason: str, asked_at: float | None = None) -> None:
    """Counts the end of a question, if the transaction that stores it is committed.

    It was ``asked_at``, ``time.monotonic()`` seconds on this machine; None where no worker has begun with it.
    """
    if not metrics.are_on():
        return

    def count(_: Session) -> None:
        QUESTIONS.add(outcome=outcome, reason=reason)
        if asked_at is not None:
            DONE.observe(max(0.0, time.monotonic() - asked_at), outcome=outcome)

    event.listen(transaction, "after_commit", count, once=True)


def note_first_text(asked_at: float | None) -> None:
    """Counts how long the first text of an answer took."""
    if asked_at is not None:
        FIRST_TEXT.observe(max(0.0, time.monotonic() - asked_at))


def _describe_usage(usage: Usage) -> tracing.Attributes:
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "docent.cost_usd": None if usage.cost_usd is None else float(usage.cost_usd),
    }
