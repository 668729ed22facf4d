"""The menu below the first answer of a thread, by which its owner chooses who is answered there without a mention.

Owns the JSON of the menu, in both directions, and what is stored of a choice. The owner is who asked first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from agent.store.database import Transaction
from agent.translation.speech import mark, say
from bot.slack.block_kit import Option, OverflowMenu, plain_text
from bot.slack.channels.channel_settings import FollowUps
from bot.slack.client import Payload
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions import clicked_message
from bot.slack.reading.foreign_json import to_object, to_string

ACTION = "docent_follow_ups"
AS_CHANNEL = "channel"
CHOICES: Sequence[tuple[str, str, str]] = (  # a value, what the menu calls it, what is said once it is chosen
    (
        FollowUps.ALWAYS,
        mark("Listen to everyone here"),
        mark("I answer everybody in this thread now, also without a mention."),
    ),
    (
        FollowUps.MENTION,
        mark("Only when mentioned"),
        mark("I answer in this thread only where I am mentioned now."),
    ),
    (FollowUps.MUTED, mark("Mute"), mark("I stay quiet in this thread now. The same menu lets me speak again.")),
    (
        AS_CHANNEL,
        mark("As usual in this channel"),
        mark("In this thread I answer as usual in this channel again."),
    ),
)
MUTED = mark(
    "I am muted in this thread. Whoever asked first in it can change that in the menu below my first answer; or "
    "mention me outside of the thread."
)
NOT_YOURS = mark("Only <@{owner}>, who asked first in this thread, can change that.")


@dataclass(frozen=True)
class MenuClick:
    """A choice in the menu; ``follow_ups`` is None for what is usual in the channel."""

    address: ReplyAddress
    follow_ups: FollowUps | None
    reply: str


@dataclass(frozen=True)
class ThreadChoice:
    """Whether a choice was stored, and whose choice it is: the thread's owner's."""

    is_stored: bool
    owner: str


def build() -> OverflowMenu:
    """Builds the menu."""
    options: list[Option] = [{"text": plain_text(say(label)), "value": str(value)} for value, label, _ in CHOICES]
    return {"type": "overflow", "action_id": ACTION, "options": options}


def parse_click(body: Payload, action: Payload) -> MenuClick | None:
    """Reads a choice; returns None for what is none of ours."""
    known = {str(value): say(reply) for value, _, reply in CHOICES}
    value = to_string(to_object(action.get("selected_option")).get("value"))
    clicked = clicked_message.read(body)
    if value not in known or clicked is None or not clicked.thread_ts:
        return None
    address = ReplyAddress(clicked.team, clicked.channel, clicked.user_id, thread_ts=clicked.thread_ts)
    return MenuClick(address, None if value == AS_CHANNEL else FollowUps(value), known[value])


_OWNER = text("""
SELECT user_id FROM turns JOIN sessions ON sessions.id = turns.session_id WHERE sessions.key = :key
ORDER BY seq LIMIT 1
""")
_STORE = text("""
INSERT INTO thread_settings (key, follow_ups, changed_by) VALUES (:key, :follow_ups, :changed_by)
ON CONFLICT (key) DO UPDATE
    SET follow_ups = excluded.follow_ups, changed_by = excluded.changed_by, changed_at = clock_timestamp()
""")


def store(
    transaction: Transaction, key: str, follow_ups: FollowUps | None, user_id: str, *, is_operator: bool = False
) -> ThreadChoice:
    """Stores a choice for the thread of a session's key, if it is the owner's or an operator's."""
    owner = transaction.scalar(_OWNER, {"key": key})
    if owner != user_id and not is_operator:
        return ThreadChoice(False, str(owner or ""))
    transaction.execute(_STORE, {"key": key, "follow_ups": follow_ups or "", "changed_by": user_id})
    return ThreadChoice(True, user_id)


_FORGET = text("""
DELETE FROM thread_settings WHERE changed_at < :before
AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.key = thread_settings.key)
""")


def forget_old(transaction: Transaction, before: datetime) -> None:
    """Deletes the choices of threads of which nothing else is stored any more."""
    transaction.execute(_FORGET, {"before": before})
