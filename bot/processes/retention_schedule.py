"""How long the record of a turn is kept: for ever, or ``DOCENT_RETENTION_DAYS``; the rest goes once a night.

What the clock knows of nights is derived, not stored: the moment before which everything goes moves by a day at
three in the morning, so a night that was missed is made up for as soon as a clock runs again.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from agent.errors import UserError
from agent.store import retention
from agent.store.database import Database
from agent.store.retention import Pruned
from bot.slack import inbox

NIGHT_HOUR = 3
LOOK_AGAIN_SECONDS = 60.0
PATIENCE_SECONDS = 60.0  # of a command, while a clock or a step is at it
PAUSE_SECONDS = 0.2


def last_night(moment: datetime, zone: ZoneInfo) -> datetime:
    """The latest three o'clock in the morning, there."""
    here = moment.astimezone(zone)
    night = here.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= here else night - timedelta(days=1)


@dataclass
class RetentionSchedule:
    """The clock's part: one small batch at a time, between two sweeps."""

    database: Database
    zone: ZoneInfo
    days: int | None
    look_at: float = 0.0  # time.monotonic() seconds
    is_healthy: bool = True

    def tick(self) -> Pruned:
        """Deletes the next batch where one is due; looks for one once a minute, after one at once."""
        if self.days is None or time.monotonic() < self.look_at:
            return Pruned()
        self.look_at = time.monotonic() + LOOK_AGAIN_SECONDS
        pruned = self._pruned(now() - timedelta(days=self.days))
        if pruned:
            self.look_at = 0.0
            observability.log.info("pruned", n_turns=pruned.n_turns, n_sessions=pruned.n_sessions)
        return pruned or Pruned()

    def _pruned(self, before: datetime) -> Pruned | None:
        try:
            pruned = _batch(self.database, last_night(before, self.zone), self.zone)
            self.is_healthy = True
        except SQLAlchemyError as error:
            if self.is_healthy:  # once, not every minute
                observability.report(error, event="prune_failed")
            self.is_healthy = False
            return None
        return pruned


def prune(database: Database, *, before: datetime, zone: ZoneInfo) -> Pruned:
    """Deletes everything that ended before ``before``, batch by batch."""
    total, give_up = Pruned(), time.monotonic() + PATIENCE_SECONDS
    while True:
        pruned = _batch(database, before, zone)
        if pruned is None and time.monotonic() > give_up:
            raise UserError(f"Others have been deleting or writing without a pause. So far: {describe(total)}.")
        if pruned is None:
            time.sleep(PAUSE_SECONDS)
            continue
        if not pruned:
            return total
        total, give_up = total + pruned, time.monotonic() + PATIENCE_SECONDS


def describe(pruned: Pruned) -> str:
    """In words."""
    counts = {
        "turn": pruned.n_turns,
        "session": pruned.n_sessions,
        "stored message": pruned.n_bodies,
        "budget": pruned.n_budgets,
    }
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n) or "nothing"


def _batch(database: Database, before: datetime, zone: ZoneInfo) -> Pruned | None:
    day = before.astimezone(zone).date()
    return retention.prune(database, before=before, day=day, forget=inbox.forget)
