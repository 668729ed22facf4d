"""Posts what one person sees through the response URL of a command or a click."""

import json
from contextlib import suppress
from http.client import HTTPException
from urllib.error import HTTPError, URLError

from slack_sdk.errors import SlackRequestError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot.slack.block_kit import Message
from bot.slack.client import SlackRefused, SlackUnavailable

TIMEOUT_SECONDS = 10
METHOD = "response_url"
IS_OVER = "expired_url"  # it takes nothing more
NOT_A_URL = "invalid_url"
PLAIN = {"unfurl_links": False, "unfurl_media": False}
NOT_FOUND = 404  # the URL is used up or expired


def post(
    url: str,
    message: Message,
    *,
    replaces: bool = False,
    thread_ts: str | None = None,
    timeout_seconds: int = TIMEOUT_SECONDS,
) -> None:
    """Posts a message for the person of the URL alone; one that ``replaces`` takes the place of the original.

    Raises :class:`SlackRefused` and :class:`SlackUnavailable`.
    """
    client = WebhookClient(url, timeout=timeout_seconds)
    try:
        place = {"thread_ts": thread_ts} if thread_ts else {}
        response = client.send_dict(
            {"response_type": "ephemeral", "replace_original": replaces, **place, **PLAIN, **message}
        )
    except (OSError, URLError, HTTPError, HTTPException) as error:
        raise SlackUnavailable(METHOD, may_have_happened=True) from error
    except (ValueError, SlackRequestError) as error:
        raise SlackRefused(METHOD, NOT_A_URL) from error
    if response.status_code == 429 or response.status_code >= 500:
        raise SlackUnavailable(METHOD, may_have_happened=False)
    if code := _read_code(response):
        raise SlackRefused(METHOD, code)


def _read_code(response: WebhookResponse) -> str:
    """Returns Slack's code for a refused post, which comes as text or as JSON; empty for one that was taken."""
    if response.status_code == NOT_FOUND:
        return IS_OVER
    body = response.body.strip()
    answer = {"ok": response.status_code == 200, "error": body}
    if body.startswith("{"):
        with suppress(ValueError):  # a page of some proxy, or half an answer
            answer = json.loads(body)
    return "" if answer.get("ok") else str(answer.get("error") or response.status_code)
