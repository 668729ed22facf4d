"""The clock's part of what people do: finishes it, and has workers bring the index in step with verified answers.

One clock at a time works on it, in a thread of its own.
"""

import threading
import time
from collections.abc import Callable

from rq import Queue

from agent.store.database import Database
from bot.jobs import queue
from bot.jobs.queue import VERIFIED_ID, SyncJob
from bot.processes.schedules.round_thread import RoundThread
from ingest.verified import answers

CHECK_SECONDS = 3.0
WHOLE_SECONDS = 3_600.0  # between two comparisons with an index that may have been lost
LOCK = "people"


class PeopleSchedule:
    """Calls ``finish``, which may be called again at any time; None where there is no token of Slack."""

    def __init__(
        self,
        database: Database,
        sync_queue: Queue,
        finish: Callable[[], None] | None,
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._database, self._queue, self._finish = database, sync_queue, finish
        self._check_seconds = check_seconds
        self._next_check_at = self._next_whole_at = 0.0  # time.monotonic() seconds
        event = "people_schedule_failed"
        self._round = RoundThread(database, LOCK, self._work, waits=event, fails=event)

    def tick(self) -> threading.Thread | None:
        """Begins a round unless one runs; returns its thread."""
        if self._round.is_running or time.monotonic() < self._next_check_at:
            return None
        self._next_check_at = time.monotonic() + self._check_seconds
        return self._round.start()

    def _work(self) -> None:
        if self._finish:
            self._finish()
        with self._database.transaction() as transaction:
            is_behind = answers.is_index_behind(transaction)
            has_any = is_behind or answers.has_any(transaction)
        is_due = has_any and time.monotonic() >= self._next_whole_at
        if (is_behind or is_due) and not queue.has_waiting(self._queue, VERIFIED_ID):
            queue.enqueue_sync(self._queue, SyncJob.VERIFIED, VERIFIED_ID)
            self._next_whole_at = time.monotonic() + WHOLE_SECONDS
