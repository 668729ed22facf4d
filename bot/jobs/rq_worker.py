"""RQ's worker, adapted to run many jobs at once in the threads of one process.

A turn mostly waits for a model, and litellm and lancedb take seconds and ~180 MB to import, so a process per job
(RQ's default) is out. RQ's ``SimpleWorker`` runs a job in the process, one at a time. RQ 3 keeps a worker's
executions in a dictionary, so running several is a matter of not waiting: ``execute_job`` passes the job to a
pool, and a slot is taken before the next job is. Jobs carry ``timeout=-1``: signals cannot interrupt a thread, and
RQ's timers would cost one more thread per job; the turn's own deadline counts.
"""

import threading

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import TimerDeathPenalty

from agent import observability
from bot.jobs.job_pool import JobPool

WORKER_TTL_SECONDS = 45  # after so long without a sign of life, RQ forgets a worker
LISTEN_SECONDS = 1  # how often a listener checks whether the process is stopping


class ThreadedWorker(SimpleWorker):
    """An RQ worker that runs the jobs of one queue in the threads of a pool."""

    death_penalty_class = TimerDeathPenalty
    max_connection_wait_time = 2  # seconds; when Redis is back, go on soon

    def __init__(self, queue: Queue, pool: JobPool, stopping: threading.Event) -> None:
        super().__init__(
            [queue],
            connection=queue.connection,
            serializer=queue.serializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self._pool = pool
        self._stopping = stopping

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue]:
        """Takes a slot first: a job that no thread is free for stays in Redis, for other processes."""
        while not self._stopping.is_set():
            if self._pool.slots.acquire(timeout=LISTEN_SECONDS) and (job := self._dequeue()):
                return job
        raise StopRequested  # ends RQ's loop quietly

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Passes the job to a thread and returns."""

        def perform() -> None:
            try:
                self.perform_job(job, queue, self.prepare_execution(job))
            except redis.RedisError as error:  # the turn is done, or woken again; only RQ's own records are lost
                observability.log.warning("job_not_closed", error_type=type(error).__name__)
            finally:
                self._pool.slots.release()

        self._pool.submit(perform)

    def _dequeue(self) -> tuple[Job, Queue] | None:
        """Returns the next job, or None; gives the slot back if there is none."""
        job = None
        try:
            job = super().dequeue_job_and_maintain_ttl(LISTEN_SECONDS, LISTEN_SECONDS)
        finally:
            if job is None:
                self._pool.slots.release()
        return job

    def _install_signal_handlers(self) -> None:
        """Installs none: the process has its own, and this is not its main thread."""
