"""The thumbs below an answer, and the form that opens after 👎.

Owns their JSON, in both directions. Stores nothing: listeners do.
"""

import re
from enum import StrEnum
from uuid import UUID

from bot.slack.block_kit import (
    ActionsBlock,
    Button,
    ButtonsBlock,
    FeedbackButton,
    Option,
    ThanksView,
    View,
    plain_text,
)
from bot.slack.client import Payload

ACTION = "docent_feedback"
ACTIONS = re.compile(rf"{ACTION}(_up|_down)?$")  # ordinary buttons of one block need an id each
CALLBACK = "docent_feedback_form"
COMMENT_CHARS = 1_500
KINDS = {
    "wrong": "It is wrong",
    "incomplete": "Something is missing",
    "outdated": "It is out of date",
    "sources": "The sources do not fit",
}
THANKS = (
    "Thank you. The people who look after Docent at your company read this, together with your question and the "
    "answer, and mend the documents or the search. Nobody else sees it."
)
EMPTY_FORM = "Choose one, or write a sentence below."


class Thumb(StrEnum):
    """Which button was pressed."""

    UP = "up"
    DOWN = "down"


LABELS = {Thumb.UP: "Good answer", Thumb.DOWN: "Bad answer"}


def build_buttons(turn_id: UUID) -> ActionsBlock:
    """Builds the row of thumbs below the answer of a turn."""
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": ACTION,
                "positive_button": _button(Thumb.UP, turn_id),
                "negative_button": _button(Thumb.DOWN, turn_id),
            }
        ],
    }


def build_plain_buttons(turn_id: UUID) -> ButtonsBlock:
    """Builds the same thumbs as ordinary buttons, which every workspace knows."""
    return {"type": "actions", "elements": [_plain_button(thumb, turn_id) for thumb in Thumb]}


def parse_click(value: str) -> tuple[Thumb, UUID]:
    """Returns the thumb and the turn of a pressed button; raises ValueError for a value that is not ours."""
    thumb, _, turn_id = value.partition(":")
    return Thumb(thumb), UUID(turn_id)


def build_view(turn_id: UUID) -> View:
    """Builds the modal for ``views.open``."""
    options: list[Option] = [{"text": plain_text(label), "value": value} for value, label in KINDS.items()]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": str(turn_id),
        "title": plain_text("What was wrong?"),
        "submit": plain_text("Send"),
        "close": plain_text("Skip"),
        "blocks": [
            {
                "type": "input",
                "block_id": "kind",
                "optional": True,
                "label": plain_text("What is the matter?"),
                "element": {"type": "radio_buttons", "action_id": "kind", "options": options},
            },
            {
                "type": "input",
                "block_id": "comment",
                "optional": True,
                "label": plain_text("What should the answer have said?"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "comment",
                    "multiline": True,
                    "max_length": COMMENT_CHARS,
                },
            },
        ],
    }


def build_thanks() -> ThanksView:
    """Builds what takes the place of the form once it is sent."""
    return {
        "type": "modal",
        "title": plain_text("Thank you"),
        "close": plain_text("Close"),
        "blocks": [{"type": "section", "text": plain_text(THANKS)}],
    }


def parse_comment(view: Payload) -> tuple[UUID, str]:
    """Returns the turn and the comment of a submitted form; the comment of an empty form is empty.

    Raises ValueError for a form whose turn cannot be read.
    """
    values = view["state"]["values"]
    option = (values.get("kind", {}).get("kind") or {}).get("selected_option") or {}
    text = ((values.get("comment", {}).get("comment") or {}).get("value") or "").strip()
    parts = [KINDS.get(option.get("value", ""), ""), text[:COMMENT_CHARS]]
    return UUID(view["private_metadata"]), ": ".join(part for part in parts if part)


def _button(thumb: Thumb, turn_id: UUID) -> FeedbackButton:
    label = LABELS[thumb]
    return {"text": plain_text(label), "value": f"{thumb}:{turn_id}", "accessibility_label": label}


def _plain_button(thumb: Thumb, turn_id: UUID) -> Button:
    button = _button(thumb, turn_id)
    return {
        "type": "button",
        "action_id": f"{ACTION}_{thumb}",
        "text": button["text"],
        "value": button["value"],
        "accessibility_label": button["accessibility_label"],
    }
