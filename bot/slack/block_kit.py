"""The JSON that the bot sends to Slack, as types: blocks, messages, stream chunks, modals, prompts.

Owns no content. Covers only what the bot sends; see https://docs.slack.dev/reference/block-kit.
"""

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict


class PlainText(TypedDict):
    """Text without any markup."""

    type: Literal["plain_text"]
    text: str


class MrkdwnText(TypedDict):
    """Text in Slack's own markup; ``verbatim`` leaves addresses, channels and names in it as they are written."""

    type: Literal["mrkdwn"]
    text: str
    verbatim: Literal[True]


class MarkdownBlock(TypedDict):
    """Standard Markdown, which Slack renders."""

    type: Literal["markdown"]
    text: str


class ContextBlock(TypedDict):
    """Small grey text."""

    type: Literal["context"]
    elements: list[MrkdwnText]


class SectionBlock(TypedDict):
    """Text of ordinary size; every client of Slack shows it."""

    type: Literal["section"]
    text: MrkdwnText | PlainText


class FeedbackButton(TypedDict):
    """A thumb; ``value`` comes back with the click."""

    text: PlainText
    value: str
    accessibility_label: str


class FeedbackButtons(TypedDict):
    """Both thumbs."""

    type: Literal["feedback_buttons"]
    action_id: str
    positive_button: FeedbackButton
    negative_button: FeedbackButton


class ActionsBlock(TypedDict):
    """The row of thumbs below an answer."""

    type: Literal["context_actions"]
    elements: list[FeedbackButtons]


class Confirmation(TypedDict):
    """What a person confirms before a click counts."""

    title: PlainText
    text: PlainText
    confirm: PlainText
    deny: PlainText


class Button(TypedDict):
    """An ordinary button; ``value`` comes back with the click."""

    type: Literal["button"]
    action_id: str
    text: PlainText
    value: str
    accessibility_label: str
    confirm: NotRequired[Confirmation]
    style: NotRequired[Literal["primary", "danger"]]


class OverflowMenu(TypedDict):
    """Three dots that open a menu; the chosen option's ``value`` comes back."""

    type: Literal["overflow"]
    action_id: str
    options: list["Option"]


class ButtonsBlock(TypedDict):
    """A row of ordinary buttons, which a menu may end."""

    type: Literal["actions"]
    elements: Sequence[Button | OverflowMenu]


class RichTextSpan(TypedDict):
    """A piece of plain text."""

    type: Literal["text"]
    text: str


class RichTextSection(TypedDict):
    """A line of rich text."""

    type: Literal["rich_text_section"]
    elements: list[RichTextSpan]


class RichTextBlock(TypedDict):
    """Rich text; the bot writes one plain line of it."""

    type: Literal["rich_text"]
    elements: list[RichTextSection]


class TaskCardBlock(TypedDict):
    """A task card in a message that does not stream."""

    type: Literal["task_card"]
    task_id: str
    title: str
    status: str
    details: NotRequired[RichTextBlock]
    output: NotRequired[RichTextBlock]
    sources: NotRequired[list["UrlSource"]]


Block = MarkdownBlock | ContextBlock | SectionBlock | ActionsBlock | ButtonsBlock | TaskCardBlock


class LayoutMessage(TypedDict):
    """Arguments of ``chat.postMessage`` and ``chat.update``; ``text`` is for notifications."""

    blocks: list[Block]
    text: str


class TextMessage(TypedDict):
    """Arguments of the same methods for a message without layout; ``text`` is in Slack's markup."""

    text: str


Message = LayoutMessage | TextMessage


class UrlSource(TypedDict):
    """A link on a task card."""

    type: Literal["url"]
    url: str
    text: str


class TaskUpdate(TypedDict):
    """A task card in a stream; Slack replaces the card with the same ``id`` but appends ``details``."""

    type: Literal["task_update"]
    id: str
    title: str
    status: str
    details: NotRequired[str]
    output: NotRequired[str]
    sources: NotRequired[list[UrlSource]]


class MarkdownChunk(TypedDict):
    """A piece of text in a stream."""

    type: Literal["markdown_text"]
    text: str


class StreamContent(TypedDict):
    """What one call adds to a stream: text alone, or cards and text as chunks."""

    markdown_text: NotRequired[str | None]
    chunks: NotRequired[list[TaskUpdate | MarkdownChunk]]


class Option(TypedDict):
    """A radio button, or an entry of a menu."""

    text: PlainText
    value: str


class RadioButtons(TypedDict):
    """A choice of one."""

    type: Literal["radio_buttons"]
    action_id: str
    options: list[Option]


class Checkboxes(TypedDict):
    """A choice of any number."""

    type: Literal["checkboxes"]
    action_id: str
    options: list[Option]


class TextInput(TypedDict):
    """A field to write in, with what stands there at first."""

    type: Literal["plain_text_input"]
    action_id: str
    multiline: bool
    max_length: int
    initial_value: NotRequired[str]


class ConversationFilter(TypedDict):
    """Which conversations a person may choose from."""

    include: list[Literal["public", "private", "mpim", "im"]]
    exclude_bot_users: bool


class ConversationSelect(TypedDict):
    """A choice of one conversation."""

    type: Literal["conversations_select"]
    action_id: str
    filter: ConversationFilter


class InputBlock(TypedDict):
    """A labelled element of a modal."""

    type: Literal["input"]
    block_id: str
    optional: bool
    label: PlainText
    element: RadioButtons | Checkboxes | TextInput | ConversationSelect


class View(TypedDict):
    """A modal for ``views.open``."""

    type: Literal["modal"]
    callback_id: str
    private_metadata: str
    title: PlainText
    submit: PlainText
    close: PlainText
    blocks: Sequence[InputBlock | SectionBlock]


class ThanksView(TypedDict):
    """A modal that only says something."""

    type: Literal["modal"]
    title: PlainText
    close: PlainText
    blocks: list[SectionBlock]


class Prompt(TypedDict):
    """A suggested question: the button's title, and the text that it sends."""

    title: str
    message: str


def rich_text(text: str) -> RichTextBlock:
    """Builds a line of plain text where Slack wants rich text."""
    section: RichTextSection = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def mrkdwn(text: str) -> MrkdwnText:
    """Builds a text object in Slack's markup, in which only what is marked as a link or a mention is one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain_text(text: str) -> PlainText:
    """Builds a plain text object."""
    return {"type": "plain_text", "text": text}
