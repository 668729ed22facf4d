"""The blocks of the Home tab and of status messages, within what Slack takes of each."""

from collections.abc import Iterable, Sequence
from typing import Literal, NotRequired, TypedDict

from bot.slack.block_kit import (
    Button,
    ButtonsBlock,
    ContextBlock,
    ConversationSelect,
    MrkdwnText,
    PlainText,
    SectionBlock,
    mrkdwn,
    plain_text,
)

MAX_BLOCKS = 100  # of a view
SECTION_CHARS, HEADER_CHARS, FIELD_CHARS = 2_900, 150, 1_900  # Slack: 3,000, 150, 2,000
MAX_FIELDS = 10
BAR_CHARS = 16
FULL, EMPTY = "█", "░"


class HeaderBlock(TypedDict):
    """A line in large letters."""

    type: Literal["header"]
    text: PlainText


class DividerBlock(TypedDict):
    """A line across."""

    type: Literal["divider"]


class FieldsBlock(TypedDict):
    """Short texts side by side, in two columns."""

    type: Literal["section"]
    fields: list[MrkdwnText]


class ButtonSection(TypedDict):
    """Text with a button beside it."""

    type: Literal["section"]
    block_id: NotRequired[str]
    text: MrkdwnText
    accessory: Button


class ChannelChoice(ConversationSelect):
    """A choice of one conversation that counts at once."""

    placeholder: PlainText


class ChoiceBlock(TypedDict):
    """A row with a choice of a conversation, and buttons."""

    type: Literal["actions"]
    elements: Sequence[ChannelChoice | Button]


HomeBlock = (
    HeaderBlock
    | DividerBlock
    | FieldsBlock
    | SectionBlock
    | ButtonSection
    | ContextBlock
    | ButtonsBlock
    | ChoiceBlock
)


class HomeView(TypedDict):
    """A Home tab for ``views.publish``."""

    type: Literal["home"]
    blocks: list[HomeBlock]


def view(blocks: Sequence[HomeBlock]) -> HomeView:
    """Builds a Home tab of at most as many blocks as Slack takes."""
    return {"type": "home", "blocks": [*blocks[:MAX_BLOCKS]]}


def header(text: str) -> HeaderBlock:
    """Builds a heading."""
    return {"type": "header", "text": plain_text(text[:HEADER_CHARS])}


def divider() -> DividerBlock:
    """Builds a line across."""
    return {"type": "divider"}


def section(lines: Iterable[str]) -> SectionBlock:
    """Builds a text of lines in Slack's markup; those that do not fit are left out, and that is shown."""
    return {"type": "section", "text": mrkdwn(join_lines(lines, SECTION_CHARS))}


def button_section(text: str, button: Button) -> ButtonSection:
    """Builds a text with a button beside it."""
    return {"type": "section", "text": mrkdwn(text[:SECTION_CHARS]), "accessory": button}


def fields(texts: Sequence[str]) -> FieldsBlock:
    """Builds short texts side by side."""
    return {"type": "section", "fields": [mrkdwn(text[:FIELD_CHARS]) for text in texts[:MAX_FIELDS]]}


def context(text: str) -> ContextBlock:
    """Builds small grey text."""
    return {"type": "context", "elements": [mrkdwn(text[:SECTION_CHARS])]}


def button(action_id: str, label: str, value: str, *, described: str = "") -> Button:
    """Builds a button; ``described`` is what a screen reader says."""
    return {
        "type": "button",
        "action_id": action_id,
        "text": plain_text(label),
        "value": value,
        "accessibility_label": (described or label)[:75],
    }


def picture(rows: Sequence[tuple[str, float, str]]) -> str:
    """Returns a bar for each row of a label, a share from 0 to 1 and what is said behind it, as code in Slack's
    markup.

    >>> print(picture([("Mon", 0.5, "$1"), ("Tuesday", 0.0, "$0")]))
    ```
    Mon      ████████░░░░░░░░  $1
    Tuesday  ░░░░░░░░░░░░░░░░  $0
    ```
    """
    width = max((len(label) for label, _, _ in rows), default=0)
    lines = [f"{label:<{width}}  {bar(share)}  {said}" for label, share, said in rows]
    return "\n".join(["```", *lines, "```"])


def bar(share: float) -> str:
    """Returns a bar of which a share is filled; a share above nothing fills at least one part.

    >>> bar(0.001)[:2], bar(2)[-1]
    ('█░', '█')
    """
    n_full = round(min(max(share, 0.0), 1.0) * BAR_CHARS)
    n_full = max(n_full, 1) if share > 0 else 0
    return FULL * n_full + EMPTY * (BAR_CHARS - n_full)


def join_lines(lines: Iterable[str], limit: int) -> str:
    """Returns the lines that fit, and an ellipsis where some do not."""
    text = ""
    for line in lines:
        if len(text) + len(line) + 2 > limit:
            return f"{text}\n…"
        text += f"\n{line}" if text else line
    return text
