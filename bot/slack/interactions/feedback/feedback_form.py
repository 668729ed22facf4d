"""The thumbs below an answer, and the form that opens after 👎.

Owns their JSON, in both directions. Stores nothing: listeners do.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from agent.text import shorten
from agent.translation.speech import mark, say
from bot.slack.block_kit import (
    ActionsBlock,
    Button,
    ButtonsBlock,
    FeedbackButton,
    InputBlock,
    Option,
    SectionBlock,
    ThanksView,
    View,
    mrkdwn,
    plain_text,
)
from bot.slack.client import Payload
from bot.slack.interactions.feedback.source_reports import CitedDocument, SourceFault, StoredReport
from bot.slack.reading.foreign_json import to_object, to_string
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape
from bot.slack.replies.text.splitting import pack_blocks

ACTION = "docent_feedback"
ACTIONS = re.compile(rf"{ACTION}(_up|_down)?$")  # ordinary buttons of one block need an id each
CALLBACK = "docent_feedback_form"
COMMENT_CHARS = 1_500
KINDS = {
    "wrong": mark("It is wrong"),
    "incomplete": mark("Something is missing"),
    "outdated": mark("It is out of date"),
    "sources": mark("The sources do not fit"),
}
THANKS = mark(
    "Thank you. The people who look after Docent at your company read this, together with your question and the "
    "answer, and mend the documents or the search. Nobody else sees it."
)
THANKS_OF_OWNERS = mark(
    "Owners see the passage, and your question and name only where they may read this conversation."
)
EMPTY_FORM = mark("Choose one, or write a sentence below.")
SOURCES = {
    SourceFault.OUTDATED: mark("Which sources are out of date?"),
    SourceFault.WRONG: mark("Which sources are wrong?"),
}
TO_OWNER = mark("*{title}*: <@{owner}> looks after it and hears that it is {fault}.")
TO_OPERATORS = mark("*{title}*: nobody is named as its owner, so it is in the report for whoever runs Docent.")
FAULTS = {SourceFault.OUTDATED: mark("out of date"), SourceFault.WRONG: mark("wrong")}
TITLE_CHARS = 75  # Slack's limit for the text of a checkbox
SECTION_CHARS = 3_000  # and of a section
VALUE_CHARS = 75  # and for its value


class Thumb(StrEnum):
    """Which button was pressed."""

    UP = "up"
    DOWN = "down"


LABELS = {Thumb.UP: mark("Good answer"), Thumb.DOWN: mark("Bad answer")}


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


def build_view(turn_id: UUID, cited: Sequence[CitedDocument] = ()) -> View:
    """Builds the modal for ``views.open``; what is ``cited`` can be ticked, source by source."""
    options: list[Option] = [{"text": plain_text(say(label)), "value": value} for value, label in KINDS.items()]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": str(turn_id),
        "title": plain_text(say("What was wrong?")),
        "submit": plain_text(say("Send")),
        "close": plain_text(say("Skip")),
        "blocks": [
            {
                "type": "input",
                "block_id": "kind",
                "optional": True,
                "label": plain_text(say("What is the matter?")),
                "element": {"type": "radio_buttons", "action_id": "kind", "options": options},
            },
            {
                "type": "input",
                "block_id": "comment",
                "optional": True,
                "label": plain_text(say("What should the answer have said?")),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "comment",
                    "multiline": True,
                    "max_length": COMMENT_CHARS,
                },
            },
            *_build_choices(cited),
        ],
    }


def build_thanks(reports: Sequence[StoredReport] = ()) -> ThanksView:
    """Builds what takes the place of the form once it is sent, with who hears of which source."""
    blocks: list[SectionBlock] = [{"type": "section", "text": plain_text(say(THANKS))}]
    if reports:
        lines = [_describe(report) for report in reports]
        said = "\n".join([*lines, say(THANKS_OF_OWNERS)])
        blocks += [{"type": "section", "text": mrkdwn(part)} for part in pack_blocks([said], SECTION_CHARS)]
    return {
        "type": "modal",
        "title": plain_text(say("Thank you")),
        "close": plain_text(say("Close")),
        "blocks": blocks,
    }


def parse_comment(view: Payload) -> tuple[UUID, str] | None:
    """Returns the turn and the comment of a submitted form; the comment of an empty form is empty.

    Returns None for a form that is not ours.
    """
    values = to_object(to_object(view.get("state")).get("values"))
    kind, comment = (to_object(to_object(values.get(name)).get(name)) for name in ("kind", "comment"))
    text = to_string(comment.get("value")).strip()
    parts = [KINDS.get(to_string(to_object(kind.get("selected_option")).get("value")), ""), text[:COMMENT_CHARS]]
    try:
        return UUID(to_string(view.get("private_metadata"))), ": ".join(part for part in parts if part)
    except ValueError:
        return None


def parse_faults(view: Payload) -> dict[str, SourceFault]:
    """Returns what a submitted form says of documents, by their ids; one that is wrong need not be out of date."""
    values = to_object(to_object(view.get("state")).get("values"))
    faults: dict[str, SourceFault] = {}
    for fault in SOURCES:
        options = to_object(to_object(values.get(fault)).get(fault)).get("selected_options")
        for option in options if isinstance(options, list) else ():
            if id_ := to_string(to_object(option).get("value")):
                faults[id_] = fault
    return faults


def _build_choices(cited: Sequence[CitedDocument]) -> list[InputBlock]:
    options: list[Option] = [
        {
            "text": plain_text(shorten(clean_label(one.title) or one.document_id, TITLE_CHARS)),
            "value": one.document_id,
        }
        for one in cited
        if len(one.document_id) <= VALUE_CHARS
    ]
    return [
        {
            "type": "input",
            "block_id": fault,
            "optional": True,
            "label": plain_text(say(label)),
            "element": {"type": "checkboxes", "action_id": fault, "options": options},
        }
        for fault, label in (SOURCES.items() if options else ())
    ]


def _describe(report: StoredReport) -> str:
    title = escape(shorten(clean_label(report.title), TITLE_CHARS)).replace("*", "∗")
    if not report.owner:
        return say(TO_OPERATORS, title=title)
    return say(TO_OWNER, title=title, owner=report.owner, fault=say(FAULTS[report.fault]))


def _button(thumb: Thumb, turn_id: UUID) -> FeedbackButton:
    label = say(LABELS[thumb])
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
