"""The clock's scheduled questions: looks every few seconds which are due, and asks them on a thread of its own,
for Slack is asked first whether their setters and channels are still there.

One process asks at a time; where two do, each question is still asked once (:mod:`bot.slack.intake.scheduled`).
"""

import threading
import time
from collections.abc import Callable

import redis
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError
from agent.store import locks
from agent.store.database import Database

CHECK_SECONDS = 10.0
LOCK = "scheduled-questions"


class QuestionSchedule:
    """Asks what is due by ``ask``, which may be called again at any time."""

    def __init__(
        self, database: Database, ask: Callable[[], int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._ask, self._clock = database, ask, clock
        self._next_check_at = 0.0
        self._thread: threading.Thread | None = None

    def tick(self) -> threading.Thread | None:
        """Begins to ask if it is time to look and nothing is being asked; returns the thread."""
        if (self._thread and self._thread.is_alive()) or self._clock() < self._next_check_at:
            return None
        self._next_check_at = self._clock() + CHECK_SECONDS
        self._thread = threading.Thread(target=self._run, name="scheduled-questions", daemon=True)
        self._thread.start()
        return self._thread

    def _run(self) -> None:
        try:
            with locks.try_acquire(self._database, LOCK) as is_ours:
                if is_ours:
                    self._ask()
        except (ReplyError, SQLAlchemyError, redis.RedisError) as error:  # the next look makes up for it
            observability.log.warning("scheduled_questions_wait", error_type=type(error).__name__)
        except Exception as error:  # noqa: BLE001  a thread ends here
            observability.report(error, event="scheduled_questions_failed")
