"""Calls Slack's Web API, for reading only.

Promises that a call is repeated when Slack is away, or after the pause a rate limit asks for, within
:data:`RETRIES`; and that a refusal says what to do. The only importer of Slack's SDK outside of the bot.
"""

from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import cast
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from agent.retry import Retries, RetryPolicy

TIMEOUT_SECONDS = 30
# All pauses of one call together stay below the four minutes that a claim on a document lasts.
RETRIES = RetryPolicy(n_attempts=5, backoff_seconds=0.5, max_wait_seconds=180)
Argument = str | int | bool
Wire = Mapping[str, object]  # a JSON object of Slack's

_AWAY = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
_BAD_TOKEN = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}


class SlackReadError(Exception):
    """A call that Slack refused or did not answer; ``code`` is Slack's error code, empty without an answer."""

    def __init__(self, cause: str, advice: str, *, code: str = "") -> None:
        super().__init__(f"{cause}. {advice[:1].upper()}{advice[1:]}.")
        self.cause = cause
        self.advice = advice
        self.code = code


class SlackCalls:
    """A client for one workspace; ``token_env`` names the variable that holds its token. Thread-safe."""

    def __init__(self, token: str, url: str, token_env: str, sleep: Callable[[float], None]) -> None:
        self._client = WebClient(token, base_url=url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        self._token_env = token_env
        self._sleep = sleep

    def pages(self, method: str, items: str, **arguments: Argument) -> Iterator[Wire]:
        """Yields the items under the key ``items`` of every page; raises :class:`SlackReadError`."""
        cursor = ""
        while True:
            page = self.call(method, **arguments, **({"cursor": cursor} if cursor else {}))
            yield from cast(list[Wire], page.get(items) or [])
            cursor = str(cast(Wire, page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def call(self, method: str, **arguments: Argument) -> Wire:
        """Calls a method such as ``users.info``; raises :class:`SlackReadError` when it is refused or not
        answered."""
        retries = Retries(RETRIES, sleep=self._sleep)
        while True:
            try:
                data = getattr(self._client, method.replace(".", "_"))(**arguments).data
                return data if isinstance(data, dict) else {}
            except SlackApiError as error:
                pause_seconds = self._pause(method, error, arguments)
            except (URLError, OSError, HTTPException, SlackClientError, ValueError):
                pause_seconds = 0
            if not retries.wait(pause_seconds):
                raise SlackReadError(f"Slack does not answer {method}", "it is tried again with the next sync")

    def _pause(self, method: str, error: SlackApiError, arguments: Mapping[str, Argument]) -> float:
        """Returns the seconds that Slack asks to wait, 0 where it is away; raises :class:`SlackReadError` for a
        refusal."""
        response = error.response
        data = response.data if isinstance(getattr(response, "data", None), dict) else {}
        code = str(data.get("error") or "")
        if response.status_code == 429 or code == "ratelimited":
            headers = {name.lower(): value for name, value in response.headers.items()}
            return max(1.0, float(headers.get("retry-after") or 1))
        if response.status_code >= 500 or not code or code in _AWAY:
            return 0
        raise self._refusal(method, code, data, arguments) from error

    def _refusal(self, method: str, code: str, data: Wire, arguments: Mapping[str, Argument]) -> SlackReadError:
        channel = arguments.get("channel", "")
        if code == "missing_scope":
            scope = data.get("needed") or "it needs"
            advice = "add it under OAuth & Permissions at api.slack.com/apps, then install the app again"
            return SlackReadError(f"the app lacks the scope {scope} for {method}", advice, code=code)
        if code in _BAD_TOKEN:
            advice = "copy the bot token (xoxb-…) from OAuth & Permissions at api.slack.com/apps"
            return SlackReadError(
                f"Slack does not accept the token in {self._token_env} ({code})", advice, code=code
            )
        if code == "not_in_channel":
            return SlackReadError(f"the bot is not in the channel {channel}", "/invite it there", code=code)
        if code == "channel_not_found":
            advice = "check the id, or /invite the bot if it is private"
            return SlackReadError(f"the bot knows no channel {channel}", advice, code=code)
        return SlackReadError(
            f"Slack refused {method} ({code})", f"look {code} up in its documentation", code=code
        )
