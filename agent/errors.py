"""Errors, by who reads them.

DocentError
├── UserError          shown to the person, verbatim (Slack or terminal)
│   └── SettingsError  a setting is missing or wrong; the process ends with exit code 2
├── ToolError          shown to the model as the tool's result, so that it can act on it
├── ModelError         a model call failed; ``is_transient`` tells whether another try may help
├── DeadlineExceeded   the turn's time is over
├── Cancelled          somebody asked the turn to stop
├── LeaseLost          another worker owns the turn now: drop everything, write nothing
└── ReplyError         Slack refused the reply; ``is_transient`` tells whether another try may help

Everything else is a bug: it goes to Sentry, and the person gets one fixed sentence with an error id.
Foreign errors are translated where their SDK is imported, with ``from``.
"""


class DocentError(Exception):
    """An error of this project. Its message is ours: it quotes no question and no document."""


class UserError(DocentError):
    """Says what was tried, with which value, and what to do next."""


class SettingsError(UserError):
    """A setting is missing or wrong."""


class ToolError(DocentError):
    """The model reads this; ``hint`` says what a valid call looks like."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ModelError(DocentError):
    """A model call failed for good: retries, where they made sense, are used up."""

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient


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
