"""The message about a request for a person: whom it tags, who has taken it, who has closed it, and its buttons.

Owns the JSON, in both directions, also of the buttons below an answer that lead here.
"""

from collections.abc import Sequence
from uuid import UUID

from agent.text import shorten
from agent.translation.speech import join, mark, say
from bot.slack.block_kit import (
    Block,
    Button,
    LayoutMessage,
    Message,
    SectionBlock,
    TextMessage,
    mrkdwn,
    plain_text,
)
from bot.slack.interactions.experts import expertise
from bot.slack.interactions.experts.human_requests import HumanRequest
from bot.slack.reading.foreign_json import to_string
from bot.slack.replies.closing.buttons import CORRECT
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape
from bot.slack.replies.text.splitting import pack_blocks

TAKE, RESOLVE = "docent_take_request", "docent_resolve_request"
EVENT = "docent_human_request"
QUESTION_CHARS = 500
SECTION_CHARS = 3_000  # Slack's limit
ASKED = mark("{experts}: <@{asker}> needs a person's answer here.")
TAKEN = mark("<@{taker}> takes this.")
QUIET = mark("Until it is resolved I answer in this thread only where I am mentioned.")
RESOLVED = mark("Resolved by <@{resolver}>.")
KEEP = mark("Does the answer stand here? Experts can keep it for whoever asks this next.")


def make_mark(request: HumanRequest) -> dict[str, object]:
    """Returns what the message carries, so that it can be found again."""
    return {"event_type": EVENT, "event_payload": {"request_id": str(request.id)}}


def build(request: HumanRequest, experts: Sequence[str]) -> Sequence[Message]:
    """Builds the forms of the message."""
    quoted = "" if request.thread_ts else f"\n> {escape(shorten(clean_label(request.question), QUESTION_CHARS))}"
    if request.resolved_by:
        said = say(RESOLVED, resolver=request.resolved_by)
        said = join([say(TAKEN, taker=request.taken_by) if request.taken_by else "", said])
        said, buttons = f"{said}{quoted}\n{say(KEEP)}", [_keep(request)]
    elif request.taken_by:
        said = join([say(TAKEN, taker=request.taken_by), say(QUIET) if request.thread_ts else ""]) + quoted
        buttons = [_button(RESOLVE, say("Resolved"), request), _keep(request)]
    else:
        said = say(ASKED, experts=expertise.mention(experts), asker=request.asked_by) + quoted
        take: Button = {**_button(TAKE, say("I take this"), request), "style": "primary"}
        buttons = [take, _button(RESOLVE, say("Resolved"), request)]
    sections: list[SectionBlock] = [
        {"type": "section", "text": mrkdwn(part)} for part in pack_blocks([said], SECTION_CHARS)
    ]
    blocks: list[Block] = [*sections, {"type": "actions", "elements": buttons}]
    layout: LayoutMessage = {"blocks": blocks, "text": said}
    plain: TextMessage = {"text": said}
    return [layout, plain]


def parse_value(value: object) -> UUID | None:
    """Reads the value of a pressed button; returns None for one that is not ours."""
    try:
        return UUID(to_string(value))
    except ValueError:
        return None


def _button(action_id: str, label: str, request: HumanRequest) -> Button:
    return {
        "type": "button",
        "action_id": action_id,
        "text": plain_text(label),
        "value": str(request.id),
        "accessibility_label": label,
    }


def _keep(request: HumanRequest) -> Button:
    return {**_button(CORRECT, say("Write the answer"), request), "value": str(request.turn_id)}
