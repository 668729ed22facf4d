"""A round of the clock's work on a thread of its own, so that sweeps go on while Slack takes its time."""

import threading
from collections.abc import Callable

import redis
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError
from agent.store import locks
from agent.store.database import Database


class RoundThread:
    """Does ``work`` in one clock at a time, under the lock ``name``; a failure is logged, and the next round makes
    up for it. ``waits`` is the event of an outage, ``fails`` that of a bug."""

    def __init__(
        self, database: Database, name: str, work: Callable[[], object], *, waits: str, fails: str
    ) -> None:
        self._database, self._name, self.work = database, name, work
        self._waits, self._fails = waits, fails
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Returns whether a round has not ended."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> threading.Thread:
        """Begins a round; returns its thread."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        return self._thread

    def _run(self) -> None:
        try:
            with locks.try_acquire(self._database, self._name) as is_ours:
                if is_ours:
                    self.work()
        except (ReplyError, SQLAlchemyError, redis.RedisError) as error:
            observability.log.warning(self._waits, error_type=type(error).__name__)
        except Exception as error:  # noqa: BLE001  a thread ends here
            observability.report(error, event=self._fails)
