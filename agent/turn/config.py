"""What turns are worked on with: models, tools, limits, and what all turns of a process share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.llm.circuit_breaker import Breaker, LocalBreaker
from agent.llm.client import CallPolicy
from agent.llm.request import Model
from agent.prompting.prompt import NO_GUIDANCE, Guidance
from agent.settings import EXTRACTIVE_MODEL
from agent.store.budgets import Budgets
from agent.store.database import Database, Transaction
from agent.tools import Tool
from agent.turn.limits import Limits
from agent.types import Audience, JsonValue


@dataclass(frozen=True)
class OpeningCall:
    """A tool call made before the model is asked, such as a search for the question."""

    name: str
    arguments: Mapping[str, JsonValue]


def never(question: str) -> bool:
    """Returns False: no question is small talk where none is configured."""
    return False


def all_readable(transaction: Transaction, document_ids: Iterable[str], audience: Audience) -> frozenset[str]:
    """Returns nothing: every document may be read where no access is configured."""
    return frozenset()


def keep_question(question: str, earlier: Sequence[str]) -> str:
    """Returns the question unchanged: the follow-up rule where none is configured."""
    return question


def take_nothing(question: str, answer: str) -> str:
    """Returns nothing: no question takes up the answer before it where that is not configured."""
    return ""


BUDGET_WAIT_SECONDS = 60.0  # for a budget that is only held: of many questions at once the last wait that long


@dataclass(frozen=True)
class AgentConfig:
    """``models`` are asked in order; ``fallback`` runs in this process and answers when none of them can.

    A follow-up is rewritten so that it can be understood without the conversation: by the first model where
    ``asks_model_to_rewrite`` and it is not this process's own, else by the rule ``rewrite_follow_up``, from the
    question and the earlier ones; a question that ``is_small_talk`` stays as it is. ``take_up`` returns what a
    question takes up of the answer before it, such as the offer that a "yes" accepts, or nothing.
    ``find_unreadable`` tells which documents an audience may not read: earlier answers from them are not repeated.
    ``history`` replaces the session's earlier turns. ``guidance`` says how answers are wanted where it was asked.
    """

    database: Database
    models: Sequence[Model]
    tools: Mapping[str, Tool]
    limits: Limits
    call_policy: CallPolicy = field(default_factory=CallPolicy)
    budgets: Budgets = field(default_factory=lambda: Budgets({}))
    breaker: Breaker = field(default_factory=LocalBreaker)
    resources: Mapping[type, object] = field(default_factory=dict)
    fallback: Model = field(default_factory=lambda: Model(EXTRACTIVE_MODEL))
    rewrite_follow_up: Callable[[str, Sequence[str]], str] = keep_question
    is_small_talk: Callable[[str], bool] = never
    take_up: Callable[[str, str], str] = take_nothing
    asks_model_to_rewrite: bool = True
    budget_wait_seconds: float = BUDGET_WAIT_SECONDS
    find_unreadable: Callable[[Transaction, Iterable[str], Audience], frozenset[str]] = all_readable
    history: Sequence[tuple[str, str]] | None = None  # (question, answer), oldest first
    guidance: Guidance = NO_GUIDANCE

    @property
    def passage_tools(self) -> frozenset[str]:
        """Returns the names of the tools that return passages only."""
        return frozenset(name for name, tool in self.tools.items() if tool.only_passages)
