"""The offer to answer a question that was edited after its answer.

Owns the message, which only the asker sees, and its button, in both directions. The answer to the former wording
stays: it answered that.
"""

from typing import TypedDict
from uuid import UUID

from agent.translation.speech import mark, say
from bot.slack.block_kit import Block, Button, plain_text
from bot.slack.client import Payload
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions import clicked_message
from bot.slack.interactions.clicked_message import ClickedMessage
from bot.slack.reading.foreign_json import to_string

ACTION = "docent_answer_again"
TEXT = mark("You changed your question after I had answered it. What stands above answers it as it was.")
BUTTON = mark("Answer again")
ASKED = mark("I answer your question as it is now. The answer will appear in the thread.")
BEFORE = mark("That question was asked again before, or there is nothing stored of it any more.")


class Offer(TypedDict):
    """The arguments of ``chat.postEphemeral``; in a direct message, which nobody else sees, without ``user``."""

    channel: str
    thread_ts: str | None
    text: str
    blocks: list[Block]


def build(address: ReplyAddress, turn_id: UUID) -> Offer:
    """Builds the offer below the answer to a turn."""
    button: Button = {
        "type": "button",
        "action_id": ACTION,
        "text": plain_text(say(BUTTON)),
        "value": str(turn_id),
        "accessibility_label": say(BUTTON),
    }
    return {
        "channel": address.channel,
        "thread_ts": address.thread_ts,
        "text": say(TEXT),
        "blocks": [
            {"type": "section", "text": plain_text(say(TEXT))},
            {"type": "actions", "elements": [button]},
        ],
    }


def parse_click(body: Payload, action: Payload) -> tuple[UUID, ClickedMessage] | None:
    """Returns the turn, and who clicked where; None for a button that is not ours."""
    clicked = clicked_message.read(body)
    try:
        turn_id = UUID(to_string(action.get("value")))
    except ValueError:
        return None
    return (turn_id, clicked) if clicked else None
