"""The reply to a slash command, which only the asker sees.

Promises no more than Slack does: after a crash the answer may appear twice, because nothing can find an ephemeral
message.
"""

from urllib.error import HTTPError, URLError

from slack_sdk.webhook import WebhookClient

from agent import observability
from bot.slack.block_kit import LayoutMessage
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import blocks, splitting
from bot.slack.replies.reply import Answer, Reply

TIMEOUT_SECONDS = 10


class CommandReply(Reply):
    """An answer through the command's response URL, else as an ephemeral message, else as a direct message.

    Shows no progress: an ephemeral message cannot change, and the command's acknowledgement already said that the
    bot is at work.
    """

    def __init__(self, slack: SlackClient, address: ReplyAddress) -> None:
        self._slack, self._address = slack, address

    def deliver(self, answer: Answer) -> None:
        texts = splitting.split_text(answer.text)
        for part, text in enumerate(texts):
            message = blocks.build_message(answer, text, is_last=part == len(texts) - 1)
            if not self._respond(message):
                self._post(message)

    def _respond(self, message: LayoutMessage) -> bool:
        """Posts to the response URL; returns False if there is none or it takes no more."""
        if not self._address.response_url:
            return False
        client = WebhookClient(self._address.response_url, timeout=TIMEOUT_SECONDS)
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

    def _post(self, message: LayoutMessage) -> None:
        channel, user = self._address.channel, self._address.user_id
        try:
            self._slack.call("chat.postEphemeral", is_repeatable=False, channel=channel, user=user, **message)
        except SlackRefused as error:
            observability.log.info("ephemeral_refused", code=error.code)
            conversation = self._slack.call("conversations.open", is_repeatable=True, users=user)
            self._slack.call(
                "chat.postMessage",
                is_repeatable=False,
                channel=conversation["channel"]["id"],
                markdown_text=blocks.to_markdown(message["blocks"]),
            )
