"""What Slack sends, read into dataclasses: messages, commands, shortcuts, emoji, Stop, thumbs.

Decides whether a message can be a question at all; asks neither Postgres nor Slack. Promises to raise nothing,
whatever Slack sends: what cannot be read is None.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from bot.slack.client import Payload
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.installation import origin
from bot.slack.interactions.feedback import feedback_form
from bot.slack.interactions.feedback.feedback_form import Thumb
from bot.slack.reading import enclosures, rich_text
from bot.slack.reading.enclosures import NOTHING, Enclosures
from bot.slack.reading.foreign_json import list_objects, to_id, to_object, to_string, to_ts

MAX_TEXT_CHARS = 12_000  # a longer text is no question; the worker says so
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
LEADING_MENTION = re.compile(rf"\s*{MENTION.pattern}")
REVISIONS = ("message_changed", "message_deleted")
MESSAGE_SUBTYPES = (None, "file_share", "thread_broadcast")  # the others report edits, joins and the like
SLACKBOT = "USLACKBOT"
STOP_EMOJI = "x"  # ❌, by which the asker stops an answer
_GREETING = r"(?:(?:hi|hey|hello|hallo|thanks|thank you|thx|danke|merci|cc|fyi)\b[\s,:!-]*)?"
_TO_OTHERS = re.compile(
    rf"^\s*{_GREETING}<[@!]|[,;:\n–-]\s*<@[^>]*>[\s.?!]*$", re.IGNORECASE
)  # begins or ends with a name


@dataclass(frozen=True)
class IncomingMessage:
    """A person's message: as written, and what it asks; ``is_reply`` if it is a reply in a thread.

    ``names_others`` if it mentions other people than the bot. ``enclosed`` is what it brings beside its text.
    """

    address: ReplyAddress
    text: str
    question: str
    is_mention: bool
    is_reply: bool
    names_others: bool = False
    enclosed: Enclosures = NOTHING

    @property
    def key(self) -> str:
        """Returns the delivery key, which is the same for an ``app_mention`` and its ``message`` twin."""
        return f"message:{self.address.team_id}:{self.address.channel}:{self.address.ts}"

    @property
    def origin(self) -> Origin:
        """Returns how it was asked, if it is a question."""
        if self.address.is_direct:
            return Origin.DIRECT
        if self.is_mention:
            return Origin.MENTION
        return Origin.THREAD if self.is_reply else Origin.CHANNEL

    @property
    def may_be_follow_up(self) -> bool:
        """Returns whether it is a reply in a thread that is not addressed to somebody else."""
        return self.is_reply and not self.is_to_others

    @property
    def is_to_others(self) -> bool:
        """Returns whether it begins or ends with somebody's name, or calls a group or everybody."""
        return _TO_OTHERS.search(self.text) is not None


@dataclass(frozen=True)
class EmojiAdded:
    """An emoji that a person put on a message."""

    address: ReplyAddress
    name: str

    @property
    def key(self) -> str:
        """Returns the delivery key: a message is asked about once, by whoever is first."""
        return f"reaction:{self.address.team_id}:{self.address.channel}:{self.address.ts}"


@dataclass(frozen=True)
class StopMark:
    """The ❌ that a person put on a message: their question, perhaps, or the answer to it."""

    address: ReplyAddress
    event_id: str

    @property
    def key(self) -> str:
        """Returns the delivery key: a mark that is delivered again must not stop what has begun again since."""
        return f"cross:{self.address.team_id}:{self.event_id}"


@dataclass(frozen=True)
class MessageShortcut:
    """A shortcut that a person chose at a message."""

    address: ReplyAddress
    enclosed: Enclosures
    trigger_id: str

    @property
    def key(self) -> str:
        """Returns the delivery key."""
        return f"shortcut:{self.address.team_id}:{self.trigger_id}"


@dataclass(frozen=True)
class MessageRevision:
    """A person's message that was edited; ``after`` is None where it was deleted.

    ``is_edit`` tells that Slack says so itself: it also tells of links that unfold as of a change.
    """

    before: IncomingMessage
    after: IncomingMessage | None
    is_edit: bool = False


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
        return f"stop:{self.address.team_id}:{self.event_id}"


@dataclass(frozen=True)
class ThumbClick:
    """A click on 👍 or 👎; ``trigger_id`` allows to open a form for three seconds."""

    turn_id: UUID
    thumb: Thumb
    user_id: str
    trigger_id: str | None


def parse_message(event: Payload, body: Payload) -> IncomingMessage | None:
    """Reads an ``app_mention`` or ``message`` event; returns None for bots' messages, for reports of changes, and
    for what is no message."""
    if event.get("subtype") not in MESSAGE_SUBTYPES or event.get("bot_id"):
        return None
    text = to_string(event.get("text"))[:MAX_TEXT_CHARS]
    address = _read_address(event, body)
    is_named = event.get("type") == "app_mention"
    bot = _find_addressee(text, body) if is_named else _bot_user(body)
    if address is None or address.user_id in (bot, SLACKBOT):
        return None
    written = rich_text.read(text, event.get("blocks"), is_bot=lambda user_id: user_id == bot)
    return IncomingMessage(
        address,
        text=text,
        question=written.question[:MAX_TEXT_CHARS],
        is_mention=written.is_mention or (bot is None and is_named),
        is_reply=address.thread_ts != address.ts,  # a root with replies names itself
        names_others=written.names_others,
        enclosed=enclosures.read_message(event),
    )


def parse_reaction(event: Payload, body: Payload) -> EmojiAdded | None:
    """Reads a ``reaction_added`` event; returns None for one on a file, by the bot or on its message."""
    address, bot = _read_marked(event, body), _bot_user(body)
    if address is None or bot in (address.user_id, event.get("item_user")) or address.user_id == SLACKBOT:
        return None
    name = to_string(event.get("reaction"))
    return EmojiAdded(address, name.partition("::")[0][:100]) if name else None  # without the tone of its skin


def parse_stop_mark(event: Payload, body: Payload) -> StopMark | None:
    """Reads the same event where the emoji is ❌; returns None for another one."""
    address = _read_marked(event, body) if event.get("reaction") == STOP_EMOJI else None
    return StopMark(address, to_string(body.get("event_id"))[:100]) if address else None


def parse_shortcut(body: Payload) -> MessageShortcut | None:
    """Reads a ``message_action``; returns None where Slack does not say which message it is about."""
    message, team = to_object(body.get("message")), origin.find_workspace(body)
    channel, user = (to_id(to_object(body.get(name)).get("id")) for name in ("channel", "user"))
    ts = to_ts(message.get("ts")) or to_ts(body.get("message_ts"))
    trigger_id = to_string(body.get("trigger_id"))[:200]
    if not (team and channel and user and ts and trigger_id):
        return None
    text = to_string(message.get("text"))[:MAX_TEXT_CHARS]
    written = rich_text.read(text, message.get("blocks"), is_bot=lambda user_id: False).question
    author = to_id(message.get("user")) or to_id(message.get("bot_id"))
    quoted = enclosures.QuotedMessage(channel, ts, written[: enclosures.TEXT_CHARS], author)
    brought = enclosures.read_message(message)
    enclosed = Enclosures(quoted, brought.forwarded, brought.files, brought.n_more)
    url = to_string(body.get("response_url")) or None
    address = ReplyAddress(team, channel, user, response_url=url, keeps_original=True)
    return MessageShortcut(address, enclosed, trigger_id)


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
    edits = [to_object(event.get(name)).get("edited") for name in ("message", "previous_message")]
    return MessageRevision(before, after, is_edit=bool(edits[0]) and edits[0] != edits[1])


def parse_command(body: Payload) -> SlashCommand | None:
    """Reads a slash command; returns None where Slack does not say who used it where."""
    team, channel, user = origin.find_workspace(body), to_id(body.get("channel_id")), to_id(body.get("user_id"))
    name, trigger_id = to_string(body.get("command"))[:100], to_string(body.get("trigger_id"))[:200]
    if not (team and channel and user and name and trigger_id):
        return None
    url = to_string(body.get("response_url")) or None
    question = to_string(body.get("text"))[:MAX_TEXT_CHARS].strip()
    return SlashCommand(ReplyAddress(team, channel, user, response_url=url), name, question, trigger_id)


def parse_stop(event: Payload, body: Payload) -> StopPress | None:
    """Reads an ``agent_session_stopped`` event; returns None where Slack does not say which thread is meant."""
    channel, user = to_id(event.get("channel")), to_id(event.get("user"))
    thread_ts, pressed_at = to_ts(event.get("thread_ts")), to_ts(event.get("event_ts"))
    if not (channel and user and thread_ts and pressed_at):
        return None
    address = ReplyAddress(origin.find_workspace(body), channel, user, thread_ts=thread_ts)
    return StopPress(address, to_string(body.get("event_id"))[:100], float(pressed_at))


def parse_click(body: Payload, action: Payload) -> ThumbClick | None:
    """Reads a click on a thumb; returns None for a button that is not ours."""
    try:
        thumb, turn_id = feedback_form.parse_click(to_string(action.get("value")))
    except ValueError:
        return None
    user_id = to_id(to_object(body.get("user")).get("id"))
    trigger_id = to_string(body.get("trigger_id"))[:200] or None
    return ThumbClick(turn_id, thumb, user_id, trigger_id) if user_id else None


def _parse_version(message: object, event: Payload, body: Payload) -> IncomingMessage | None:
    """Reads one version of a changed message, which lacks where it stands."""
    if not isinstance(message, dict):
        return None
    place = {name: event.get(name) for name in ("channel", "channel_type")}
    return parse_message({**message, **place, "type": "message"}, body)


def _read_address(event: Payload, body: Payload) -> ReplyAddress | None:
    channel, user, ts = to_id(event.get("channel")), to_id(event.get("user")), to_ts(event.get("ts"))
    if not (channel and user and ts):
        return None
    return ReplyAddress(
        team_id=origin.find_workspace(body) or to_id(event.get("team")),  # ours: the same for both twins
        channel=channel,
        user_id=user,
        ts=ts,
        thread_ts=to_ts(event.get("thread_ts")) or ts,
        is_direct=event.get("channel_type") == "im",
        asker_team_id=to_id(event.get("user_team")) or to_id(event.get("team")) or None,
    )


def _read_marked(event: Payload, body: Payload) -> ReplyAddress | None:
    """Reads which message an emoji was put on, and by whom."""
    item = to_object(event.get("item"))
    user, channel, ts = to_id(event.get("user")), to_id(item.get("channel")), to_ts(item.get("ts"))
    if item.get("type") != "message" or not (user and channel and ts):
        return None
    is_direct = channel.startswith("D")
    workspace, team = origin.find_workspace(body), to_id(body.get("team_id"))
    asker_team = team if origin.is_organisation(workspace) else None  # whom a stream is for, in one of its teams
    return ReplyAddress(
        workspace, channel, user, ts=ts, thread_ts=ts, is_direct=is_direct, asker_team_id=asker_team or None
    )


def _bot_user(body: Payload) -> str | None:
    first = next(list_objects(body.get("authorizations")), {})
    return to_id(first.get("user_id")) or None if first.get("is_bot", True) else None


def _find_addressee(text: str, body: Payload) -> str | None:
    """Returns whom an ``app_mention`` addresses.

    That is the bot; where Slack does not say who it is, whom the text begins with. In a channel of two companies
    that have both installed the app, Slack delivers a message once, maybe through the one whose bot it does not
    name: then it is whom the text mentions first, for nobody else hears of it.
    """
    bot = _bot_user(body)
    if bot is None:
        leading = LEADING_MENTION.match(text)
        return leading[1] if leading else None
    mentioned = MENTION.findall(text)
    is_of_another = body.get("is_ext_shared_channel") and mentioned and bot not in mentioned
    return str(mentioned[0]) if is_of_another else bot
