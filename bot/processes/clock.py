"""The clock process: wakes workers for turns that nobody works on, and runs the schedules: of syncs, of
retention, of the weekly report, of scheduled questions, of what people were asked and have written, and of the
search for questions that were missed. It also tells people their place in the queue.

A turn is forgotten if Redis was away when it came, if its worker died, or if its reply waits for Slack. Several
clocks may run: one at a time sweeps.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import redis
from rq import Queue
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store import budgets, locks, wakes
from agent.store.database import Database
from bot.jobs import queue
from bot.outages import postgres
from bot.outages.command import explain_database
from bot.outages.redis_watch import RedisWatch
from bot.processes.schedules.catch_up_schedule import CatchUpSchedule
from bot.processes.schedules.people_schedule import PeopleSchedule
from bot.processes.schedules.question_schedule import QuestionSchedule
from bot.processes.schedules.queue_places import QueuePlaces
from bot.processes.schedules.report_schedule import ReportSchedule
from bot.processes.schedules.retention_schedule import RetentionSchedule
from bot.processes.schedules.sync_schedule import SyncSchedule

if TYPE_CHECKING:
    from bot.slack.installation.rotation import RotationSchedule


def run(
    database: Database,
    turn_queue: Queue,
    *,
    every_seconds: float,
    stopping: threading.Event,
    retention: RetentionSchedule | None = None,
    syncs: SyncSchedule | None = None,
    catch_ups: CatchUpSchedule | None = None,
    places: QueuePlaces | None = None,
    reports: Sequence[ReportSchedule] = (),
    rotation: "RotationSchedule | None" = None,
    questions: QuestionSchedule | None = None,
    people: PeopleSchedule | None = None,
    redis_watch: RedisWatch | None = None,
) -> None:
    """Sweeps until ``stopping`` is set. Outages of Postgres and Redis are logged and waited for.

    ``reports`` has one for each workspace.
    """
    is_healthy = True
    while not stopping.is_set():
        try:
            n_woken = sweep(database, turn_queue)
            if n_woken:
                observability.log.info("swept", n_woken=n_woken)
            if redis_watch:
                turn_queue.connection.ping()
                redis_watch.note_back()
            if not is_healthy:
                observability.log.info("sweeps_again")
                if catch_ups:
                    catch_ups.request()
            is_healthy = True
        except (SQLAlchemyError, redis.RedisError) as error:
            if is_healthy:  # once per outage
                _report(error)
            if redis_watch and isinstance(error, redis.RedisError):
                redis_watch.note_away(error)
            is_healthy = False
        schedules = (places, retention, syncs, rotation, *reports, questions, people, catch_ups)
        for schedule in schedules if is_healthy else ():
            if schedule:
                _tick(schedule)
        stopping.wait(every_seconds)


class _Schedule(Protocol):
    def tick(self) -> object: ...


def _tick(schedule: _Schedule) -> None:
    """Runs a schedule; a fault in it, or in what it reads, must not end the sweeps."""
    try:
        schedule.tick()
    except Exception as error:  # noqa: BLE001
        observability.report(error, event="schedule_failed")


def _report(error: SQLAlchemyError | redis.RedisError) -> None:
    observability.report(error, event="sweep_failed")
    if isinstance(error, SQLAlchemyError) and postgres.is_outage(error):
        outage = explain_database(error)
        observability.log.warning("database_away", problem=outage.text, advice=outage.advice)


def sweep(database: Database, turn_queue: Queue) -> int:
    """Wakes the sessions that are due, unless their jobs still wait for a worker; returns how many.

    Does nothing while another clock sweeps.
    """
    with database.transaction() as transaction:
        if not locks.try_lock(transaction, locks.CLOCK):
            return 0
        budgets.lapse(transaction)  # holds of crashed turns, whether or not anybody continues these
        due = wakes.list_due(transaction)
    if not due:
        return 0
    waiting = queue.list_waiting(turn_queue)
    forgotten = [session_id for _, session_id in due if str(session_id) not in waiting]
    queue.wake(turn_queue, forgotten)
    with database.transaction() as transaction:
        wakes.note_wakes(transaction, [turn_id for turn_id, _ in due])
    return len(forgotten)
