"""The clock's scheduled questions: looks every few seconds which are due, and asks them on a thread of its own,
for Slack is asked first whether their setters and channels are still there.

One process asks at a time; where two do, each question is still asked once (:mod:`bot.slack.intake.scheduled`).
"""

import threading
import time
from collections.abc import Callable

from agent.store.database import Database
from bot.processes.schedules.round_thread import RoundThread

CHECK_SECONDS = 10.0
LOCK = "scheduled-questions"


class QuestionSchedule:
    """Asks what is due by ``ask``, which may be called again at any time."""

    def __init__(
        self, database: Database, ask: Callable[[], int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._next_check_at = 0.0
        self._round = RoundThread(
            database, LOCK, ask, waits="scheduled_questions_wait", fails="scheduled_questions_failed"
        )

    def tick(self) -> threading.Thread | None:
        """Begins to ask if it is time to look and nothing is being asked; returns the thread."""
        if self._round.is_running or self._clock() < self._next_check_at:
            return None
        self._next_check_at = self._clock() + CHECK_SECONDS
        return self._round.start()
