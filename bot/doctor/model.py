"""The language model: known, keyed, and, with permission, called once."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.errors import DeadlineExceeded, DocentError, SettingsError
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding

if TYPE_CHECKING:
    from agent.llm.pricing import Price
    from agent.llm.request import Completion

CALL_SECONDS = 15
N_TOKENS = 64  # a model that thinks first needs some
PROMPT = "Answer with the one word: ready"
FAILURES = (  # of the provider's error its type and its text, in small letters; the first that fits
    (("insufficient_quota", "quota", "credit balance", "billing"), "the provider says that the quota is used up"),
    (
        ("authenticationerror", "api_key", "api key", "permissiondenied"),
        "the provider refuses the key, or has none",
    ),
    (("notfounderror", "model_not_found", "does not exist"), "the provider has no such model"),
    (("ratelimit",), "the provider is asked too often just now"),
    (("timeout",), "the provider gave no answer in time"),
    (("apiconnectionerror", "connection error", "connect"), "the provider cannot be reached"),
    (("serviceunavailable", "internalserver", "badgateway", "overloaded"), "the provider is out of order"),
    (("badrequest", "unprocessable"), "the provider does not take the request"),
)
ADVICE = (
    "Look at plan and billing in the provider's console.",
    "Set the provider's key in the environment or in .env (a server of your own may take any text), and check "
    "that it may use this model.",
    "Check the name in DOCENT_MODEL or DOCENT_EMBEDDING_MODEL, and that your account may use it.",
    "Try again in a minute; if it stays so, raise the limit with the provider.",
    "Try again; check DOCENT_MODEL_API_BASE and the network.",
    "Check DOCENT_MODEL_API_BASE, the network and HTTPS_PROXY.",
    "Try again later; the provider's status page may tell.",
    "Try a model that takes chat messages with tools, and streams.",
)


def model(who: CheckContext) -> Iterator[Finding]:
    """What is known of each model without a call, then the calls."""
    from agent.llm import litellm_setup, models

    name, _ = models.places(who.kernel)[0]
    if litellm_setup.is_local(name):
        text = "No language model: answers are quoted from the documents, sentence by sentence."
        yield Finding("model", "ok", text, "Set DOCENT_MODEL and the provider's key for answers in its own words.")
    for name, base in models.places(who.kernel):
        if not litellm_setup.is_local(name):
            yield from _one(who, name, base)


def _one(who: CheckContext, name: str, base: str | None) -> Iterator[Finding]:
    from agent.llm import models

    facts = models.facts(name, api_base=base)
    if not facts.is_known:
        advice = "Write it as provider/model, as https://docs.litellm.ai/docs/providers lists them."
        yield Finding("model", "problem", f"LiteLLM knows no provider for '{name}'.", advice)
        return
    yield from _missing(facts.missing)
    try:
        price: Price | None = models.price(name, who.kernel)
    except SettingsError as error:
        yield Finding("model", "problem", str(error), "Without it the worker does not start.")
        price = None
    if who.may_call:
        yield from _call(name, base, price)
    else:
        hint = "" if who.may_call is False else " 'docent doctor --model-call' tries it (a fraction of a cent)."
        yield Finding("model", "skipped", f"{name} was not called.{hint}")


def in_words(error: DocentError, name: str) -> tuple[str, str]:
    """What a provider's failure means, and what to do; quotes nothing of it."""
    cause = error.__cause__ or error
    said = f"{type(cause).__name__} {cause}".lower().replace(name.lower(), "")
    for (signs, why), advice in zip(FAILURES, ADVICE, strict=True):
        if any(sign in said for sign in signs):
            return why, advice
    return f"the call failed ({type(cause).__name__})", "Check the name, the key and the address."


def _missing(names: tuple[str, ...]) -> Iterator[Finding]:
    keys = [name for name in names if name.endswith("_API_KEY")]
    if keys:
        given = " or ".join(keys)
        advice = "Set it in the environment or in .env; a server of your own may take any text."
        yield Finding("model", "problem", f"{given} is not set.", advice)
    elif names and not all(name.endswith("_API_BASE") for name in names):  # those have a default
        text = f"{', '.join(names)}: not set."
        yield Finding(
            "model", "warning", text, "Set them, unless the provider is reached by a role of this machine."
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
    patience = client.CallPolicy(n_retries=0, timeout_seconds=CALL_SECONDS, stall_seconds=CALL_SECONDS)
    deadline = time.monotonic() + CALL_SECONDS
    try:
        for _ in client.stream(request, completion, deadline=deadline, patience=patience):
            pass
    except DeadlineExceeded:
        why = f"{name}: the provider gave no answer within {CALL_SECONDS} s."
        yield Finding("model", "problem", why, "Try again; check DOCENT_MODEL_API_BASE and the network.")
        return
    except DocentError as error:
        why, advice = in_words(error, name)
        yield Finding("model", "problem", f"{name}: {why}.", advice)
        return
    yield Finding("model", "ok", f"{name} answers: {_bill(completion, price)}")


def _bill(completion: "Completion", price: "Price | None") -> str:
    usage = completion.usage
    n_tokens = usage.prompt_tokens + usage.completion_tokens
    cost = "cost unknown" if price is None else f"${usage.cost_usd:.6f}"
    return f"{completion.latency_ms / 1000:.1f} s, {n_tokens} tokens, {cost}"
