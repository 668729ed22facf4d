"""The clock's weekly report: once it is due, it is made on a thread of its own, until it is made.

One process makes it at a time. Whether a week has its report is known to what makes it; here it is remembered, so
that nobody is asked every minute. A report that a stopped clock missed is made when it starts again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from agent.errors import ReplyError
from agent.store import locks
from agent.store.database import Database

CHECK_SECONDS = 60.0
RETRY_SECONDS = 600.0  # after a failure: of Slack, or of a channel that the bot was not invited to
LOCK = "report"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class ReportTime:
    """The weekday and hour of a report in the operator's time zone."""

    weekday: str
    hour: int
    zone: ZoneInfo

    def find_due(self, moment: datetime) -> datetime:
        """Returns the latest such time that is not after the moment."""
        local = moment.astimezone(self.zone)
        days = (local.weekday() - WEEKDAYS.index(self.weekday)) % 7
        due = local.replace(hour=self.hour, minute=0, second=0, microsecond=0) - timedelta(days=days)
        return due if due <= local else due - timedelta(days=7)


class ReportSchedule:
    """Makes the report of each week by ``publish``, which may be called again for the same week."""

    def __init__(
        self,
        database: Database,
        report_time: ReportTime,
        publish: Callable[[datetime], None],
        *,
        clock: Callable[[], datetime] = now,
        name: str = LOCK,
    ) -> None:
        """``name`` is that of its lock: each workspace's report has its own."""
        self._database, self._report_time, self._publish, self._clock = database, report_time, publish, clock
        self._name = name
        self._done: datetime | None = None
        self._next_check_at = 0.0  # time.monotonic() seconds
        self._thread: threading.Thread | None = None

    def tick(self) -> threading.Thread | None:
        """Begins the report if one is due and none is being made; returns its thread."""
        if (self._thread and self._thread.is_alive()) or time.monotonic() < self._next_check_at:
            return None
        self._next_check_at = time.monotonic() + CHECK_SECONDS
        due = self._report_time.find_due(self._clock())
        if due == self._done:
            return None
        self._thread = threading.Thread(target=self._run, args=(due,), name="report", daemon=True)
        self._thread.start()
        return self._thread

    def _run(self, due: datetime) -> None:
        try:
            with locks.try_acquire(self._database, self._name) as is_ours:
                if is_ours:
                    self._publish(due)
                    self._done = due
        except (ReplyError, SQLAlchemyError) as error:
            advice = "Invite Docent to the channel that DOCENT_REPORT_CHANNEL names, if Slack refuses."
            observability.log.warning("report_not_made", problem=_describe(error), advice=advice)
            self._next_check_at = time.monotonic() + RETRY_SECONDS
        except Exception as error:  # noqa: BLE001  a thread ends here
            observability.report(error, event="report_not_made")
            self._next_check_at = time.monotonic() + RETRY_SECONDS


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, ReplyError) else type(error).__name__
