"""What can be clicked below an answer, and what comes back with a click.

*You might also ask* are questions made from headings of the cited documents: a click asks one, with no model call
for having offered it. *Show how* is for the asker and operators, *Share to channel* and *Ask on* for answers that
only the asker sees, *Publish to…* for direct messages; *Ask a human* and *Correct this* lead to people. Owns the
JSON, in both directions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from agent.translation.speech import mark, say
from bot.slack.block_kit import Button, ButtonsBlock, Confirmation, plain_text
from bot.slack.reading.foreign_json import to_string

ASK_HUMAN, CORRECT = "docent_ask_human", "docent_correct"
HOW, SHARE, PUBLISH, ASK_ON = "docent_how", "docent_share", "docent_publish", "docent_ask_on"
SUGGESTION = "docent_suggestion"
SUGGESTIONS = re.compile(rf"{SUGGESTION}_\d$")  # buttons of one block need an id each
SUGGESTED = mark("*You might also ask*")
LABEL_CHARS = 75  # Slack's limit
QUESTION_CHARS = 500
MAX_SUGGESTIONS = 3
ASK_TITLE = mark("Ask the people of this channel?")
ASK_TEXT = mark("Your question is posted in this channel, with your name, for everybody in it to see.")
SHARE_TITLE = mark("Share this answer?")
SHARE_TEXT = mark("Everybody in this channel will see your question and the answer.")


class AnswerPlace(StrEnum):
    """Where an answer stands, which decides what can be done with it."""

    THREAD = "thread"  # in a channel or a group, where everybody sees it
    DIRECT = "direct"
    EPHEMERAL = "ephemeral"  # in a channel, for the asker's eyes
    ALONE = "alone"  # the same where there is nobody to share it with


@dataclass(frozen=True)
class HumanHelp:
    """What people can do about an answer: be asked, most visibly where nothing is answered, and correct it.

    It ``is_public`` where only the asker sees the answer, and all would see that people are asked. It
    ``goes_by_itself`` where the channel has its experts asked without a click.
    """

    can_ask: bool = False
    can_correct: bool = False
    is_answered: bool = True
    is_public: bool = False
    goes_by_itself: bool = False


NO_HELP = HumanHelp()


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
    elements = [_button(HOW, say("Show how"), turn_id)]
    if place in (AnswerPlace.EPHEMERAL, AnswerPlace.ALONE):
        elements.append(_button(ASK_ON, say("Ask a follow-up"), turn_id, session_key))
    if place is AnswerPlace.EPHEMERAL:
        confirm = _confirm(say(SHARE_TITLE), say(SHARE_TEXT), say("Share"))
        elements.append({**_button(SHARE, say("Share to channel"), turn_id), "confirm": confirm})
    if place is AnswerPlace.DIRECT:
        elements.append(_button(PUBLISH, say("Publish to…"), turn_id))
    return elements


def build_help(turn_id: UUID, help_: HumanHelp) -> list[Button]:
    """Builds the buttons that lead to people."""
    elements: list[Button] = []
    if help_.can_ask:
        ask = _button(ASK_HUMAN, say("Ask a human"), turn_id)
        if help_.is_public:
            ask["confirm"] = _confirm(say(ASK_TITLE), say(ASK_TEXT), say("Ask"))
        if not help_.is_answered:
            ask["style"] = "primary"
        elements.append(ask)
    if help_.can_correct:
        label = say("Correct this") if help_.is_answered else say("Write the answer")
        elements.append(_button(CORRECT, label, turn_id))
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


def _confirm(title: str, text: str, label: str) -> Confirmation:
    return {
        "title": plain_text(title),
        "text": plain_text(text),
        "confirm": plain_text(label),
        "deny": plain_text(say("Cancel")),
    }
