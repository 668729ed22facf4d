"""A chat call: the model it goes to, what is asked, and what came of it. Data only; :mod:`agent.llm.client`
calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agent.llm.pricing import FREE, Price
from agent.llm.tokens import estimate_prompt_tokens
from agent.types import Message, Usage

LEAST_COMPLETION_TOKENS = 200  # an answer of fewer is none


@dataclass(frozen=True)
class Model:
    """A model as it is asked. ``max_prompt_tokens`` is None where nobody knows."""

    name: str
    api_base: str | None = None
    price: Price = FREE
    has_tools: bool = True
    max_prompt_tokens: int | None = None

    @property
    def key(self) -> str:
        """Of the model at its address: what one server refuses or fails at, another may not."""
        return f"{self.name}@{self.api_base}" if self.api_base else self.name


@dataclass(frozen=True)
class Request:
    """One chat call. ``tools`` are schemas; ``tool_choice`` is None for the provider's default."""

    model: Model
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | None
    max_completion_tokens: int

    def estimate_tokens(self) -> int:
        """A guess of the prompt's tokens, rather too high: three bytes each, no tokenizer needed."""
        return estimate_prompt_tokens(self.messages) + estimate_prompt_tokens(self.tools)

    def bound_prompt_usd(self) -> Decimal:
        """The most the prompt can cost."""
        return self.model.price.bound_prompt(self.estimate_tokens())


CENTS = Decimal("1e-8")  # money is kept to this


@dataclass
class Completion:
    """What came of a call; filled while :func:`agent.llm.client.stream` runs. ``sent`` are the parameters that
    went out."""

    message: Message = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    sent: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    started_at: float = 0.0  # in time.monotonic() seconds
    latency_ms: int = 0
    first_token_ms: int | None = None
    n_tries: int = 0
    has_begun: bool = False  # something of an answer came, so that the provider may charge for it


class Pending:
    """Stands in the stream of text a few times a second while the model is silent."""


PENDING = Pending()
