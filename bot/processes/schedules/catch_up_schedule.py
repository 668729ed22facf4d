"""The clock's searches for questions that were missed: at its start, after an outage, when a web process starts or
has taken for chatter what it could not look up, and hourly, because no process notices that Slack could reach
none.

One process begins a workspace's search at a time, and each process does a few at once, for Slack paces them: of a
thousand workspaces the one that waits longest is next. Redis keeps when a search was asked for, began, and was
complete: a search reads what was written since the last complete one began. Where Redis forgets that, it reads a
day.
"""

import threading
import time
from collections.abc import Callable, Sequence
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
MAX_AT_ONCE = 8  # searches of one process: they mostly wait, and hold no connection to Postgres meanwhile
LOCK = "catch-up"

Search = Callable[[datetime | None], int]  # since when; None for as long as it looks back at all


@dataclass(frozen=True)
class SearchTimes:
    """When a workspace's last search began, and when the last one began that was complete; 0 for never."""

    begun: float = 0.0  # seconds since 1970
    done: float = 0.0


@dataclass(frozen=True)
class CatchUpStates:
    """What all processes know of the searches of a queue's workspaces; "" is the one of the token."""

    connection: redis.Redis
    queue_name: str

    def load(self, workspaces: Sequence[str]) -> tuple[float, dict[str, SearchTimes]]:
        """Loads when all searches were asked for last, 0 for never, and the times of these workspaces' by id."""
        pipeline = self.connection.pipeline(transaction=False)
        pipeline.hget(self._key(""), "requested")
        for workspace in workspaces:
            pipeline.hmget(self._key(workspace), ["begun", "done"])
        requested, *times = pipeline.execute()
        known = {
            workspace: SearchTimes(*(float(moment or 0) for moment in one))
            for workspace, one in zip(workspaces, times, strict=True)
        }
        return float(requested or 0), known

    def note_begun(self, workspace: str, moment: float) -> None:
        """Stores when a workspace's search began."""
        self.connection.hset(self._key(workspace), "begun", repr(moment))

    def note_done(self, workspace: str, begun: float) -> None:
        """Stores that the search that began then was complete."""
        self.connection.hset(self._key(workspace), "done", repr(begun))

    def request(self, moment: float) -> bool:
        """Asks the clock for a search in every workspace; returns whether Redis was there to take it."""
        try:
            self.connection.hset(self._key(""), "requested", repr(moment))
        except redis.RedisError as error:
            observability.log.warning("catch_up_not_requested", error_type=type(error).__name__)
            return False
        return True

    def _key(self, workspace: str) -> str:
        return f"{self.queue_name}:catch-up" + (f":{workspace}" if workspace else "")


class CatchUpSchedule:
    """Starts the searches that are due, on threads of their own: one takes minutes, and sweeps must go on.

    ``list_workspaces`` names those that have installed the app, and may name others each time; ``open_search``
    returns what searches one. A failure in one workspace holds up no other.
    """

    def __init__(
        self,
        database: Database,
        states: CatchUpStates,
        open_search: Callable[[str], Search],
        *,
        list_workspaces: Callable[[], Sequence[str]] = lambda: [""],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._states, self._open_search = database, states, open_search
        self._list_workspaces, self._clock = list_workspaces, clock
        self._requested_at = clock()
        self._retry_at: dict[str, float] = {}
        self._running: dict[str, threading.Thread] = {}

    def request(self) -> None:
        """Asks for a search in every workspace, after an outage."""
        self._requested_at = self._clock()

    def tick(self) -> list[threading.Thread]:
        """Starts searches that are due, those first that wait longest; returns their threads."""
        self._running = {workspace: one for workspace, one in self._running.items() if one.is_alive()}
        n_free = MAX_AT_ONCE - len(self._running)
        if not n_free:
            return []
        workspaces = [one for one in self._list_workspaces() if one not in self._running]
        requested, times = self._states.load(workspaces)
        due = [one for one in workspaces if self._is_due(one, requested, times[one])]
        due.sort(key=lambda workspace: times[workspace].begun)
        return [self._start(workspace) for workspace in due[:n_free]]

    def _is_due(self, workspace: str, requested: float, times: SearchTimes) -> bool:
        moments = (self._requested_at, self._retry_at.get(workspace, 0.0), requested, times.begun + EVERY_SECONDS)
        return any(times.begun < moment <= self._clock() for moment in moments)

    def _start(self, workspace: str) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(workspace,), name="catch-up", daemon=True)
        self._running[workspace] = thread
        thread.start()
        return thread

    def _run(self, workspace: str) -> None:
        try:
            times = self._claim(workspace)
            if times:
                self._open_search(workspace)(datetime.fromtimestamp(times.done, UTC) if times.done else None)
                self._states.note_done(workspace, times.begun)
        except (ReplyError, SQLAlchemyError, redis.RedisError) as error:
            observability.log.warning("catch_up_failed", error_type=type(error).__name__, workspace=workspace)
            self._retry_at[workspace] = self._clock() + RETRY_SECONDS
        except Exception as error:  # noqa: BLE001  a thread ends here
            observability.report(error, event="catch_up_failed")

    def _claim(self, workspace: str) -> SearchTimes | None:
        """Notes that the search begins; returns None where another clock has begun it meanwhile."""
        with locks.try_acquire(self._database, f"{LOCK}:{workspace}" if workspace else LOCK) as is_ours:
            if not is_ours:
                return None
            requested, times = self._states.load([workspace])
            if not self._is_due(workspace, requested, times[workspace]):
                return None
            begun = self._clock()
            self._states.note_begun(workspace, begun)
            return SearchTimes(begun, times[workspace].done)
