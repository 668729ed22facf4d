"""Errors, by who reads them.

DocentError
├── UserError          shown to the person, verbatim (Slack or terminal)
│   └── SettingsError  a setting is missing or wrong; the process ends with exit code 2
├── ToolError          shown to the model as the tool's result, so that it can act on it
├── ModelError         a model call failed; ``is_transient`` tells whether another try may help
├── LimitReached       the turn may not go on as before: one closing call, or the fallback, follows
│   └── OverBudget     a budget has no room; says whose, and when it opens again
├── DeadlineExceeded   the turn's time is over
├── Cancelled          somebody asked the turn to stop
├── LeaseLost          another worker owns the turn now: drop everything, write nothing
└── ReplyError         Slack refused the reply; ``is_transient`` tells whether another try may help

Everything else is a bug: it goes to Sentry, and the person gets one fixed sentence with an error id.
Foreign errors are translated where their SDK is imported, with ``from``.
"""

from decimal import Decimal


class DocentError(Exception):
    """An error of this project. Its message is ours: it quotes no question and no document."""


class UserError(DocentError):
    """Says what was tried, with which value, and what to do next."""


class SettingsError(UserError):
    """A setting is missing or wrong."""


class ToolError(DocentError):
    """The model reads this; ``hint`` says what a valid call looks like. ``cost_usd`` is what services charged."""

    def __init__(self, message: str, *, hint: str = "", cost_usd: Decimal = Decimal(0)) -> None:
        super().__init__(message)
        self.hint = hint
        self.cost_usd = cost_usd


class ModelError(DocentError):
    """A model call failed for good: retries, where they made sense, are used up.

    ``refused`` are parameters the model does not take; ``retry_after_seconds`` is what the provider asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        is_transient: bool = False,
        is_timeout: bool = False,
        is_stall: bool = False,
        has_begun: bool = False,
        retry_after_seconds: float = 0,
        refused: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.is_timeout = is_timeout
        self.is_stall = is_stall
        self.has_begun = has_begun  # something of an answer came before it broke off
        self.retry_after_seconds = retry_after_seconds
        self.refused = refused


class LimitReached(DocentError):
    """``limit`` names it: steps, calls, repeats, tokens, cost, time, budget."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"the turn reached its limit of {limit}")
        self.limit = limit


class OverBudget(LimitReached):
    """``says`` is a sentence for the person: whose budget it is, and when it opens again."""

    def __init__(self, says: str) -> None:
        super().__init__("budget")
        self.says = says


class DeadlineExceeded(DocentError):
    """The turn's time is over."""


class Cancelled(DocentError):
    """``cancel_requested`` was set on the turn."""


class LeaseLost(DocentError):
    """The lease token no longer matches: another worker has the turn, or it has ended."""


class ReplyError(DocentError):
    """Slack did not take the reply."""

    def __init__(self, message: str, *, is_transient: bool) -> None:
        super().__init__(message)
        self.is_transient = is_transient
