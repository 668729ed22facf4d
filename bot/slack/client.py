"""Calls to Slack's Web API, with the one question every caller has after a failure: did it happen?

Promises: a call that may be repeated is repeated (rate limits, 5xx, broken connections); one that must not be,
because it would post twice, is repeated only where Slack says that nothing happened. Retries live here.
"""

import math
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from agent.errors import ReplyError
from agent.retry import Retries, RetryPolicy

TIMEOUT_SECONDS = 15
QUICK_TIMEOUT_SECONDS = 3  # for what is only nice to have, such as a status
RETRIES = RetryPolicy(n_attempts=4, backoff_seconds=0.3, max_pause_seconds=30)
AWAY_CODES = {
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "ratelimited",
    "rate_limited",
}


class SlackRefused(ReplyError):
    """Slack answered and said no; ``code`` is its error code."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refused {method}: {code}", is_transient=False)
        self.code = code


class SlackUnavailable(ReplyError):
    """Slack gave no answer; ``may_have_happened`` tells whether the call may have worked all the same."""

    def __init__(self, method: str, *, may_have_happened: bool, retry_after_seconds: float = 0) -> None:
        super().__init__(f"Slack did not answer {method}", is_transient=True)
        self.may_have_happened = may_have_happened
        self.retry_after_seconds = retry_after_seconds


class SlackClient:
    """One workspace's Web API. Thread-safe."""

    def __init__(self, token: str, base_url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = WebClient(token, base_url=base_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        self._quick = WebClient(token, base_url=base_url, timeout=QUICK_TIMEOUT_SECONDS, retry_handlers=[])
        self._sleep = sleep
        self._me: dict[str, Any] | None = None

    def call(
        self, method: str, *, is_repeatable: bool, deadline: float | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Calls ``method``; raises :class:`SlackRefused` or :class:`SlackUnavailable` when tries are used up.

        No try begins after ``deadline`` (``time.monotonic()`` seconds) but the first.
        """
        retries = Retries(RETRIES, deadline=math.inf if deadline is None else deadline, sleep=self._sleep)
        while True:
            try:
                return _once(self._client, method, arguments)
            except SlackUnavailable as away:
                is_safe = is_repeatable or not away.may_have_happened
                if not is_safe or not retries.wait(away.retry_after_seconds):
                    raise

    def try_once(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One quick try, for what is only nice to have or will be tried again by itself."""
        return _once(self._quick, method, arguments)

    def is_own(self, message: dict[str, Any]) -> bool:
        """Whether the message is this bot's."""
        if self._me is None:
            self._me = self.call("auth.test", is_repeatable=True)
        return message.get("user") == self._me.get("user_id") or (
            message.get("bot_id") is not None and message.get("bot_id") == self._me.get("bot_id")
        )


def _once(client: WebClient, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        # The SDK's own functions know which methods take a form, a query or JSON: reads refuse JSON.
        data = getattr(client, method.replace(".", "_"))(**given).data
        return data if isinstance(data, dict) else {}
    except SlackApiError as error:
        raise _translate(method, error) from error
    except (ConnectionRefusedError, URLError) as error:
        reason = getattr(error, "reason", error)
        never_sent = isinstance(reason, ConnectionRefusedError)
        raise SlackUnavailable(method, may_have_happened=not never_sent) from error
    except (OSError, HTTPException, SlackClientError, ValueError) as error:
        raise SlackUnavailable(method, may_have_happened=True) from error


def _translate(method: str, error: SlackApiError) -> ReplyError:
    response: Any = error.response
    status = getattr(response, "status_code", 200)
    if status == 429:
        seconds = float(response.headers.get("Retry-After") or response.headers.get("retry-after") or 1)
        return SlackUnavailable(method, may_have_happened=False, retry_after_seconds=seconds)
    data = response.data if isinstance(getattr(response, "data", None), dict) else {}
    code = str(data.get("error") or "")
    if status >= 500 or not code or code in AWAY_CODES:
        return SlackUnavailable(method, may_have_happened=True)
    return SlackRefused(method, code)
