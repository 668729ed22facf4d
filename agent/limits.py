"""What one turn may use, tested before anything is spent; one closing call is reserved from the start."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.settings import Settings

CLOSING_SHARE = 0.25  # of the turn's seconds, kept for the closing call
CLOSING_SECONDS_LIMIT = 20.0


@dataclass(frozen=True)
class Limits:
    """Steps are model calls, the closing one included; tokens are prompt and completion; seconds are wall time."""

    max_steps: int = 10
    max_tokens: int = 100_000
    max_seconds: float = 120
    max_completion_tokens: int = 2_000
    max_tool_result_chars: int = 24_000
    model_timeout_seconds: float = 60
    model_retries: int = 2

    @staticmethod
    def of(settings: Settings) -> "Limits":
        """The limits the operator set."""
        return Limits(
            max_steps=settings.max_steps,
            max_tokens=settings.max_tokens,
            max_seconds=settings.max_seconds,
            max_completion_tokens=settings.max_completion_tokens,
            max_tool_result_chars=settings.max_tool_result_chars,
            model_timeout_seconds=settings.model_timeout_seconds,
            model_retries=settings.model_retries,
        )


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
        if self.clock() > self.ordinary_deadline:
            return "time"
        return None

    @property
    def ordinary_deadline(self) -> float:
        """Until when ordinary calls and tools may run; what is left after it is the closing call's."""
        return self.deadline - min(self.limits.max_seconds * CLOSING_SHARE, CLOSING_SECONDS_LIMIT)
