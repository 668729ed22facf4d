"""Scheduled questions in Postgres: who set up which, where, and when it is asked next.

Promises that the next time moves in the transaction that stores the question, so that each time is asked once,
however many clocks run and wherever one dies. One that is paused is asked no more until somebody resumes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.clock import new_id
from agent.errors import UserError
from agent.store import locks
from agent.store.database import Transaction, count_rows
from agent.translation.speech import mark, say
from bot.slack.intake.scheduled.recurrence import Recurrence

SESSION = "scheduled"  # begins the key of the session of each time that a question is asked
TOO_MANY_HERE = mark(
    "There are {n} scheduled questions here already, which is as many as may be. Remove one first: "
    "`{command} every list` shows them."
)
TOO_MANY_AT_ALL = mark(
    "There are {n} scheduled questions in this workspace already, which is as many as may be. Whoever runs me can "
    "raise DOCENT_SCHEDULED_PER_WORKSPACE."
)
NOT_ANY = mark("No questions can be scheduled here: whoever runs me has switched that off.")


class PauseReason(StrEnum):
    """Why a question is asked no more: ``scheduled_questions.paused``."""

    SETTER_LEFT = "setter_left"
    SETTER_NOT_HERE = "setter_not_here"
    CHANNEL_GONE = "channel_gone"
    CHANNEL_ARCHIVED = "channel_archived"
    NOT_INVITED = "not_invited"
    CHANNEL_MUTED = "channel_muted"  # it goes on by itself once the channel is not
    NOT_ALLOWED = "not_allowed"  # the channel wants members of other user groups to be answered
    REFUSED = "refused"  # Slack does not let the bot post there


@dataclass(frozen=True)
class ScheduledQuestion:
    """A question, under its number ``n`` in its channel. ``said`` is what was found to be said last."""

    id: UUID
    team: str
    channel: str
    n: int
    user_id: str
    question: str
    language: str
    recurrence: Recurrence
    zone: ZoneInfo
    next_at: datetime
    paused: PauseReason | None
    said: Mapping[str, Any] | None

    @property
    def is_direct(self) -> bool:
        """Returns whether it was set up in the direct messages with the bot."""
        return self.channel.startswith("D")

    def ask(self) -> str:
        """Returns what is asked."""
        return f"{self.question}\n\nPlease answer in {self.language}." if self.language else self.question

    def make_session(self, due: datetime) -> str:
        """Returns the key of the session in which it is asked at its time ``due``."""
        return f"{SESSION}:{self.id}:{int(due.timestamp())}"


@dataclass(frozen=True)
class SessionKey:
    """What the key of such a session says."""

    id: UUID
    due: float  # seconds since 1970


def parse_session(key: str | None) -> SessionKey | None:
    """Reads the key of a session; returns None for one of another kind."""
    kind, _, rest = (key or "").partition(":")
    id_, _, due = rest.partition(":")
    try:
        return SessionKey(UUID(id_), float(due)) if kind == SESSION else None
    except ValueError:
        return None


_COUNT = text("""
SELECT count(*), count(*) FILTER (WHERE channel = :channel),
       coalesce(max(n) FILTER (WHERE channel = :channel), 0) + 1
FROM scheduled_questions WHERE team = :team
""")
_INSERT = text("""
INSERT INTO scheduled_questions
    (id, team, channel, n, user_id, question, language, days, at, time_zone, next_at)
VALUES (:id, :team, :channel, :n, :user_id, :question, :language, :days, :at, :time_zone, :next_at)
""")


@dataclass(frozen=True)
class Bounds:
    """How many questions there may be."""

    per_channel: int = 10
    per_workspace: int = 100


def add(transaction: Transaction, question: ScheduledQuestion, bounds: Bounds, *, command: str) -> int:
    """Stores a new question; returns its number. Raises :class:`UserError` where there are too many."""
    locks.lock(transaction, f"{SESSION}:{question.team}")
    place = {"team": question.team, "channel": question.channel}
    n_at_all, n_here, n = transaction.execute(_COUNT, place).one()
    if not (bounds.per_channel and bounds.per_workspace):
        raise UserError(say(NOT_ANY))
    if n_here >= bounds.per_channel:
        raise UserError(say(TOO_MANY_HERE, n=n_here, command=command))
    if n_at_all >= bounds.per_workspace:
        raise UserError(say(TOO_MANY_AT_ALL, n=n_at_all))
    values = {
        "id": question.id,
        "n": n,
        "user_id": question.user_id,
        "question": question.question,
        "language": question.language,
        "days": sorted(question.recurrence.days),
        "at": question.recurrence.at,
        "time_zone": question.zone.key,
        "next_at": question.next_at,
    }
    transaction.execute(_INSERT, place | values)
    return int(n)


_COLUMNS = """SELECT id, team, channel, n, user_id, question, language, days, at, time_zone, next_at, paused, said
FROM scheduled_questions"""
_HERE = text(f"{_COLUMNS} WHERE team = :team AND channel = :channel ORDER BY n")
_ONE = text(f"{_COLUMNS} WHERE id = :id")
_IN = "(:team = '' OR team = :team)"
_DUE = text(f"{_COLUMNS} WHERE paused IS NULL AND next_at <= :moment AND {_IN} ORDER BY next_at LIMIT :limit")
_UNTOLD = text(
    f"{_COLUMNS} WHERE paused IS NOT NULL AND NOT is_pause_told AND {_IN} ORDER BY next_at LIMIT :limit"
)
_IS_UNMUTED = """paused = 'channel_muted' AND NOT coalesce((
    SELECT settings -> 'muted' = 'true' FROM channel_settings AS s
    WHERE s.team = scheduled_questions.team AND s.channel = scheduled_questions.channel
    ORDER BY version DESC LIMIT 1), false)"""
_UNMUTED = text(f"{_COLUMNS} WHERE {_IS_UNMUTED} AND {_IN} ORDER BY next_at LIMIT :limit")
_BUSY = text(f"""
SELECT DISTINCT team FROM scheduled_questions
WHERE (paused IS NULL AND next_at <= :moment) OR (paused IS NOT NULL AND NOT is_pause_told) OR {_IS_UNMUTED}
""")


def list_here(transaction: Transaction, team: str, channel: str) -> list[ScheduledQuestion]:
    """Lists the questions of a channel by number."""
    return _read(transaction, _HERE, team=team, channel=channel)


def load(transaction: Transaction, id_: UUID) -> ScheduledQuestion | None:
    """Loads a question; None for one that was removed."""
    found = _read(transaction, _ONE, id=id_)
    return found[0] if found else None


def list_workspaces(transaction: Transaction, moment: datetime) -> list[str]:
    """Lists the workspaces in which a question is due, or may go on, or nobody was told yet that one is paused."""
    return list(transaction.scalars(_BUSY, {"moment": moment}))


def list_due(transaction: Transaction, moment: datetime, *, limit: int, team: str = "") -> list[ScheduledQuestion]:
    """Lists the questions whose time has come, those that wait longest first; those of one workspace, where it is
    named."""
    return _read(transaction, _DUE, moment=moment, limit=limit, team=team)


def list_untold(transaction: Transaction, *, limit: int, team: str = "") -> list[ScheduledQuestion]:
    """Lists the paused questions of which nobody was told yet that they are; those of one workspace, where it is
    named."""
    return _read(transaction, _UNTOLD, limit=limit, team=team)


def list_unmuted(transaction: Transaction, *, limit: int, team: str = "") -> list[ScheduledQuestion]:
    """Lists the questions that were paused because their channel was muted, which it is not any more."""
    return _read(transaction, _UNMUTED, limit=limit, team=team)


_ADVANCE = text("""
UPDATE scheduled_questions SET next_at = :next_at, time_zone = :time_zone
WHERE id = :id AND next_at = :due AND paused IS NULL
""")
_PAUSE = text("""
UPDATE scheduled_questions SET paused = :reason, is_pause_told = false WHERE id = :id AND paused IS NULL
""")
_NOTE_TOLD = text("UPDATE scheduled_questions SET is_pause_told = true WHERE id = :id")
_RESUME = text("UPDATE scheduled_questions SET paused = NULL, next_at = :next_at WHERE id = :id")
_REMOVE = text("DELETE FROM scheduled_questions WHERE id = :id")
_NOTE_SAID = text("UPDATE scheduled_questions SET said = :said WHERE id = :id").bindparams(
    bindparam("said", type_=JSONB)
)


def advance(transaction: Transaction, question: ScheduledQuestion, next_at: datetime, zone: ZoneInfo) -> bool:
    """Moves a question on to its next time; returns False where another clock has done it, or it was paused."""
    values = {"id": question.id, "due": question.next_at, "next_at": next_at, "time_zone": zone.key}
    return count_rows(transaction, _ADVANCE, values) == 1


def pause(transaction: Transaction, id_: UUID, reason: PauseReason) -> None:
    """Asks a question no more; the clock says so."""
    transaction.execute(_PAUSE, {"id": id_, "reason": reason})


def note_told(transaction: Transaction, id_: UUID) -> None:
    """Stores that somebody was told that a question is paused."""
    transaction.execute(_NOTE_TOLD, {"id": id_})


def resume(transaction: Transaction, id_: UUID, next_at: datetime) -> None:
    """Asks a paused question again from then on."""
    transaction.execute(_RESUME, {"id": id_, "next_at": next_at})


def remove(transaction: Transaction, id_: UUID) -> None:
    """Deletes a question."""
    transaction.execute(_REMOVE, {"id": id_})


def note_said(transaction: Transaction, id_: UUID, said: Mapping[str, Any]) -> None:
    """Stores what the answer that was posted says, for the next one to be compared with."""
    transaction.execute(_NOTE_SAID, {"id": id_, "said": dict(said)})


def make(
    *,
    team: str,
    channel: str,
    user_id: str,
    question: str,
    language: str,
    recurrence: Recurrence,
    zone: ZoneInfo,
    after: datetime,
) -> ScheduledQuestion:
    """Makes a new question, which is asked for the first time after a moment; it has no number yet."""
    next_at = recurrence.find_next(after, zone)
    return ScheduledQuestion(
        new_id(), team, channel, 0, user_id, question, language, recurrence, zone, next_at, None, None
    )


def _read(transaction: Transaction, query: Any, **values: object) -> list[ScheduledQuestion]:
    rows = transaction.execute(query, values)
    return [
        ScheduledQuestion(
            id=row.id,
            team=row.team,
            channel=row.channel,
            n=row.n,
            user_id=row.user_id,
            question=row.question,
            language=row.language,
            recurrence=Recurrence(frozenset(row.days), row.at),
            zone=_read_zone(row.time_zone),
            next_at=row.next_at,
            paused=_read_reason(row.paused) if row.paused else None,
            said=row.said,
        )
        for row in rows
    ]


def _read_zone(key: str) -> ZoneInfo:
    """Returns a zone; UTC for one that only another machine knows: it is looked up anew before each asking."""
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _read_reason(written: str) -> PauseReason:
    """Returns a reason; of those that only another release knows, that Slack refuses something."""
    return PauseReason(written) if written in set(PauseReason) else PauseReason.REFUSED
