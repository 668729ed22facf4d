"""The clock's search for questions that were missed: at its start, after an outage, when a web process starts, and
hourly, because no process notices that Slack could reach none.

One process searches at a time. Redis keeps when a search was asked for, began, and was complete: a search reads
what was written since the last complete one began. Where Redis forgets that, it reads a day.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError
from agent.store import locks
from agent.store.database import Database

EVERY_SECONDS = 3600.0
RETRY_SECONDS = 60.0
PLACE_SECONDS = 60.0  # a search is in no hurry: it waits for its calls to be allowed (bot.slack.calls)
LOCK = "catch-up"
NAMES = ["requested", "begun", "done"]


@dataclass
class CatchUpState:
    """What all processes know of the searches: seconds since 1970, 0 for never."""

    connection: redis.Redis
    key: str

    def load(self) -> dict[str, float]:
        """Loads when a search was ``requested``, ``begun`` and ``done``."""
        values = self.connection.hmget(self.key, NAMES)
        return {name: float(value) for name, value in zip(NAMES, values, strict=True) if value}

    def save(self, name: str, moment: float) -> None:
        """Stores one of them."""
        self.connection.hset(self.key, name, repr(moment))


def open_state(connection: redis.Redis, queue_name: str, workspace: str = "") -> CatchUpState:
    """Returns the state that belongs to the queue of this name, and to one of many workspaces."""
    return CatchUpState(connection, f"{queue_name}:catch-up" + (f":{workspace}" if workspace else ""))


def request(state: CatchUpState) -> None:
    """Asks the clock for a search; does nothing while Redis is away."""
    try:
        state.save("requested", time.time())
    except redis.RedisError as error:
        observability.log.warning("catch_up_not_requested", error_type=type(error).__name__)


class CatchUpSchedule:
    """Starts a search when one is due, on a thread of its own: it takes minutes, and sweeps must go on.

    ``search`` gets the moment since when, None for as long as it looks back at all. A failure of one workspace's
    holds up no other one's: each has a schedule and a lock ``name`` of its own.
    """

    def __init__(
        self,
        database: Database,
        state: CatchUpState,
        search: Callable[[datetime | None], int],
        *,
        clock: Callable[[], float] = time.time,
        name: str = LOCK,
    ) -> None:
        self._database, self._state, self._search, self._clock = database, state, search, clock
        self._name = name
        self._requested_at = clock()
        self._thread: threading.Thread | None = None

    def request(self) -> None:
        """Asks for a search, after an outage."""
        self._requested_at = self._clock()

    def tick(self) -> threading.Thread | None:
        """Starts a search if one is due and none runs; returns its thread."""
        if (self._thread and self._thread.is_alive()) or not self._is_due(self._state.load()):
            return None
        self._thread = threading.Thread(target=self._run, name="catch-up", daemon=True)
        self._thread.start()
        return self._thread

    def _is_due(self, state: dict[str, float]) -> bool:
        begun = state.get("begun", 0.0)
        requests = (self._requested_at, state.get("requested", 0.0), begun + EVERY_SECONDS)
        return any(begun < moment <= self._clock() for moment in requests)

    def _run(self) -> None:
        try:
            with locks.try_acquire(self._database, self._name) as is_ours:
                state = self._state.load()
                if is_ours and self._is_due(state):
                    self._search_since(state.get("done"))
        except (ReplyError, SQLAlchemyError, redis.RedisError) as error:
            observability.log.warning("catch_up_failed", error_type=type(error).__name__)
            self._requested_at = self._clock() + RETRY_SECONDS
        except Exception as error:  # noqa: BLE001  a thread ends here
            observability.report(error, event="catch_up_failed")

    def _search_since(self, done: float | None) -> None:
        begun = self._clock()
        self._state.save("begun", begun)
        self._search(datetime.fromtimestamp(done, UTC) if done else None)
        self._state.save("done", begun)
