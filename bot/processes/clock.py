"""The clock: finds turns nobody works on and wakes a worker for them, has sources synced when they are due, and
deletes what is too old. Many may run; one acts.

A turn is forgotten when Redis was away as it came, when its worker died, or when its reply waits for Slack.
"""

import threading

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store import budgets, locks, sessions
from agent.store.database import Database
from bot.jobs import queue
from bot.processes.retention_schedule import RetentionSchedule
from bot.processes.sync_schedule import SyncSchedule


def run(
    database: Database,
    jobs: Queue,
    *,
    every_seconds: float,
    stopping: threading.Event,
    nights: RetentionSchedule | None = None,
    schedule: SyncSchedule | None = None,
) -> None:
    """Sweeps until ``stopping`` is set; outages of Postgres and Redis are logged and waited out."""
    is_healthy = True
    while not stopping.is_set():
        try:
            n_woken = sweep(database, jobs)
            if n_woken:
                observability.log.info("swept", n_woken=n_woken)
            is_healthy = True
        except (SQLAlchemyError, redis.RedisError) as error:
            if is_healthy:  # once per outage
                observability.report(error, event="sweep_failed")
            is_healthy = False
        if nights and is_healthy:
            nights.tick()
        if schedule and is_healthy:
            schedule.tick()
        stopping.wait(every_seconds)


def sweep(database: Database, jobs: Queue) -> int:
    """One round: how many sessions were woken. Does nothing where another clock is at it."""
    with database.transaction() as transaction:
        if not locks.try_lock(transaction, locks.CLOCK):
            return 0
        budgets.lapse(transaction)  # what crashed turns hold, whether or not anybody takes them up
        due = sessions.list_due(transaction)
    if not due:
        return 0
    queue.wake(jobs, [session_id for _, session_id in due])
    with database.transaction() as transaction:
        sessions.note_wakes(transaction, [turn_id for turn_id, _ in due])
    return len(due)
