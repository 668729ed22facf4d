"""What a person asked and rated of late, for their eyes alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from agent.store.database import Transaction

MAX_QUESTIONS, MAX_RATED = 8, 5


@dataclass(frozen=True)
class Place:
    """Where a message of Slack stands; ``ts`` is empty for what was asked by a command."""

    channel: str
    ts: str = ""
    thread_ts: str = ""

    def link(self, workspace_url: str) -> str:
        """Returns the message's address; empty where it has none.

        >>> Place("C1", "17.000200", "16.000100").link("https://acme.slack.com/")
        'https://acme.slack.com/archives/C1/p17000200?thread_ts=16.000100&cid=C1'
        """
        if not (workspace_url and self.channel and self.ts):
            return ""
        address = f"{workspace_url}archives/{self.channel}/p{self.ts.replace('.', '')}"
        is_reply = self.thread_ts and self.thread_ts != self.ts
        return f"{address}?thread_ts={self.thread_ts}&cid={self.channel}" if is_reply else address


@dataclass(frozen=True)
class OwnQuestion:
    """A question of theirs: how it ended, and how they rated the answer (1, -1, or None)."""

    question: str
    place: Place
    status: str
    reason: str | None
    error_id: str | None
    asked_at: datetime
    rating: int | None


@dataclass(frozen=True)
class OwnRating:
    """An answer that they rated; ``question`` is empty where somebody else had asked it."""

    rating: int
    comment: str
    question: str
    place: Place
    rated_at: datetime


_PLACE = """
(SELECT jsonb_build_array(place ->> 'channel', place ->> 'ts', place ->> 'thread_ts') FROM deliveries
 WHERE turn_id = turns.id ORDER BY id LIMIT 1)
"""
_QUESTIONS = text(f"""
SELECT question, {_PLACE}, status, reason, error_id, turns.created_at,
       (SELECT rating FROM feedback WHERE feedback.turn_id = turns.id AND feedback.user_id = :user_id)
FROM turns WHERE user_id = :user_id AND workspace = :team AND reason IS DISTINCT FROM 'withdrawn'
ORDER BY turns.created_at DESC LIMIT {MAX_QUESTIONS}
""")
_RATED = text(f"""
SELECT rating, coalesce(comment, ''), CASE WHEN turns.user_id = :user_id THEN question ELSE '' END, {_PLACE},
       feedback.updated_at
FROM feedback JOIN turns ON turns.id = feedback.turn_id
WHERE feedback.user_id = :user_id AND workspace = :team ORDER BY feedback.updated_at DESC LIMIT {MAX_RATED}
""")


def load_questions(transaction: Transaction, *, team: str, user_id: str) -> list[OwnQuestion]:
    """Loads the last questions of a person, the newest first."""
    rows = transaction.execute(_QUESTIONS, {"team": team, "user_id": user_id})
    return [OwnQuestion(row[0], _to_place(row[1]), *row[2:]) for row in rows]


def load_ratings(transaction: Transaction, *, team: str, user_id: str) -> list[OwnRating]:
    """Loads the last ratings of a person, the newest first."""
    rows = transaction.execute(_RATED, {"team": team, "user_id": user_id})
    return [OwnRating(row[0], row[1], row[2], _to_place(row[3]), row[4]) for row in rows]


def _to_place(values: Any) -> Place:
    return Place(*(value or "" for value in values)) if values else Place("")
