"""Calls to Slack's Web API that only read.

Promises that each is repeated when Slack is away, and after the pause it asks for at a rate limit, but not for
ever; and that a refusal says what to do. The only importer of Slack's SDK outside of the bot.
"""

from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

TIMEOUT_SECONDS = 30
TRIES = 5  # of a call that gets no answer
BACKOFF_SECONDS = 0.5  # doubled with every try
MAX_WAIT_SECONDS = 180  # that Slack may ask for, of one call; a claim on a document lasts four minutes
_AWAY = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
_BAD_TOKEN = {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}


class SlackReadError(Exception):
    """A call Slack refused, or gave no answer to; ``code`` is Slack's, empty for no answer."""

    def __init__(self, cause: str, advice: str, *, code: str = "") -> None:
        super().__init__(f"{cause}. {advice[:1].upper()}{advice[1:]}.")
        self.cause = cause
        self.advice = advice
        self.code = code


class SlackCalls:
    """One workspace's; ``token_env`` is where its token was found. Thread-safe."""

    def __init__(self, token: str, url: str, token_env: str, sleep: Callable[[float], None]) -> None:
        self._client = WebClient(token, base_url=url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        self._token_env = token_env
        self._sleep = sleep

    def pages(self, method: str, items: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self.call(method, **arguments, **({"cursor": cursor} if cursor else {}))
            yield from page.get(items) or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Raises :class:`SlackReadError`."""
        n_failed, waited_seconds = 0, 0.0
        while True:
            try:
                data = getattr(self._client, method.replace(".", "_"))(**arguments).data
                return data if isinstance(data, dict) else {}
            except SlackApiError as error:
                pause_seconds = self._pause(method, error, arguments)
            except (URLError, OSError, HTTPException, SlackClientError, ValueError):
                pause_seconds = 0
            if not pause_seconds:
                n_failed += 1
                pause_seconds = BACKOFF_SECONDS * 2 ** (n_failed - 1)
            waited_seconds += pause_seconds
            if n_failed == TRIES or waited_seconds > MAX_WAIT_SECONDS:
                raise SlackReadError(f"Slack does not answer {method}", "it is tried again with the next sync")
            self._sleep(pause_seconds)

    def _pause(self, method: str, error: SlackApiError, arguments: Mapping[str, Any]) -> float:
        """Seconds that Slack asks us to wait, 0 where it is away; raises :class:`SlackReadError` when it
        refused."""
        response: Any = error.response
        data = response.data if isinstance(getattr(response, "data", None), dict) else {}
        code = str(data.get("error") or "")
        if response.status_code == 429 or code == "ratelimited":
            headers = {name.lower(): value for name, value in response.headers.items()}
            return max(1.0, float(headers.get("retry-after") or 1))
        if response.status_code >= 500 or not code or code in _AWAY:
            return 0
        raise self._refusal(method, code, data, arguments) from error

    def _refusal(
        self, method: str, code: str, data: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> SlackReadError:
        channel = arguments.get("channel", "")
        if code == "missing_scope":
            scope = data.get("needed") or "it needs"
            advice = "add it under OAuth & Permissions at api.slack.com/apps, then install the app again"
            return SlackReadError(f"the app lacks the scope {scope} for {method}", advice, code=code)
        if code in _BAD_TOKEN:
            advice = "copy the bot token (xoxb-…) from OAuth & Permissions at api.slack.com/apps"
            return SlackReadError(
                f"Slack does not take the token in {self._token_env} ({code})", advice, code=code
            )
        if code == "not_in_channel":
            return SlackReadError(f"the bot is not in the channel {channel}", "/invite it there", code=code)
        if code == "channel_not_found":
            advice = "check the id, or /invite the bot if it is private"
            return SlackReadError(f"the bot knows no channel {channel}", advice, code=code)
        return SlackReadError(
            f"Slack refused {method} ({code})", f"look {code} up in its documentation", code=code
        )
