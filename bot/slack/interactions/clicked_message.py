"""The message that somebody clicked on, read from what Slack sends of a click.

Promises to raise nothing, whatever Slack sends: what it leaves out is empty.
"""

from dataclasses import dataclass

from bot.slack.client import Payload
from bot.slack.installation import origin
from bot.slack.reading.foreign_json import to_id, to_object, to_string, to_ts


@dataclass(frozen=True)
class ClickedMessage:
    """Where a message stands, and who clicked on it.

    ``thread_ts`` is that of its thread, or its own; empty for an ephemeral message, of which Slack sends nothing
    but where it is.
    """

    team: str
    channel: str
    user_id: str
    user_team: str
    thread_ts: str
    response_url: str
    trigger_id: str


def read(body: Payload) -> ClickedMessage | None:
    """Reads a click; returns None where Slack does not say who clicked where."""
    channel, user, message = (to_object(body.get(name)) for name in ("channel", "user", "message"))
    clicked = ClickedMessage(
        team=origin.find_workspace(body),
        channel=to_id(channel.get("id")),
        user_id=to_id(user.get("id")),
        user_team=to_id(user.get("team_id")),
        thread_ts=to_ts(message.get("thread_ts")) or to_ts(message.get("ts")),
        response_url=to_string(body.get("response_url")),
        trigger_id=to_string(body.get("trigger_id")),
    )
    return clicked if clicked.team and clicked.channel and clicked.user_id else None
