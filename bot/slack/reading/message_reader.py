"""Looks up single messages of Slack, with the first replies where the message begins a thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.text import shorten
from bot.slack.client import Payload, SlackClient, SlackRefused
from bot.slack.reading import enclosures, rich_text
from bot.slack.reading.enclosures import Enclosures
from bot.slack.reading.foreign_json import list_objects, to_object, to_string
from ingest import slack_markup

N_MESSAGES = 20  # of a thread whose first message is looked up
TEXT_BLOCKS = {"section", "header", "markdown"}


@dataclass(frozen=True)
class FoundMessage:
    """A message as it stands in Slack; ``thread_ts`` is its own where it begins a thread."""

    ts: str
    thread_ts: str
    user: str
    text: str
    enclosed: Enclosures
    payload: Payload

    @property
    def said_at(self) -> str:
        """Returns when it was written, in UTC."""
        return format_time(self.ts)


def read(slack: SlackClient, channel: str, ts: str, deadline: float) -> list[FoundMessage]:
    """Returns the message, and the replies that follow it if it begins a thread; nothing if it is gone.

    Raises :class:`agent.errors.ReplyError`.
    """
    arguments = {"channel": channel, "ts": ts, "limit": N_MESSAGES}
    try:
        page = slack.call("conversations.replies", is_repeatable=True, deadline=deadline, **arguments)
    except SlackRefused as error:
        if error.code in ("thread_not_found", "message_not_found"):
            return []
        raise
    messages = [_parse(message) for message in list_objects(page.get("messages"))]
    if not any(message.ts == ts for message in messages):
        return []
    return [message for message in messages if message.ts >= ts]


def read_text(message: Mapping[str, object], names: Mapping[str, str] | None = None) -> str:
    """Returns what a message says as a person reads it, else what its blocks and attachments do."""

    def name(user: str, label: str) -> str:
        return f"@{(names or {}).get(user) or label or user}"

    blocks = list(list_objects(message.get("blocks")))
    text = slack_markup.to_text(to_string(message.get("text")), name).strip()
    if text:
        return text
    written = rich_text.read("", blocks, is_bot=lambda user_id: False).question
    texts = [block.get("text") for block in blocks if block.get("type") in TEXT_BLOCKS]
    plain = [to_object(one).get("text") if isinstance(one, dict) else one for one in texts]
    attached = [part.get("fallback") or part.get("text") for part in list_objects(message.get("attachments"))]
    every = "\n".join(str(one) for one in [written, *plain, *attached] if one)
    return slack_markup.to_text(every, name).strip()


def format_time(ts: str) -> str:
    """Returns a ``ts`` as a time in UTC; an empty text for one that is none."""
    try:
        return datetime.fromtimestamp(float(ts), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _parse(message: Mapping[str, object]) -> FoundMessage:
    ts = to_string(message.get("ts"))
    return FoundMessage(
        ts=ts,
        thread_ts=to_string(message.get("thread_ts")) or ts,
        user=to_string(message.get("user")) or to_string(message.get("bot_id")),
        text=shorten(read_text(message), enclosures.TEXT_CHARS),
        enclosed=enclosures.read_message(message),
        payload=dict(message),
    )
