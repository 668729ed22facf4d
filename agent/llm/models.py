"""What is known about a model without calling it: provider, price, parameters, and what it has refused before.

Asks no server. What a model refuses is learned from its answers and remembered for the life of the process, so
each parameter is refused once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from agent.errors import SettingsError
from agent.llm import failures, pricing
from agent.llm.litellm_setup import litellm
from agent.llm.model_names import is_local, split_address
from agent.llm.pricing import Price
from agent.llm.request import Model, Request
from agent.settings import AgentSettings, split_list
from agent.types import JsonValue

SEED = 20251
_CACHES_ON_REQUEST = re.compile(
    r"^anthropic/|claude"
)  # providers that cache prompts only where a breakpoint is set
_LENGTH_LIMITS = {"max_tokens", "max_completion_tokens"}
# Model key to the parameters that it refused. One per process and not an argument: it describes servers, whoever
# calls them. A lost update between threads costs one more refusal.
_learned: dict[str, frozenset[str]] = {}

PriceListEntry = Mapping[str, Any]  # LiteLLM's


@dataclass(frozen=True)
class ModelFacts:
    """What LiteLLM knows about a model. ``missing`` are environment variables that its provider needs."""

    is_known: bool  # LiteLLM knows its provider
    is_priced: bool
    missing: tuple[str, ...] = ()


def look_up(model: str, *, api_base: str | None = None) -> ModelFacts:
    """Looks a model up in LiteLLM's lists."""
    sdk = litellm()
    try:
        sdk.get_llm_provider(model, api_base=api_base)
    except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
        return ModelFacts(is_known=False, is_priced=False)
    missing = sdk.validate_environment(model, api_base=api_base)["missing_keys"]
    return ModelFacts(is_known=True, is_priced=_listed_price(model) is not None, missing=tuple(missing))


def explain_failure(model: str, recorded: str) -> tuple[str, str]:
    """Returns what a failed call means and what to do; ``recorded`` is the error in the record of the call."""
    facts = look_up(model)
    if not facts.is_known:
        return failures.explain_unknown(model)
    if recorded.startswith(failures.KEY.why) and (missing := failures.explain_missing(facts.missing)):
        return missing
    return failures.explain_recorded(recorded)


def resolve(settings: AgentSettings) -> tuple[Model, ...]:
    """Returns the model and its fallbacks, in order; raises :class:`SettingsError` with all problems at once.

    Example::

        primary, *fallbacks = models.resolve(AgentSettings(model="openai/gpt-5-mini"))
        primary.price.prompt  # dollars per token
    """
    operators = pricing.parse(settings.model_prices)
    without_tools = frozenset(split_list(settings.models_without_tools))
    models, problems = [], []
    for name, api_base in list_addresses(settings):
        try:
            models.append(_model(name, api_base, operators, without_tools))
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return tuple(models)


def find_price(name: str, settings: AgentSettings) -> Price:
    """Returns the operator's price, else the list's; raises :class:`SettingsError` when there is neither."""
    return pricing.resolve(name, pricing.parse(settings.model_prices), _listed_price(name))


def find_embedding_price(model: str, settings: AgentSettings) -> Decimal | None:
    """Returns dollars per token, the operator's price or the list's; None where neither knows the model."""
    name, _ = split_address(model)
    operators = pricing.parse(settings.model_prices)
    listed_usd = _list_entry(name).get("input_cost_per_token")
    if name not in operators and listed_usd is not None:
        return Decimal(str(listed_usd))
    price = operators.get(name) or operators.get(pricing.EVERY_MODEL)
    return price.prompt if price else None


def list_addresses(settings: AgentSettings) -> list[tuple[str, str | None]]:
    """Returns name and base URL of the model and its fallbacks, in order."""
    return [(settings.model, settings.model_api_base), *map(split_address, settings.fallbacks)]


def build_params(request: Request) -> dict[str, JsonValue]:
    """Returns what is sent beside messages and tools: only what the model takes."""
    model = request.model
    supported = _supported(model.name) - _learned.get(model.key, frozenset())
    length_limit = "max_tokens" if "max_tokens" in supported else "max_completion_tokens"
    wanted: dict[str, JsonValue] = {
        "temperature": 0,
        "seed": SEED,
        length_limit: request.max_completion_tokens,
        "tool_choice": (request.tool_choice if request.tools else None) or None,
    }
    return {name: value for name, value in wanted.items() if name in supported and value is not None}


def describe_params(request: Request) -> dict[str, JsonValue]:
    """Returns the parameters under the provider's names, without those that the model refuses; for the
    record."""
    params = build_params(request)
    shaping = {name: value for name, value in params.items() if name != "tool_choice"}
    mapped = _map_to_provider(request.model.name, tuple(sorted(shaping.items()))) or shaping
    choice = {"tool_choice": params["tool_choice"]} if "tool_choice" in params else {}
    breakpoints = choose_cache_breakpoints(request)
    return {**mapped, **choice, **({"cache_control": list(breakpoints)} if breakpoints else {})}


def takes_tools(model: Model) -> bool:
    """Returns whether tools may be offered to the model."""
    return model.has_tools and "tools" not in _learned.get(model.key, frozenset())


def choose_cache_breakpoints(request: Request) -> tuple[int, ...]:
    """Returns the indexes of messages that get a prompt-cache breakpoint.

    They are the system prompt (tools precede it) and the last message, which the next step's prompt extends.
    """
    if not _CACHES_ON_REQUEST.search(request.model.name) or len(request.messages) < 2:
        return ()
    return (0, len(request.messages) - 1)


def find_refused(request: Request, error_text: str) -> frozenset[str]:
    """Returns which of the parameters that were sent a provider's error text says it does not take."""
    if not _REFUSAL.search(error_text):
        return frozenset()
    candidates = {*build_params(request), *({"tools"} if request.tools else ())}
    return frozenset(name for name in candidates if _NAMES.get(name, re.compile(name)).search(error_text))


def learn(model: Model, names: frozenset[str]) -> bool:
    """Remembers the parameters that a model does not take; returns whether that is worth another call.

    It is not when they were known already, or when an answer that costs money would have no length limit left.
    """
    known = _learned.get(model.key, frozenset())
    if known | names >= _LENGTH_LIMITS and not model.price.is_free:
        return False
    _learned[model.key] = known | names
    return not names <= known


_REFUSAL = re.compile(
    r"not support|unsupported|unrecognized|unknown (?:parameter|argument|name)|not (?:allowed|permitted)"
    r"|deprecated|only the default|invalid (?:parameter|argument)|no endpoints found|requires --enable",
    re.IGNORECASE,
)
_NAMES = {
    "tools": re.compile(
        r"support\W+(?:for\W+|of\W+)?(?:tools?\b(?!_)|function.?call)|['\"`]tools['\"`]|tool choice requires"
        r"|\b(?:tools?|function.?call\w*)\W+(?:\w+\W+){0,3}(?:not|un)\W*(?:support|allow)",
        re.IGNORECASE,
    ),
    "tool_choice": re.compile(r"tool[_ ]choice(?! requires)", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax_tokens"),
}


def _model(name: str, api_base: str | None, operators: Mapping[str, Price], without: frozenset[str]) -> Model:
    if is_local(name):
        return Model(name)
    entry = _list_entry(name)
    return Model(
        name,
        api_base,
        price=pricing.resolve(name, operators, _listed_price(name)),
        has_tools=name not in without and _calls_tools(name, entry),
        max_prompt_tokens=entry.get("max_input_tokens"),
    )


def _calls_tools(name: str, entry: PriceListEntry) -> bool:
    """Assumes that a model which the list does not know calls tools, where its provider's API takes tools at
    all."""
    return "tools" in _supported(name) and bool(entry.get("supports_function_calling", True) if entry else True)


@cache
def _supported(model: str) -> frozenset[str]:
    if is_local(model):
        return frozenset({"tool_choice", "tools"})
    try:
        return frozenset(litellm().get_supported_openai_params(model=model) or ())
    except Exception:  # noqa: BLE001  an unknown model: send what every API takes
        return frozenset({"max_tokens", "tool_choice", "tools"})


@cache
def _map_to_provider(model: str, params: tuple[tuple[str, JsonValue], ...]) -> dict[str, JsonValue]:
    """Returns the parameters as the provider names them; empty for local models, and where litellm cannot tell."""
    if is_local(model):
        return {}
    sdk = litellm()
    try:
        name, provider, _, _ = sdk.get_llm_provider(model)
        mapped = sdk.utils.get_optional_params(
            model=name, custom_llm_provider=provider, drop_params=True, **dict(params)
        )
    except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
        return {}
    return {name: value for name, value in mapped.items() if name not in ("stream", "extra_body")}


@cache
def _list_entry(model: str) -> PriceListEntry:
    """Returns the list's entry, by the name with or without its provider; empty for a model it does not
    have."""
    table = litellm().model_cost
    entry = table.get(model)
    if entry is None:
        try:
            name, provider, _, _ = litellm().get_llm_provider(model)
        except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
            return {}
        bare = table.get(name, {})
        entry = bare if bare.get("litellm_provider", "").startswith(provider) else {}
    return dict(entry)


def _listed_price(model: str) -> Price | None:
    entry = _list_entry(model)
    prompt, completion = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if prompt is None or completion is None:
        return None
    return Price(
        Decimal(str(prompt)),
        Decimal(str(completion)),
        cache_read=Decimal(str(entry.get("cache_read_input_token_cost") or prompt)),
        cache_write=Decimal(str(entry.get("cache_creation_input_token_cost") or prompt)),
    )
