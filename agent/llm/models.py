"""What is known of a model without asking it: its provider, price, parameters, and what it refused before.

Asks no server. What a model refuses is learned from its answers and kept for the life of the process, so each
parameter is refused once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from agent.errors import SettingsError
from agent.llm import pricing
from agent.llm.litellm_setup import litellm
from agent.llm.model_names import is_local, split_address
from agent.llm.pricing import Price
from agent.llm.request import Model, Request
from agent.settings import AgentSettings, split_list

SEED = 20251
_KEEPERS = re.compile(r"^anthropic/|claude")  # providers that keep a prompt's beginning only where they are told
_CAPS = {"max_tokens", "max_completion_tokens"}
_learned: dict[str, frozenset[str]] = {}


@dataclass(frozen=True)
class ModelFacts:
    """What litellm says of a model. ``missing`` are environment variables its provider reads."""

    is_known: bool  # litellm knows its provider
    is_priced: bool
    missing: tuple[str, ...] = ()


def look_up(model: str, *, api_base: str | None = None) -> ModelFacts:
    """See :class:`ModelFacts`."""
    sdk = litellm()
    try:
        sdk.get_llm_provider(model, api_base=api_base)
    except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
        return ModelFacts(is_known=False, is_priced=False)
    missing = sdk.validate_environment(model, api_base=api_base)["missing_keys"]
    return ModelFacts(is_known=True, is_priced=_listed_price(model) is not None, missing=tuple(missing))


def resolve(settings: AgentSettings) -> tuple[Model, ...]:
    """The primary and its fallbacks, in order; raises :class:`SettingsError`, all problems at once."""
    operators = pricing.parse(settings.model_prices)
    without_tools = frozenset(split_list(settings.models_without_tools))
    found, problems = [], []
    for name, api_base in list_addresses(settings):
        try:
            found.append(_model(name, api_base, operators, without_tools))
        except SettingsError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    return tuple(found)


def find_price(name: str, settings: AgentSettings) -> Price:
    """The operator's price, else the list's; raises :class:`SettingsError` when there is neither."""
    return pricing.resolve(name, pricing.parse(settings.model_prices), _listed_price(name))


def find_embedding_price(model: str, settings: AgentSettings) -> Decimal | None:
    """Dollars per token, the operator's or the list's; None where neither knows the model."""
    name, _ = split_address(model)
    operators = pricing.parse(settings.model_prices)
    listed_usd = _info(name).get("input_cost_per_token")
    if name not in operators and listed_usd is not None:
        return Decimal(str(listed_usd))
    given = operators.get(name) or operators.get(pricing.EVERY_MODEL)
    return given.prompt if given else None


def list_addresses(settings: AgentSettings) -> list[tuple[str, str | None]]:
    """Name and base URL of the primary and its fallbacks; a fallback's stands behind an @."""
    return [(settings.model, settings.model_api_base), *map(split_address, settings.fallbacks)]


def build_params(request: Request) -> dict[str, Any]:
    """What is sent beside messages and tools: only what the model takes."""
    model = request.model
    supported = _supported(model.name) - _learned.get(model.key, frozenset())
    cap = "max_tokens" if "max_tokens" in supported else "max_completion_tokens"
    wanted: dict[str, Any] = {"temperature": 0, "seed": SEED, cap: request.max_completion_tokens}
    found: dict[str, Any] = {name: value for name, value in wanted.items() if name in supported}
    if request.tools and request.tool_choice and "tool_choice" in supported:
        found["tool_choice"] = request.tool_choice
    return found


def describe_params(request: Request) -> dict[str, Any]:
    """The same as the provider gets it: named its way, without what this model refuses. For the record."""
    given = build_params(request)
    shaping = {name: value for name, value in given.items() if name != "tool_choice"}
    mapped = _mapped(request.model.name, tuple(sorted(shaping.items()))) or shaping
    choice = {"tool_choice": given["tool_choice"]} if "tool_choice" in given else {}
    kept = {"cache_control": list(choose_cache_breakpoints(request))} if choose_cache_breakpoints(request) else {}
    return mapped | choice | kept


def takes_tools(model: Model) -> bool:
    """Whether tools may be offered to it."""
    return model.has_tools and "tools" not in _learned.get(model.key, frozenset())


def choose_cache_breakpoints(request: Request) -> tuple[int, ...]:
    """The messages at which the provider is asked to keep the prompt up to there: the instructions (with the
    tools, which come before them), and the whole, which the next step begins with."""
    if not _KEEPERS.search(request.model.name) or len(request.messages) < 2:
        return ()
    return (0, len(request.messages) - 1)


def find_refused(request: Request, said: str) -> frozenset[str]:
    """Which of the parameters that were sent a provider's error text says it does not take."""
    if not _REFUSAL.search(said):
        return frozenset()
    candidates = {*build_params(request), *({"tools"} if request.tools else ())}
    return frozenset(name for name in candidates if _NAMES.get(name, re.compile(name)).search(said))


def learn(model: Model, names: frozenset[str]) -> bool:
    """Notes what the model does not take; False when that was known already, or when it would leave the length of
    answers that cost without a bound."""
    known = _learned.get(model.key, frozenset())
    if known | names >= _CAPS and not model.price.is_free:
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
    info = _info(name)
    return Model(
        name,
        api_base,
        price=pricing.resolve(name, operators, _listed_price(name)),
        has_tools=name not in without and _calls_tools(name, info),
        max_prompt_tokens=info.get("max_input_tokens"),
    )


def _calls_tools(name: str, info: Mapping[str, Any]) -> bool:
    """A model that the list does not know is believed to, where its provider's API takes tools at all."""
    return "tools" in _supported(name) and bool(info.get("supports_function_calling", True) if info else True)


@cache
def _supported(model: str) -> frozenset[str]:
    if is_local(model):
        return frozenset({"tool_choice", "tools"})
    try:
        return frozenset(litellm().get_supported_openai_params(model=model) or ())
    except Exception:  # noqa: BLE001  an unknown model: send what every API takes
        return frozenset({"max_tokens", "tool_choice", "tools"})


@cache
def _mapped(model: str, given: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Empty where litellm cannot tell, as for local models."""
    sdk = litellm()
    try:
        name, provider, _, _ = sdk.get_llm_provider(model)
        mapped = sdk.utils.get_optional_params(
            model=name, custom_llm_provider=provider, drop_params=True, **dict(given)
        )
    except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
        return {}
    return {name: value for name, value in mapped.items() if name not in ("stream", "extra_body")}


@cache
def _info(model: str) -> Mapping[str, Any]:
    """The list's entry, by the name with or without its provider; empty for a model it does not have."""
    table = litellm().model_cost
    found = table.get(model)
    if found is None:
        try:
            name, provider, _, _ = litellm().get_llm_provider(model)
        except Exception:  # noqa: BLE001  litellm raises many kinds for a model it does not know
            return {}
        bare = table.get(name, {})
        found = bare if bare.get("litellm_provider", "").startswith(provider) else {}
    return dict(found)


def _listed_price(model: str) -> Price | None:
    info = _info(model)
    prompt, completion = info.get("input_cost_per_token"), info.get("output_cost_per_token")
    if prompt is None or completion is None:
        return None
    dollars = Decimal(str(prompt))
    return Price(
        dollars,
        Decimal(str(completion)),
        cache_read=Decimal(str(info.get("cache_read_input_token_cost") or prompt)),
        cache_write=Decimal(str(info.get("cache_creation_input_token_cost") or prompt)),
    )
