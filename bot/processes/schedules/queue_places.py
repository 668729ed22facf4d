"""Tells people whose questions wait for a worker where these are in the queue, in the status below their threads.

Promises few calls: one look at Postgres and at most ``STATUSES_PER_LOOK`` calls to Slack every ``LOOK_SECONDS``,
and none while earlier ones are still on their way. Who was never told comes first. A question that waits for
another of its own thread is left out: the thread has one status. A place that arrived after the answer, which was
quick, is taken away with the next look. Each clock tells for itself.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agent.store.database import Database
from agent.store.tables import IS_OPEN
from agent.translation import speech
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.interactions.notifications import Notifications
from bot.slack.membership import locales

WAIT_SECONDS = 1.0  # an ordinary question is taken before, and nobody needs to be told
LOOK_SECONDS = 2.0
STATUSES_PER_LOOK = 10
CHANGE_SECONDS = 10.0  # a place that changed is told again
LATELY_SECONDS = 3 * LOOK_SECONDS  # a call took no longer, or the next look waited for it
REPEAT_SECONDS = 60.0  # one that did not, too: Slack clears a status after two minutes


@dataclass(frozen=True)
class QueuePlace:
    """A question that waits, and how many are before it; None for one that has ended since it was told."""

    turn_id: UUID
    n_before: int | None
    address: ReplyAddress
    locale: str = ""  # of who asked


@dataclass(frozen=True)
class _Told:
    n_before: int | None
    at: float  # time.monotonic() seconds


class QueuePlaces:
    """The clock's part: looks who waits, and tells them."""

    def __init__(
        self,
        database: Database,
        notifications: Notifications | Callable[[str], Notifications],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``notifications`` may tell which are a workspace's, where there are many."""
        find = (lambda _: notifications) if isinstance(notifications, Notifications) else notifications
        self._find: Callable[[str], Notifications] = find
        self._database, self._clock = database, clock
        self._told: dict[UUID, _Told] = {}
        self._calls: list[Future[None]] = []
        self._next_at = 0.0

    def tick(self) -> None:
        """Looks, if it is time to, and tells those whose turn it is to be told."""
        now = self._clock()
        if now < self._next_at or not all(call.done() for call in self._calls):
            return
        self._next_at = now + LOOK_SECONDS
        lately = [turn_id for turn_id, told in self._told.items() if now - told.at <= LATELY_SECONDS]
        places = self._read(lately)
        waiting = {place.turn_id for place in places if place.n_before is not None}
        due = sorted((place for place in places if self._is_due(place, now)), key=self._rank)[:STATUSES_PER_LOOK]
        self._calls = [self._show(place) for place in due]
        self._told = {turn_id: told for turn_id, told in self._told.items() if turn_id in waiting}
        self._told |= {place.turn_id: _Told(place.n_before, now) for place in due if place.turn_id in waiting}

    def _show(self, place: QueuePlace) -> "Future[None]":
        with speech.speak(locales.choose(place.locale)):
            return self._find(place.address.team_id).show_place(place.address, place.n_before)

    def _is_due(self, place: QueuePlace, now: float) -> bool:
        told = self._told.get(place.turn_id)
        if told is None or place.n_before is None:
            return True
        return now - told.at >= (REPEAT_SECONDS if told.n_before == place.n_before else CHANGE_SECONDS)

    def _rank(self, place: QueuePlace) -> tuple[bool, float, int]:
        told = self._told.get(place.turn_id)
        return place.n_before is not None, (told.at if told else 0.0), place.n_before or 0

    def _read(self, lately: Sequence[UUID]) -> list[QueuePlace]:
        """Reads who waits, and which of those who were told ``lately`` have ended."""
        with self._database.transaction() as transaction:
            rows = transaction.execute(_WAITING, {"wait_seconds": WAIT_SECONDS, "lately": list(lately)}).all()
        return [QueuePlace(row.id, row.n_before, ReplyAddress(**row.place), row.locale or "") for row in rows]


_WAITING = text(f"""
WITH first AS (
    SELECT DISTINCT ON (session_id) session_id, id, status, run_after, created_at, origin
    FROM turns WHERE {IS_OPEN} ORDER BY session_id, seq
), waiting AS (
    SELECT id, created_at, origin, row_number() OVER (ORDER BY id) - 1 AS n_before FROM first
    WHERE status = 'queued' AND run_after <= now()
)
SELECT waiting.id, n_before, place, (
    SELECT locale FROM slack_locales WHERE workspace = place ->> 'team_id' AND user_id = place ->> 'user_id'
) AS locale FROM waiting JOIN deliveries ON deliveries.turn_id = waiting.id
WHERE created_at <= now() - make_interval(secs => :wait_seconds) AND place ->> 'thread_ts' IS NOT NULL
  AND origin <> '{Origin.CHANNEL}'  -- nobody waits for an answer to what was not asked
UNION ALL
SELECT turns.id, NULL, place, NULL FROM turns JOIN deliveries ON deliveries.turn_id = turns.id
WHERE turns.id = ANY(:lately) AND place ->> 'thread_ts' IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM first WHERE first.session_id = turns.session_id)
ORDER BY n_before
""")
