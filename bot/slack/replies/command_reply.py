"""The reply that only the asker sees: to a slash command, a shortcut, or where a channel wants it so.

Promises no more than Slack does: after a crash the answer may appear twice, because nothing can find an ephemeral
message.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent import observability
from agent.errors import ReplyError
from agent.translation.speech import say
from bot.slack.block_kit import Message
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions import response_url
from bot.slack.replies import direct_message, forms
from bot.slack.replies.closing import attachments
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.text import splitting


class CommandReply(Reply):
    """An answer through the response URL, else as an ephemeral message, else as a direct message.

    It repeats the question where nothing else shows it. The first message takes the place of a command's
    acknowledgement, which said that the bot is at work; progress is not shown beside that.
    """

    def __init__(self, slack: SlackClient, address: ReplyAddress, question: str = "") -> None:
        self._slack, self._address = slack, address
        self.note_question(question)

    def note_question(self, question: str) -> None:
        is_shown = self._address.thread_ts and not self._address.quotes_question
        self._lead = direct_message.repeat_question(question) if question and not is_shown else ""

    def deliver(self, answer: Answer) -> None:
        """Delivers the answer. Its tables come as a direct message: Slack knows no file that one person sees."""
        answer = replace(answer, has_menu=False)  # which is about a thread, and stands in messages that all see
        if answer.long_tables:
            answer = answer.add_notice(self._send_tables(answer) or say(attachments.IN_DIRECT_MESSAGE))
        texts = splitting.split_text(answer.text)
        for part, text in enumerate(texts):
            is_last = part == len(texts) - 1
            message = forms.build(answer, text, is_last=is_last, lead="" if part else self._lead)
            if not self._respond(message, is_first=part == 0 and not self._address.keeps_original):
                self._post(message)

    def _send_tables(self, answer: Answer) -> str:
        """Sends the whole tables to the asker; returns what to say where that failed."""
        files, problem = attachments.upload(self._slack, answer)
        if problem:
            return problem
        try:
            channel = direct_message.open_channel(self._slack, self._address.user_id)
        except ReplyError as error:
            return attachments.explain_failure(error)
        return attachments.share(self._slack, files, channel=channel)

    def _respond(self, message: Sequence[Message], *, is_first: bool) -> bool:
        """Posts to the response URL; returns False if there is none or it takes no more."""
        url = self._address.response_url
        if not url:
            return False
        try:
            forms.send(message, lambda form: response_url.post(url, form, replaces=is_first))
        except SlackRefused as error:
            observability.log.info("response_url_refused", code=error.code)
            return False
        return True

    def _post(self, message: Sequence[Message]) -> None:
        address = self._address
        place: dict[str, Any] = {"channel": address.channel, "thread_ts": address.thread_ts}
        try:
            forms.send(
                message,
                lambda form: self._slack.call(
                    "chat.postEphemeral", is_repeatable=False, user=address.user_id, **place, **form
                ),
            )
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.info("ephemeral_refused", code=error.code)
            direct_message.post(self._slack, address.user_id, message)
