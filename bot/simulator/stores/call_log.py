"""The record of one Web API call."""

from dataclasses import dataclass

from bot.simulator.stores.messages import Json


@dataclass(frozen=True)
class Call:
    """One call as it ended. `response` is None when the method did not run; `status` None when the connection was
    closed instead of answered; `token_kind`: bot, app or none; `fault`: what struck it; `at`: when it ended."""

    method: str
    args: Json
    response: Json | None
    status: int | None
    at: float
    token_kind: str
    fault: str = ""
    seconds: float = 0.0

    @property
    def error(self) -> str:
        """Slack's code, "" when all went well."""
        return str((self.response or {}).get("error", ""))
