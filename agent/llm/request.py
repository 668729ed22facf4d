"""A chat call as data: the model, the request, and its outcome. :mod:`agent.llm.client` makes the call."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from agent.llm.pricing import FREE, Price
from agent.llm.tokens import estimate_prompt_tokens
from agent.types import JsonObject, Message, ToolSchema, Usage

LEAST_COMPLETION_TOKENS = 200  # a shorter answer is not worth a call


@dataclass(frozen=True)
class Model:
    """A model as it is called. ``max_prompt_tokens`` is None where it is not known."""

    name: str
    api_base: str | None = None
    price: Price = FREE
    has_tools: bool = True
    max_prompt_tokens: int | None = None

    @property
    def key(self) -> str:
        """Identifies the model at its address: what one server refuses or fails at, another may not."""
        return f"{self.name}@{self.api_base}" if self.api_base else self.name


@dataclass(frozen=True)
class Request:
    """One chat call. ``tools`` are schemas; ``tool_choice`` is None for the provider's default."""

    model: Model
    messages: Sequence[Message]
    tools: Sequence[ToolSchema]
    tool_choice: str | None
    max_completion_tokens: int

    def estimate_tokens(self) -> int:
        """Estimates the prompt's tokens, rather too high."""
        return estimate_prompt_tokens(self.messages) + estimate_prompt_tokens(self.tools)

    def bound_prompt_usd(self) -> Decimal:
        """Returns the most that the prompt can cost, in dollars."""
        return self.model.price.bound_prompt(self.estimate_tokens())


CENTS = Decimal("1e-8")  # the precision in which money is stored


@dataclass
class Completion:
    """The outcome of a call, filled while :func:`agent.llm.client.stream` runs. ``sent`` are the parameters
    that went out."""

    message: Message = field(default_factory=lambda: Message(role="assistant", content=None))
    response: JsonObject = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    sent: JsonObject = field(default_factory=dict)
    finish_reason: str | None = None
    started_at: float = 0.0  # in time.monotonic() seconds
    latency_ms: int = 0
    first_token_ms: int | None = None
    n_tries: int = 0
    has_begun: bool = False  # part of an answer came, so that the provider may charge for it


class Pending:
    """Yielded a few times a second in the stream of text while the model is silent."""


PENDING = Pending()


class Retracted:
    """Yielded in the stream of text when what came so far was no part of the answer after all."""


RETRACTED = Retracted()
