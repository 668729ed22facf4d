"""What a turn is worked on with: models, tools, limits, and what they share. Made once per process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.llm.circuit_breaker import Breaker, LocalBreaker
from agent.llm.client import CallPolicy
from agent.llm.request import Model
from agent.settings import EXTRACTIVE_MODEL
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.tools import Tool
from agent.turn.limits import Limits


@dataclass(frozen=True)
class OpeningCall:
    """A tool call made before the model is asked, such as a search for the question."""

    name: str
    arguments: Mapping[str, Any]


def alone(question: str, earlier: Sequence[str]) -> str:
    """The rule of who has none: a question stands alone."""
    return question


@dataclass(frozen=True)
class AgentConfig:
    """``models`` are asked in order; ``fallback`` runs in this process and answers when none of them can.

    ``standalone`` makes a follow-up understandable without the conversation, by rule, from the earlier questions,
    where no model is asked for it. ``is_refusal`` knows the local model's way of saying that it found nothing.
    """

    database: Database
    models: Sequence[Model]
    tools: Mapping[str, Tool]
    limits: Limits
    patience: CallPolicy = field(default_factory=CallPolicy)
    budgets: Budgets = field(default_factory=lambda: Budgets({}))
    breaker: Breaker = field(default_factory=LocalBreaker)
    resources: Mapping[type, Any] = field(default_factory=dict)
    fallback: Model = field(default_factory=lambda: Model(EXTRACTIVE_MODEL))
    standalone: Callable[[str, Sequence[str]], str] = alone
    asks_for_standalone: bool = True
    history: Sequence[tuple[str, str]] | None = None  # instead of the session's earlier turns
    is_refusal: Callable[[str], bool] = lambda text: False
