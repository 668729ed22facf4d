"""Messages that nobody asked for, reports and reminders: each is sent once, whatever crashes.

A row says that one was begun, before Slack is asked, and that it was sent. What was begun and not known to be sent
is looked for in the conversation first, by the mark that it carries. The caller owns a lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from agent.clock import now
from agent.store.database import Database
from bot.slack.block_kit import Message
from bot.slack.client import SlackClient
from bot.slack.interactions import marked_posts

EVENT = "docent_notice"  # of the mark


@dataclass(frozen=True)
class Notice:
    """A message that was begun; ``is_resumed`` tells that an earlier try may have sent it."""

    subject: str
    begun_at: datetime
    is_resumed: bool

    @property
    def mark(self) -> dict[str, object]:
        """Returns what the message carries."""
        payload = {"subject": self.subject, "begun_at": self.begun_at.isoformat()}
        return {"event_type": EVENT, "event_payload": payload}


_BEGIN = text("""
WITH earlier AS (SELECT begun_at, sent_at FROM notices WHERE subject = :subject)
INSERT INTO notices (subject, begun_at) VALUES (:subject, :now)
ON CONFLICT (subject) DO UPDATE
SET begun_at = CASE WHEN notices.sent_at IS NULL THEN notices.begun_at ELSE :now END, sent_at = NULL
WHERE notices.sent_at IS NULL OR notices.sent_at <= :sent_before
RETURNING begun_at, EXISTS (SELECT FROM earlier WHERE sent_at IS NULL) AS is_resumed
""")


def name_person(user_id: str, workspace: str = "") -> str:
    """Returns how subjects name a person: of many workspaces with theirs, in which alone an id is unique.

    >>> name_person("U1"), name_person("U1", "T1")
    ('U1', 'T1/U1')
    """
    return f"{workspace}/{user_id}" if workspace else user_id


def begin(database: Database, subject: str, *, again_after: timedelta | None = None) -> Notice | None:
    """Stores that a message is being sent; returns None where it was, unless that is ``again_after`` ago."""
    values = {"subject": subject, "now": now(), "sent_before": now() - again_after if again_after else None}
    with database.transaction() as transaction:
        row = transaction.execute(_BEGIN, values).one_or_none()
    return Notice(subject, row.begun_at, row.is_resumed) if row else None


def send(slack: SlackClient, notice: Notice, channel: str, message: Sequence[Message]) -> None:
    """Posts the message, unless it is there; raises :class:`agent.errors.ReplyError`."""
    sought_since = notice.begun_at if notice.is_resumed else None
    marked_posts.post(slack, message, channel=channel, thread_ts=None, mark=notice.mark, sought_since=sought_since)


_COMPLETE = text("UPDATE notices SET sent_at = :now WHERE subject = :subject")


def complete(database: Database, notice: Notice) -> None:
    """Stores that the message was sent, or that there was nothing to send."""
    with database.transaction() as transaction:
        transaction.execute(_COMPLETE, {"subject": notice.subject, "now": now()})
