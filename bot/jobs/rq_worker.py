"""RQ's worker, adapted to run many jobs at once in the threads of one process.

A turn mostly waits for a model, and litellm and lancedb take seconds and ~180 MB to import, so a process per job
(RQ's default) is out. RQ's ``SimpleWorker`` runs a job in the process, one at a time. RQ 3 keeps a worker's
executions in a dictionary, so running several is a matter of not waiting: ``execute_job`` passes the job to a
pool, and a slot is taken before the next job is. Jobs carry ``timeout=-1``: signals cannot interrupt a thread, and
RQ's timers would cost one more thread per job; the turn's own deadline counts.
"""

import logging
import threading
from typing import TYPE_CHECKING

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import TimerDeathPenalty

from agent import observability
from bot.jobs.job_pool import JobPool, Slot
from bot.jobs.queue import is_known
from bot.jobs.redis_watch import RedisWatch

if TYPE_CHECKING:
    from redis.client import Pipeline

WORKER_TTL_SECONDS = 45  # after so long without a sign of life, RQ forgets a worker
OUTAGE_MESSAGES = ("Worker %s: could not connect to Redis", "Worker %s: Redis connection timeout")  # of RQ 3
MAX_ID_CHARS = 100  # of a job's id, in a log
LISTEN_SECONDS = 1  # how often a listener checks whether the process is stopping


class ThreadedWorker(SimpleWorker):
    """An RQ worker that runs the jobs of one queue in the threads of a pool."""

    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = 2  # seconds; when Redis is back, go on soon

    def __init__(
        self, queue: Queue, pool: JobPool, stopping: threading.Event, redis_watch: RedisWatch | None = None
    ) -> None:
        super().__init__(
            [queue],
            connection=queue.connection,
            serializer=queue.serializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self._pool = pool
        self._stopping = stopping
        self._redis_watch = redis_watch
        self._slot: Slot | None = None  # of the job that was taken and is not passed on yet
        self.log.addFilter(_is_no_outage)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue]:
        """Takes a slot first: a job that no thread is free for stays in Redis, for other processes."""
        while not self._stopping.is_set():
            slot = self._pool.take(LISTEN_SECONDS)
            if slot and (job := self._dequeue(slot)):
                self._slot = slot
                return job
        raise StopRequested  # ends RQ's loop quietly

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Passes the job to a thread and returns; drops one that Docent did not enqueue."""
        slot, self._slot = self._slot, None
        assert slot
        if not is_known(job):
            slot.release()
            self._drop(job)
            return

        def perform() -> None:
            try:
                self.perform_job(job, queue, self.prepare_execution(job))
            except redis.RedisError as error:  # the turn is done, or woken again; only RQ's own records are lost
                observability.log.warning("job_not_closed", error_type=type(error).__name__)

        self._pool.submit(slot, perform)

    def _drop(self, job: Job) -> None:
        observability.log.error("job_refused", job_id=job.id[:MAX_ID_CHARS])
        try:
            job.delete()
        except redis.RedisError as error:
            observability.log.warning("job_not_closed", error_type=type(error).__name__)

    def heartbeat(self, timeout: int | None = None, pipeline: "Pipeline | None" = None) -> None:
        """Renews the worker's entry in Redis.

        Where Redis is away, it ends RQ's loop, which would try and log for ever; the listener begins again.
        """
        try:
            super().heartbeat(timeout, pipeline)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if self._redis_watch:
                self._redis_watch.note_away(error)
            raise StopRequested from error
        if self._redis_watch:
            self._redis_watch.note_back()

    def _dequeue(self, slot: Slot) -> tuple[Job, Queue] | None:
        """Returns the next job, or None; gives the slot back if there is none."""
        job = None
        try:
            job = super().dequeue_job_and_maintain_ttl(LISTEN_SECONDS, LISTEN_SECONDS)
        finally:
            if job is None:
                slot.release()
        return job

    def _install_signal_handlers(self) -> None:
        """Installs none: the process has its own, and this is not its main thread."""


def _is_no_outage(record: logging.LogRecord) -> bool:
    """Drops what RQ says of a Redis that is away, at every try: :class:`RedisWatch` says it once."""
    return not str(record.msg).startswith(OUTAGE_MESSAGES)
