"""What a restoration from a backup has lost: which messages were asked, and answered, after the backup was made.

Slack's history still has them. A question in it that an answer of the bot follows is not missed; without this, the
search for missed questions would answer it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import text

from agent.store.database import Transaction
from bot.slack.client import Payload

MARGIN_SECONDS = 60.0  # between a question in Slack, and in the record

_LATEST = text("""
SELECT extract(epoch FROM taken_at), extract(epoch FROM restored_at) FROM restorations
ORDER BY restored_at DESC LIMIT 1
""")


@dataclass(frozen=True)
class LostRecord:
    """From when to when the record knows nothing, in seconds since 1970."""

    since: float = 0.0
    until: float = 0.0

    def was_answered(
        self, message: Payload, messages: Iterable[Payload], is_own: Callable[[Payload], bool]
    ) -> bool:
        """Returns whether a message of that time is followed by one of the bot's in its thread."""
        ts = float(message["ts"])
        if not self.since < ts < self.until:
            return False
        thread = message.get("thread_ts") or message["ts"]
        replies = (other for other in messages if other.get("thread_ts") == thread and float(other["ts"]) > ts)
        return any(map(is_own, replies))


def load(transaction: Transaction) -> LostRecord:
    """Loads what the latest restoration has lost; nothing where there was none."""
    row = transaction.execute(_LATEST).one_or_none()
    return LostRecord(float(row[0]) - MARGIN_SECONDS, float(row[1])) if row else LostRecord()
