"""The record of one Web API call."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.simulator.payloads import JsonObject


@dataclass(frozen=True)
class ApiCall:
    """One call as it ended. `response` is None when the method did not run; `status` None when the connection was
    closed instead of answered; `token_kind`: bot, app or none; `fault`: the effect that hit it; `at`: its end."""

    method: str
    args: JsonObject
    response: Mapping[str, object] | None
    status: int | None
    at: float
    token_kind: str
    fault: str = ""
    seconds: float = 0.0

    @property
    def error(self) -> str:
        """Slack's code, "" when all went well."""
        return str((self.response or {}).get("error", ""))
