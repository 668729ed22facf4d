"""What can be clicked below an answer, and what comes back with a click.

*You might also ask* are questions made from headings of the cited documents: a click asks one, with no model call
for having offered it. *Show how* is for the asker and operators, *Share to channel* and *Ask on* for answers that
only the asker sees, *Publish to…* for direct messages. Owns the JSON, in both directions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from bot.slack.block_kit import Button, ButtonsBlock, Confirmation, plain_text
from bot.slack.reading.foreign_json import to_string

HOW, SHARE, PUBLISH, ASK_ON = "docent_how", "docent_share", "docent_publish", "docent_ask_on"
SUGGESTION = "docent_suggestion"
SUGGESTIONS = re.compile(rf"{SUGGESTION}_\d$")  # buttons of one block need an id each
SUGGESTED = "*You might also ask*"
LABEL_CHARS = 75  # Slack's limit
QUESTION_CHARS = 500
MAX_SUGGESTIONS = 3
SHARE_TITLE = "Share this answer?"
SHARE_TEXT = "Everybody in this channel will see your question and the answer."


class AnswerPlace(StrEnum):
    """Where an answer stands, which decides what can be done with it."""

    THREAD = "thread"  # in a channel or a group, where everybody sees it
    DIRECT = "direct"
    EPHEMERAL = "ephemeral"  # in a channel, for the asker's eyes
    ALONE = "alone"  # the same where there is nobody to share it with


@dataclass(frozen=True)
class SuggestedQuestion:
    """A question to click on: what the button says, and what is asked."""

    label: str
    question: str


@dataclass(frozen=True)
class AnswerClick:
    """The turn whose button was pressed, and what the button carries beside it."""

    turn_id: UUID
    detail: str


def build_suggestions(turn_id: UUID, suggestions: Sequence[SuggestedQuestion]) -> ButtonsBlock:
    """Builds the row of questions."""
    elements = [
        _button(f"{SUGGESTION}_{n}", one.label, turn_id, one.question[:QUESTION_CHARS])
        for n, one in enumerate(suggestions[:MAX_SUGGESTIONS])
    ]
    return {"type": "actions", "elements": elements}


def build_tools(turn_id: UUID, place: AnswerPlace, session_key: str) -> list[Button]:
    """Builds the buttons of what can be done with an answer. ``session_key`` is that of a command's answer."""
    elements = [_button(HOW, "Show how", turn_id)]
    if place in (AnswerPlace.EPHEMERAL, AnswerPlace.ALONE):
        elements.append(_button(ASK_ON, "Ask a follow-up", turn_id, session_key))
    if place is AnswerPlace.EPHEMERAL:
        elements.append({**_button(SHARE, "Share to channel", turn_id), "confirm": _confirm_share()})
    if place is AnswerPlace.DIRECT:
        elements.append(_button(PUBLISH, "Publish to…", turn_id))
    return elements


def parse_value(value: object) -> AnswerClick | None:
    """Reads the value of a pressed button; returns None for one that is not ours.

    >>> parse_value("01890a5d-ac96-774b-bcce-b302099a8057 How many days?").detail
    'How many days?'
    """
    turn_id, _, detail = to_string(value).partition(" ")
    try:
        return AnswerClick(UUID(turn_id), detail)
    except ValueError:
        return None


def _button(action_id: str, label: str, turn_id: UUID, detail: str = "") -> Button:
    return {
        "type": "button",
        "action_id": action_id,
        "text": plain_text(label[:LABEL_CHARS]),
        "value": f"{turn_id} {detail}".strip(),
        "accessibility_label": label[:LABEL_CHARS],
    }


def _confirm_share() -> Confirmation:
    return {
        "title": plain_text(SHARE_TITLE),
        "text": plain_text(SHARE_TEXT),
        "confirm": plain_text("Share"),
        "deny": plain_text("Cancel"),
    }
