"""Checks the language models: known, keyed, priced and, with permission, called once."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.errors import DeadlineExceeded, DocentError, SettingsError
from agent.llm import failures
from agent.llm.model_names import is_local
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState

if TYPE_CHECKING:
    from agent.llm.pricing import Price
    from agent.llm.request import Completion

CALL_SECONDS = 15
N_TOKENS = 64  # a model that thinks first needs some
PROMPT = "Answer with the one word: ready"


def model(context: CheckContext) -> Iterator[Finding]:
    """Checks each configured model: first without a call, then, if allowed, with one."""
    from agent.llm import models

    name, _ = models.list_addresses(context.kernel)[0]
    if is_local(name):
        text = "No language model: answers are quoted from the documents, sentence by sentence."
        yield Finding(
            "model", FindingState.OK, text, "Set DOCENT_MODEL and the provider's key for answers in its own words."
        )
    for name, base in models.list_addresses(context.kernel):
        if not is_local(name):
            yield from _check(context, name, base)


def _check(context: CheckContext, name: str, base: str | None) -> Iterator[Finding]:
    from agent.llm import models

    facts = models.look_up(name, api_base=base)
    if not facts.is_known:
        yield Finding("model", FindingState.PROBLEM, *failures.explain_unknown(name))
        return
    yield from _missing(facts.missing)
    try:
        price: Price | None = models.find_price(name, context.kernel)
    except SettingsError as error:
        yield Finding("model", FindingState.PROBLEM, str(error), "Until then the worker does not start.")
        price = None
    if context.may_call:
        yield from _call(name, base, price)
    else:
        hint = (
            "" if context.may_call is False else " 'docent doctor --model-call' tries it (a fraction of a cent)."
        )
        yield Finding("model", FindingState.SKIPPED, f"{name} was not called.{hint}")


def _missing(names: tuple[str, ...]) -> Iterator[Finding]:
    if explanation := failures.explain_missing(names):
        yield Finding("model", FindingState.PROBLEM, *explanation)
    elif names and not all(name.endswith("_API_BASE") for name in names):  # those have a default
        text = f"{', '.join(names)}: not set."
        yield Finding(
            "model",
            FindingState.WARNING,
            text,
            "Set them, unless this machine has a role that the provider accepts.",
        )


def _call(name: str, base: str | None, price: "Price | None") -> Iterator[Finding]:
    from agent.llm import client
    from agent.llm.pricing import FREE
    from agent.llm.request import Completion, Model, Request

    request = Request(
        model=Model(name, base, price or FREE),
        messages=[{"role": "user", "content": PROMPT}],
        tools=(),
        tool_choice=None,
        max_completion_tokens=N_TOKENS,
    )
    completion = Completion()
    policy = client.CallPolicy(n_retries=0, timeout_seconds=CALL_SECONDS, stall_seconds=CALL_SECONDS)
    deadline = time.monotonic() + CALL_SECONDS
    try:
        for _ in client.stream(request, completion, deadline=deadline, policy=policy):
            pass
    except DeadlineExceeded:
        why = f"{name}: the provider gave no answer within {CALL_SECONDS} s."
        yield Finding(
            "model", FindingState.PROBLEM, why, "Try again; check DOCENT_MODEL_API_BASE and the network."
        )
        return
    except DocentError as error:
        why, advice = failures.explain(error, name)
        yield Finding("model", FindingState.PROBLEM, f"{name}: {why}.", advice)
        return
    yield Finding("model", FindingState.OK, f"{name} answers: {_bill(completion, price)}")


def _bill(completion: "Completion", price: "Price | None") -> str:
    usage = completion.usage
    n_tokens = usage.prompt_tokens + usage.completion_tokens
    cost = "cost unknown" if price is None else f"${usage.cost_usd:.6f}"
    return f"{completion.latency_ms / 1000:.1f} s, {n_tokens} tokens, {cost}"
