"""What one turn may use, tested before anything is spent; one closing call is reserved from the start."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from agent.settings import AgentSettings

CLOSING_SHARE = 0.25  # of the turn's seconds, kept for the closing call
CLOSING_SECONDS_LIMIT = 20.0
MAX_CALLS_PER_STEP = 16  # a model that asks for more is told of the rest that it was not run
RESULT_SHARES = 2  # the results of one step together may be this many times as long as one alone


@dataclass(frozen=True)
class Limits:
    """Steps are model calls, the closing one included; tokens are prompt and completion; seconds are wall time.

    Dollars are what the turn's model calls may cost together, whatever the budgets still hold.
    """

    max_steps: int = 10
    max_tool_calls: int = 24
    max_repeats: int = 2
    max_tokens: int = 100_000
    max_usd: Decimal = Decimal(1)
    max_seconds: float = 120
    max_completion_tokens: int = 2_000
    max_transcript_tokens: int = 48_000
    max_tool_result_chars: int = 24_000
    tool_seconds: float = 20

    @staticmethod
    def of(settings: AgentSettings) -> "Limits":
        """The limits the operator set."""
        return Limits(**{name: getattr(settings, name) for name in Limits.__dataclass_fields__})

    def result_chars(self, n_calls: int) -> int:
        """How long the result of each of a step's calls may be."""
        return self.max_tool_result_chars * min(n_calls, RESULT_SHARES) // max(n_calls, 1)


@dataclass(frozen=True)
class Meter:
    """The limits of one attempt at a turn, running since it was made."""

    limits: Limits
    deadline: float  # time.monotonic() seconds
    clock: Callable[[], float]

    @staticmethod
    def start(limits: Limits, clock: Callable[[], float] = time.monotonic) -> "Meter":
        """Starts the clock."""
        return Meter(limits, clock() + limits.max_seconds, clock)

    def reached(self, *, n_steps: int, n_tokens: int, prompt_tokens: int) -> str | None:
        """The limit that forbids another ordinary call (``steps``, ``tokens``, ``time``), or None.

        Leaves room for the call after it to be the closing one: a step, the same prompt and a completion, and
        a share of the time. ``prompt_tokens`` is the estimate for the call in question.
        """
        if n_steps >= self.limits.max_steps - 1:
            return "steps"
        if n_tokens + 2 * (prompt_tokens + self.limits.max_completion_tokens) > self.limits.max_tokens:
            return "tokens"
        if self.is_late:
            return "time"
        return None

    @property
    def ordinary_deadline(self) -> float:
        """Until when ordinary calls and tools may run; what is left after it is the closing call's."""
        return self.deadline - min(self.limits.max_seconds * CLOSING_SHARE, CLOSING_SECONDS_LIMIT)

    @property
    def is_late(self) -> bool:
        """Whether only the closing call's time is left."""
        return self.clock() > self.ordinary_deadline
