"""The limits of one turn: tested before anything is spent, with one closing call reserved from the start."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from agent.settings import AgentSettings
from agent.types import Limit

CLOSING_SHARE = 0.25  # of the turn's seconds, reserved for the closing call
CLOSING_SECONDS_LIMIT = 20.0
MAX_CALLS_PER_STEP = 16  # further calls are refused, and the model is told
RESULT_SHARES = 2  # the results of one step together are at most this many times as long as one alone


@dataclass(frozen=True)
class Limits:
    """The limits the operator sets, under the names of the settings.

    The defaults here are for tests: :class:`AgentSettings` has the ones that count. Steps are model calls, the
    closing one included; tokens are prompt and completion; seconds are wall time of one attempt. Steps, tokens and
    seconds are checked by :meth:`Meter.find_reached`, calls and repeats by :func:`agent.turn.tool_calls.plan`,
    dollars by :meth:`agent.store.budgets.Budgets.hold`.

    ``max_usd`` is what the turn's calls may cost together, whatever room the budgets have.
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
        """Reads the limits from the settings."""
        return Limits(**{name: getattr(settings, name) for name in Limits.__dataclass_fields__})

    def result_chars(self, n_calls: int) -> int:
        """Returns how long the result of each of a step's ``n_calls`` may be, in characters."""
        return self.max_tool_result_chars * min(n_calls, RESULT_SHARES) // max(n_calls, 1)


@dataclass(frozen=True)
class Meter:
    """One attempt's limits and clock."""

    limits: Limits
    deadline: float  # time.monotonic() seconds
    clock: Callable[[], float]

    @staticmethod
    def start(limits: Limits, clock: Callable[[], float] = time.monotonic) -> "Meter":
        """Starts the clock of an attempt."""
        return Meter(limits, clock() + limits.max_seconds, clock)

    def find_reached(self, *, n_steps: int, n_tokens: int, prompt_tokens: int) -> Limit | None:
        """Returns the limit that forbids another ordinary call, or None.

        Leaves room for the next call to be the closing one: a step, the same prompt and a completion, and a share
        of the time. ``prompt_tokens`` is the estimate for the call in question.
        """
        if n_steps >= self.limits.max_steps - 1:
            return Limit.STEPS
        if n_tokens + 2 * (prompt_tokens + self.limits.max_completion_tokens) > self.limits.max_tokens:
            return Limit.TOKENS
        if self.is_late:
            return Limit.TIME
        return None

    @property
    def ordinary_deadline(self) -> float:
        """Returns until when ordinary calls and tools may run; the time after it belongs to the closing call."""
        return self.deadline - min(self.limits.max_seconds * CLOSING_SHARE, CLOSING_SECONDS_LIMIT)

    @property
    def is_late(self) -> bool:
        """Returns whether only the closing call's time is left."""
        return self.clock() > self.ordinary_deadline
