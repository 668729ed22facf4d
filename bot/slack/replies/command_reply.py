"""The reply to a slash command, which only the asker sees.

Promises no more than Slack does: after a crash the answer may appear twice, because nothing can find an ephemeral
message.
"""

import json
from collections.abc import Sequence
from urllib.error import HTTPError, URLError

from slack_sdk.webhook import WebhookClient, WebhookResponse

from agent import observability
from bot.slack.block_kit import Message
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import direct_message, forms, splitting
from bot.slack.replies.forms import URL_IS_OVER
from bot.slack.replies.reply import Answer, Reply

TIMEOUT_SECONDS = 10
METHOD = "response_url"
PLAIN = {"unfurl_links": False, "unfurl_media": False}
NOT_FOUND = 404  # the URL is used up or expired


class CommandReply(Reply):
    """An answer through the command's response URL, else as an ephemeral message, else as a direct message.

    It repeats the question, which nothing else shows. The first message takes the place of the command's
    acknowledgement, which said that the bot is at work; progress is not shown beside that.
    """

    def __init__(
        self, slack: SlackClient, address: ReplyAddress, question: str = "", *, replaces: bool = True
    ) -> None:
        """``replaces``: the first message takes the place of what the response URL belongs to."""
        self._slack, self._address, self._replaces = slack, address, replaces
        self.note_question(question)

    def note_question(self, question: str) -> None:
        self._lead = direct_message.repeat_question(question) if question else ""

    def deliver(self, answer: Answer) -> None:
        texts = splitting.split_text(answer.text)
        for part, text in enumerate(texts):
            is_last = part == len(texts) - 1
            message = forms.build(answer, text, is_last=is_last, lead="" if part else self._lead)
            if not self._respond(message, is_first=part == 0 and self._replaces):
                self._post(message)

    def _respond(self, message: Sequence[Message], *, is_first: bool) -> bool:
        """Posts to the response URL; returns False if there is none or it takes no more."""
        if not self._address.response_url:
            return False
        client = WebhookClient(self._address.response_url, timeout=TIMEOUT_SECONDS)
        try:
            forms.send(message, lambda form: _post_to_url(client, form, replaces=is_first))
        except SlackRefused as error:
            observability.log.info("response_url_refused", code=error.code)
            return False
        return True

    def _post(self, message: Sequence[Message]) -> None:
        channel, user = self._address.channel, self._address.user_id
        try:
            forms.send(
                message,
                lambda form: self._slack.call(
                    "chat.postEphemeral", is_repeatable=False, channel=channel, user=user, **form
                ),
            )
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.info("ephemeral_refused", code=error.code)
            direct_message.post(self._slack, user, message)


def _post_to_url(client: WebhookClient, message: Message, *, replaces: bool) -> None:
    try:
        response = client.send_dict(
            {"response_type": "ephemeral", "replace_original": replaces, **PLAIN, **message}
        )
    except (OSError, URLError, HTTPError) as error:
        raise SlackUnavailable(METHOD, may_have_happened=True) from error
    if response.status_code == 429 or response.status_code >= 500:
        raise SlackUnavailable(METHOD, may_have_happened=False)
    if code := _read_code(response):
        raise SlackRefused(METHOD, code)


def _read_code(response: WebhookResponse) -> str:
    """Returns Slack's code for a refused post, which comes as text or as JSON; empty for one that was taken."""
    if response.status_code == NOT_FOUND:
        return URL_IS_OVER
    body = response.body.strip()
    answer = json.loads(body) if body.startswith("{") else {"ok": response.status_code == 200, "error": body}
    return "" if answer.get("ok") else str(answer.get("error") or response.status_code)
