"""What a model costs: dollars per token, from the operator or from LiteLLM's price list.

An unknown price is an error until the operator gives one, or says ``free``: a budget cannot bound a cost that
nobody can compute.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from agent.errors import SettingsError
from agent.settings import split_list

PER_MILLION = Decimal(1_000_000)
ESTIMATE_MARGIN = Decimal("1.5")  # agent.llm.tokens takes three bytes for a token; hashes and code have two
EVERY_MODEL = "*"
SHAPE = (
    "model=prompt/completion in dollars per million tokens, or model=free: openai/mine=0.25/2, ollama/llama3=free"
)


@dataclass(frozen=True)
class Price:
    """Dollars per token: of a new prompt token, of one read from the provider's cache or written to it, of
    output."""

    prompt: Decimal
    completion: Decimal
    cache_read: Decimal
    cache_write: Decimal

    @staticmethod
    def flat(prompt: Decimal, completion: Decimal) -> "Price":
        """Returns a price that is the same for every prompt token."""
        return Price(prompt, completion, cache_read=prompt, cache_write=prompt)

    @property
    def is_flat(self) -> bool:
        """Returns whether every prompt token costs the same, as in a price that an operator gives."""
        return self.prompt == self.cache_read == self.cache_write

    @property
    def is_free(self) -> bool:
        """Returns whether nothing is ever charged."""
        return not (self.prompt or self.completion or self.cache_write)

    def bound_prompt(self, n_tokens: int) -> Decimal:
        """Returns the most that a prompt of about ``n_tokens`` costs."""
        return n_tokens * max(self.prompt, self.cache_write) * ESTIMATE_MARGIN

    def cost(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> Decimal:
        """Computes the cost from the provider's counts, in which cached tokens are part of the prompt's."""
        fresh = prompt_tokens - cached_tokens
        return fresh * self.prompt + cached_tokens * self.cache_read + completion_tokens * self.completion


FREE = Price.flat(Decimal(0), Decimal(0))


def parse(text: str) -> dict[str, Price]:
    """Parses the operator's prices by model; a price without a model is for every model of unknown price.

    >>> parse("openai/mine=0.25/2, ollama/llama3=free")["openai/mine"].completion
    Decimal('0.000002')
    """
    prices = {}
    for part in split_list(text):
        model, _, price = part.rpartition("=")
        prices[model.strip() or EVERY_MODEL] = _price(part, price.strip())
    return prices


def resolve(model: str, operators: Mapping[str, Price], listed_price: Price | None) -> Price:
    """Returns the operator's price, else the list's; raises :class:`SettingsError` when there is neither."""
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
