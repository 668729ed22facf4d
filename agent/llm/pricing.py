"""What a model costs: dollars per token, from the operator or from the price list.

An unknown price is no price: a budget cannot bound what nobody can count. So it is an error until the operator
gives one, or says ``free``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from agent.errors import SettingsError
from agent.settings import split_list

PER_MILLION = Decimal(1_000_000)
ESTIMATE_MARGIN = Decimal("1.5")  # the estimate takes three bytes a token; hashes and code have two
EVERY_MODEL = "*"
SHAPE = (
    "model=prompt/completion in dollars per million tokens, or model=free: openai/mine=0.25/2, ollama/llama3=free"
)


@dataclass(frozen=True)
class Price:
    """Dollars per token. ``cached`` is of a prompt token the provider had kept, ``kept`` of one it newly keeps."""

    prompt: Decimal
    completion: Decimal
    cache_read: Decimal
    cache_write: Decimal

    @staticmethod
    def flat(prompt: Decimal, completion: Decimal) -> "Price":
        """One price for every prompt token."""
        return Price(prompt, completion, cache_read=prompt, cache_write=prompt)

    @property
    def is_flat(self) -> bool:
        """Whether every prompt token costs the same, as in a price an operator gives."""
        return self.prompt == self.cache_read == self.cache_write

    @property
    def is_free(self) -> bool:
        """Whether nothing is ever charged."""
        return not (self.prompt or self.completion or self.cache_write)

    def bound_prompt(self, n_tokens: int) -> Decimal:
        """The most that a prompt of about ``n_tokens`` costs."""
        return n_tokens * max(self.prompt, self.cache_write) * ESTIMATE_MARGIN

    def cost(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> Decimal:
        """What was used, as the provider counts it: cached tokens are part of the prompt's."""
        fresh = prompt_tokens - cached_tokens
        return fresh * self.prompt + cached_tokens * self.cache_read + completion_tokens * self.completion


FREE = Price.flat(Decimal(0), Decimal(0))


def parse(text: str) -> dict[str, Price]:
    """The operator's prices by model; one without a model is for every model whose price is not known."""
    found = {}
    for part in split_list(text):
        model, _, price = part.rpartition("=")
        found[model.strip() or EVERY_MODEL] = _price(part, price.strip())
    return found


def resolve(model: str, operators: Mapping[str, Price], listed_price: Price | None) -> Price:
    """The operator's price, else the list's; raises :class:`SettingsError` when there is neither."""
    price = operators.get(model) or listed_price or operators.get(EVERY_MODEL)
    if price is None:
        raise SettingsError(
            f"The price of {model} is not known, so no budget could bound it. Set "
            f"DOCENT_MODEL_PRICES={model}=0.25/2 (dollars per million prompt and completion tokens), or "
            f"{model}=free."
        )
    return price


def _price(part: str, price: str) -> Price:
    if price.lower() == "free":
        return FREE
    try:
        prompt, completion = (Decimal(amount) / PER_MILLION for amount in re.split(r"\s*/\s*", price))
        if not 0 <= prompt < 1 or not 0 <= completion < 1:
            raise ValueError
    except (InvalidOperation, ValueError):
        raise SettingsError(f"DOCENT_MODEL_PRICES: '{part}' is not usable. Write {SHAPE}.") from None
    return Price.flat(prompt, completion)
