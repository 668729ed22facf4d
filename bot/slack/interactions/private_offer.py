"""The offer to answer a question once more, for its asker alone, from what not everybody in the channel may read.

Owns the message, which only the asker sees, and its button, in both directions. Promises to say nothing of what
the documents are.
"""

from uuid import UUID

from agent.translation.speech import mark, say
from bot.slack.block_kit import Button, ButtonsBlock, SectionBlock, plain_text
from bot.slack.client import Payload, SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions import clicked_message
from bot.slack.reading.foreign_json import to_string

ACTION = "docent_answer_privately"
TEXT = mark(
    "There is more on this in documents that you may read, but not everybody here. Only you see this message."
)
BUTTON = mark("Answer me privately")


def show(slack: SlackClient, address: ReplyAddress, turn_id: UUID) -> None:
    """Shows the offer to the asker; raises :class:`agent.errors.ReplyError`."""
    said: SectionBlock = {"type": "section", "text": plain_text(say(TEXT))}
    button: Button = {
        "type": "button",
        "action_id": ACTION,
        "text": plain_text(say(BUTTON)),
        "value": str(turn_id),
        "accessibility_label": say(BUTTON),
    }
    buttons: ButtonsBlock = {"type": "actions", "elements": [button]}
    slack.call(
        "chat.postEphemeral",
        is_repeatable=False,
        channel=address.channel,
        user=address.user_id,
        thread_ts=address.thread_ts,
        text=say(TEXT),
        blocks=[said, buttons],
    )


def parse_click(body: Payload, action: Payload) -> tuple[UUID, ReplyAddress] | None:
    """Returns the turn, and where the answer for the asker alone goes; None for a button that is not ours."""
    clicked = clicked_message.read(body)
    try:
        turn_id = UUID(to_string(action.get("value")))
    except ValueError:
        return None
    if clicked is None:
        return None
    url = clicked.response_url or None
    return turn_id, ReplyAddress(clicked.team, clicked.channel, clicked.user_id, response_url=url)
