"""What Slack sends, read into dataclasses: messages, commands, presses of Stop, clicks on a thumb.

Decides whether a message can be a question at all; asks neither Postgres nor Slack.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from bot.slack import rich_text
from bot.slack.client import Payload
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.interactions import feedback_form
from bot.slack.interactions.feedback_form import Thumb

MAX_TEXT_CHARS = 12_000  # a longer text is no question; the worker says so
LEADING_MENTION = re.compile(r"\s*<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
REVISIONS = {"message_changed", "message_deleted"}
MESSAGE_SUBTYPES = {None, "file_share", "thread_broadcast"}  # the others report edits, joins and the like


@dataclass(frozen=True)
class IncomingMessage:
    """A person's message: as written, and what it asks; ``is_reply`` if it is a reply in a thread."""

    address: ReplyAddress
    text: str
    question: str
    is_mention: bool
    is_reply: bool

    @property
    def key(self) -> str:
        """Returns the delivery key, which is the same for an ``app_mention`` and its ``message`` twin."""
        return f"message:{self.address.team_id}:{self.address.channel}:{self.address.ts}"

    @property
    def origin(self) -> Origin:
        """Returns how it was asked, if it is a question."""
        if self.address.is_direct:
            return Origin.DIRECT
        return Origin.MENTION if self.is_mention else Origin.THREAD

    @property
    def may_be_follow_up(self) -> bool:
        """Returns whether it is a reply in a thread that is not addressed to somebody else."""
        return self.is_reply and not self.text.lstrip().startswith(("<@", "<!"))


@dataclass(frozen=True)
class MessageRevision:
    """A person's message that was edited; ``after`` is None where it was deleted."""

    before: IncomingMessage
    after: IncomingMessage | None


@dataclass(frozen=True)
class SlashCommand:
    """``/ask``, or the name that the manifest gives it."""

    address: ReplyAddress
    name: str
    question: str
    trigger_id: str

    @property
    def key(self) -> str:
        """Returns the delivery key."""
        return f"command:{self.address.team_id}:{self.trigger_id}"


@dataclass(frozen=True)
class StopPress:
    """A press of the Stop button in a thread; ``pressed_at`` is in seconds since 1970."""

    address: ReplyAddress
    event_id: str
    pressed_at: float

    @property
    def key(self) -> str:
        """Returns the delivery key: a press that is delivered again must not stop the next question."""
        return f"stop:{self.event_id}"


@dataclass(frozen=True)
class ThumbClick:
    """A click on 👍 or 👎; ``trigger_id`` allows to open a form for three seconds."""

    turn_id: UUID
    thumb: Thumb
    user_id: str
    trigger_id: str | None


def parse_message(event: Payload, body: Payload) -> IncomingMessage | None:
    """Reads an ``app_mention`` or ``message`` event; returns None for bots' messages and for reports of
    changes."""
    if event.get("subtype") not in MESSAGE_SUBTYPES or event.get("bot_id") or not event.get("user"):
        return None
    text = str(event.get("text") or "")[:MAX_TEXT_CHARS]
    address = ReplyAddress(
        team_id=str(body.get("team_id") or event.get("team") or ""),  # ours: the same for both twins
        channel=event["channel"],
        user_id=event["user"],
        ts=event["ts"],
        thread_ts=event.get("thread_ts") or event["ts"],
        is_direct=event.get("channel_type") == "im",
        asker_team_id=event.get("user_team") or event.get("team"),
    )
    is_named = event["type"] == "app_mention"
    bot = _bot_user(body) or (_leading_mention(text) if is_named else None)
    written = rich_text.read(text, event.get("blocks") or (), is_bot=lambda user_id: user_id == bot)
    return IncomingMessage(
        address,
        text=text,
        question=written.question[:MAX_TEXT_CHARS],
        is_mention=written.is_mention or (bot is None and is_named),
        is_reply=event.get("thread_ts") not in (None, event["ts"]),  # a root with replies names itself
    )


def parse_revision(event: Payload, body: Payload) -> MessageRevision | None:
    """Reads a ``message_changed`` or ``message_deleted``; returns None where no person changed what they said.

    Links that unfold, replies that are counted and the bot's own edits come as changes, too. A deleted message
    that has replies comes as one that changed into a tombstone.
    """
    before = _parse_version(event.get("previous_message"), event, body)
    if before is None:
        return None
    after = _parse_version(event.get("message"), event, body)
    if after and (after.question, after.is_mention) == (before.question, before.is_mention):
        return None
    return MessageRevision(before, after)


def parse_command(body: Payload) -> SlashCommand:
    """Reads a slash command."""
    address = ReplyAddress(
        team_id=body["team_id"],
        channel=body["channel_id"],
        user_id=body["user_id"],
        response_url=body.get("response_url"),
    )
    question = str(body.get("text") or "").strip()
    return SlashCommand(address, body["command"], question, body["trigger_id"])


def parse_stop(event: Payload, body: Payload) -> StopPress:
    """Reads an ``agent_session_stopped`` event."""
    address = ReplyAddress(
        team_id=str(body.get("team_id") or ""),
        channel=event["channel"],
        user_id=event["user"],
        thread_ts=event["thread_ts"],
    )
    return StopPress(address, str(body.get("event_id")), float(event["event_ts"]))


def parse_click(body: Payload, action: Payload) -> ThumbClick | None:
    """Reads a click on a thumb; returns None for a button that is not ours."""
    try:
        thumb, turn_id = feedback_form.parse_click(str(action.get("value") or ""))
    except ValueError:
        return None
    return ThumbClick(turn_id, thumb, body["user"]["id"], body.get("trigger_id"))


def _parse_version(message: Payload | None, event: Payload, body: Payload) -> IncomingMessage | None:
    """Reads one version of a changed message, which lacks where it stands."""
    if not message:
        return None
    place = {name: event.get(name) for name in ("channel", "channel_type")}
    return parse_message({**message, **place, "type": "message"}, body)


def _bot_user(body: Payload) -> str | None:
    authorizations = body.get("authorizations") or [{}]
    user_id = authorizations[0].get("user_id") if authorizations[0].get("is_bot", True) else None
    return str(user_id) if user_id else None


def _leading_mention(text: str) -> str | None:
    """Returns whom the text begins with: the bot, where Slack does not say who it is."""
    mention = LEADING_MENTION.match(text)
    return mention[1] if mention else None
