"""Passes a question on that another machine may answer better: one that is not cut off from what this one needs.

Where all machines are cut off, nothing is lost by it: wake-ups stay in Redis, and after a minute a question is
answered with what there is.
"""

import time
from uuid import UUID

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store.database import is_away
from bot.jobs import job_pool, queue, turn_endings
from bot.jobs.context import WorkerContext
from bot.jobs.readers.final_check import ClaimedTurn

PATIENCE_SECONDS = 60.0  # so long a question waits for a machine that can search
PAUSE_SECONDS = 2.0


def pass_wake_on(context: WorkerContext, session_id: UUID, error: SQLAlchemyError) -> None:
    """Enqueues a wake-up again whose session could not be read, and has this process take none for a moment.

    Else a machine that is cut off from Postgres would take its share of them, and each would be lost until the
    clock wakes again. Raises the error where it is none of a Postgres that is away, or nobody else could come.
    """
    if context.turn_queue is None or not is_away(error):
        raise error
    observability.log.warning("wake_passed_on", error_type=type(error).__name__)
    job_pool.rest()
    try:
        queue.wake(context.turn_queue, [session_id])
    except RedisError as second_error:  # the clock wakes again
        observability.log.warning("wake_not_passed_on", error_type=type(second_error).__name__)


def passes_on(context: WorkerContext, claimed: ClaimedTurn) -> bool:
    """Gives a turn back, while it is young, where nothing can be searched here; returns whether it did. Not in a
    command, which has no queue: nobody else would come."""
    if context.turn_queue is None or not (
        context.library and claimed.index and context.library.is_cut_off(claimed.index)
    ):
        return False
    if time.monotonic() - (claimed.turn.asked_at or 0) > PATIENCE_SECONDS:
        return False
    observability.log.warning("turn_passed_on", problem="no copy of the index is here, and its bucket is away")
    turn_endings.give_back(context, claimed.turn, delay_seconds=PAUSE_SECONDS)
    return True
