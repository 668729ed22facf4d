"""The reply to a slash command: seen by the asker only. After a crash it may appear twice; nothing can find it."""

from typing import Any
from urllib.error import HTTPError, URLError

from slack_sdk.webhook import WebhookClient

from agent import observability
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import blocks
from bot.slack.replies.blocks import Answer
from bot.slack.replies.task_cards import TaskCard

TIMEOUT_SECONDS = 10


class CommandReply:
    """An ephemeral answer, by the command's response URL, else as an ephemeral message, else as a direct one."""

    def __init__(self, slack: SlackClient, place: ReplyAddress) -> None:
        self._slack, self._place = slack, place

    def status(self, text: str) -> None:
        """The command's acknowledgement already said that we are at it."""

    def step(self, step: TaskCard) -> None:
        """An ephemeral message cannot grow."""

    def wait(self) -> None:
        """Nor can it show that time passes."""

    def show(self, text: str) -> None:
        """An ephemeral message cannot stream."""

    def reset(self) -> None:
        """Nothing was shown yet."""

    def deliver(self, answer: Answer) -> None:
        texts = blocks.parts(answer.text)
        for part, text in enumerate(texts):
            message = blocks.build_message(answer, text, is_last=part == len(texts) - 1)
            if not self._respond(message):
                self._post(message)

    def _respond(self, message: dict[str, Any]) -> bool:
        if not self._place.response_url:
            return False
        client = WebhookClient(self._place.response_url, timeout=TIMEOUT_SECONDS)
        try:
            response = client.send_dict({"response_type": "ephemeral", "replace_original": False, **message})
        except (OSError, URLError, HTTPError) as error:
            raise SlackUnavailable("response_url", may_have_happened=True) from error
        if response.status_code == 429 or response.status_code >= 500:
            raise SlackUnavailable("response_url", may_have_happened=False)
        if response.status_code != 200:  # expired or used up
            observability.log.info("response_url_refused", status=response.status_code)
            return False
        return True

    def _post(self, message: dict[str, Any]) -> None:
        channel, user = self._place.channel, self._place.user_id
        try:
            self._slack.call("chat.postEphemeral", is_repeatable=False, channel=channel, user=user, **message)
        except SlackRefused as refused:
            observability.log.info("ephemeral_refused", code=refused.code)
            message = {"markdown_text": blocks.to_markdown(message["blocks"])}
            opened = self._slack.call("conversations.open", is_repeatable=True, users=user)
            self._slack.call("chat.postMessage", is_repeatable=False, channel=opened["channel"]["id"], **message)
