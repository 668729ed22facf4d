"""Deletes the record of turns that are older than ``DOCENT_RETENTION_DAYS``, once a night; by default none.

Keeps no state of its own: the moment before which everything is deleted moves by a day at three in the morning, so
a missed night is made up for as soon as a clock runs again. What is deleted: see :mod:`agent.store.retention`.
"""

import time
from collections.abc import Callable
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
from bot.slack.channels import thread_menu

NIGHT_HOUR = 3
CHECK_SECONDS = 60.0
GIVE_UP_SECONDS = 60.0  # of the command, while others delete or write
PAUSE_SECONDS = 0.2


def last_night(moment: datetime, zone: ZoneInfo) -> datetime:
    """Returns the latest three o'clock in the morning in the zone."""
    local = moment.astimezone(zone)
    night = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= local else night - timedelta(days=1)


@dataclass
class RetentionSchedule:
    """The clock's part: deletes one small batch between two sweeps. ``days`` None: nothing is deleted."""

    database: Database
    zone: ZoneInfo
    days: int | None
    next_check_at: float = 0.0  # time.monotonic() seconds
    is_healthy: bool = True

    def tick(self) -> Pruned:
        """Deletes the next batch if one is due: checks once a minute, and at once after a batch."""
        if self.days is None or time.monotonic() < self.next_check_at:
            return Pruned()
        self.next_check_at = time.monotonic() + CHECK_SECONDS
        pruned = self._prune(now() - timedelta(days=self.days))
        if pruned:
            self.next_check_at = 0.0
            observability.log.info("pruned", n_turns=pruned.n_turns, n_sessions=pruned.n_sessions)
        return pruned or Pruned()

    def _prune(self, before: datetime) -> Pruned | None:
        try:
            pruned = _prune_batch(self.database, last_night(before, self.zone), self.zone)
            self.is_healthy = True
        except SQLAlchemyError as error:
            if self.is_healthy:  # once, not every minute
                observability.report(error, event="prune_failed")
            self.is_healthy = False
            return None
        return pruned


def prune(
    database: Database, *, before: datetime, zone: ZoneInfo, sleep: Callable[[float], None] = time.sleep
) -> Pruned:
    """Deletes everything that ended before ``before``, batch by batch.

    Raises :class:`UserError` if others delete or write for a minute without a pause.
    """
    return repeat(lambda: _prune_batch(database, before, zone), sleep)


def repeat(prune_batch: Callable[[], Pruned | None], sleep: Callable[[float], None] = time.sleep) -> Pruned:
    """Deletes batch by batch until one is empty; raises as :func:`prune`."""
    total, give_up_at = Pruned(), time.monotonic() + GIVE_UP_SECONDS
    while True:
        pruned = prune_batch()
        if pruned is None and time.monotonic() > give_up_at:
            raise UserError(
                f"Other processes have deleted or written for {GIVE_UP_SECONDS:.0f} seconds without a pause. "
                f"Deleted so far: {describe(total)}. Try again later."
            )
        if pruned is None:
            sleep(PAUSE_SECONDS)
            continue
        if not pruned:
            return total
        total, give_up_at = total + pruned, time.monotonic() + GIVE_UP_SECONDS


def describe(pruned: Pruned) -> str:
    """Says in words what was deleted."""
    counts = {
        "turn": pruned.n_turns,
        "session": pruned.n_sessions,
        "stored message": pruned.n_bodies,
        "budget": pruned.n_budgets,
    }
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n) or "nothing"


def _prune_batch(database: Database, before: datetime, zone: ZoneInfo) -> Pruned | None:
    day = before.astimezone(zone).date()
    pruned = retention.prune(database, before=before, day=day, forget=inbox.forget)
    if pruned is not None and not pruned:  # the last batch: the choices of threads that are gone go with them
        with database.transaction() as transaction:
            thread_menu.forget_old(transaction, before)
    return pruned
