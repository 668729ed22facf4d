"""An answer as a direct message to the person who asked: where Slack does not take it where it was asked for."""

from collections.abc import Sequence

from agent.text import shorten
from agent.translation.speech import say
from bot.slack.block_kit import Message
from bot.slack.client import SlackClient
from bot.slack.replies import forms
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.reply import Answer
from bot.slack.replies.text import splitting
from bot.slack.replies.text.markdown import escape

QUESTION_LIMIT = 500  # characters of the question that stand above the answer


def send(slack: SlackClient, user_id: str, answer: Answer, *, lead: str) -> None:
    """Sends the answer with ``lead`` above it; raises :class:`SlackRefused` and :class:`SlackUnavailable`."""
    texts = splitting.split_text(answer.text)
    for part, text in enumerate(texts):
        is_last = part == len(texts) - 1
        post(slack, user_id, forms.build(answer, text, is_last=is_last, lead="" if part else lead))


def post(slack: SlackClient, user_id: str, message: Sequence[Message]) -> None:
    """Posts the first of the message's forms that Slack takes."""
    channel = open_channel(slack, user_id)
    plain = {"unfurl_links": False, "unfurl_media": False}
    forms.send(
        message,
        lambda form: slack.call("chat.postMessage", is_repeatable=False, channel=channel, **plain, **form),
    )


def open_channel(slack: SlackClient, user_id: str) -> str:
    """Returns the id of the person's direct messages with the bot."""
    return str(slack.call("conversations.open", is_repeatable=True, users=user_id)["channel"]["id"])


def quote_question(question: str) -> str:
    """Returns the lines, in Markdown, that stand above an answer whose question was asked by a click."""
    return f"> {shorten(clean_label(question), QUESTION_LIMIT)}\n\n"


def repeat_question(question: str) -> str:
    """Returns the line, in Slack's markup, that says which question, or quoted message, an answer is for."""
    is_quoted = question.startswith("> ")
    asked = "\n".join(line.removeprefix("> ") for line in question.split("\n")) if is_quoted else question
    lead = say("*You asked about:*") if is_quoted else say("*You asked:*")
    return f"{lead} {escape(shorten(clean_label(asked), QUESTION_LIMIT))}"
