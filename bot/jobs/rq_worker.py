"""RQ's worker, adapted to run many jobs at once in the threads of one process.

A turn mostly waits for a model, and litellm and lancedb take seconds and ~180 MB to import, so a process per job
(RQ's default) is out. RQ's ``SimpleWorker`` runs a job in the process, one at a time. Running several is a matter
of not waiting: ``execute_job`` passes the job to a pool, and a slot is taken before the next job is.

A job is a nudge: Postgres knows who works on what, and the clock wakes again. So a job is deleted when it is
taken, in one round trip, and RQ keeps no record of its running and its end, which took twenty. The turn's own
deadline counts: signals cannot interrupt a thread, and RQ's timers would cost one more per job.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import redis
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job
from rq.timeouts import TimerDeathPenalty

from agent import observability
from agent.observability import tracing
from agent.observability.tracing import SpanRole
from bot.jobs.job_pool import JobPool, Slot
from bot.jobs.queue import JOB, is_known
from bot.outages.redis_watch import RedisWatch

if TYPE_CHECKING:
    from redis.client import Pipeline
    from rq.executions import Execution

WORKER_TTL_SECONDS = 45  # after so long without a sign of life, RQ forgets a worker
OUTAGE_MESSAGES = ("Worker %s: could not connect to Redis", "Worker %s: Redis connection timeout")  # of RQ 3
MAX_ID_CHARS = 100  # of a job's id, in a log
HEARTBEAT_PAUSE = timedelta(seconds=WORKER_TTL_SECONDS / 3)
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
            self.heartbeat()
            if slot := self._pool.take(LISTEN_SECONDS):
                try:
                    if job := self._dequeue():
                        self._slot, slot = slot, None
                        return job
                finally:
                    if slot:
                        slot.release()
        raise StopRequested  # ends RQ's loop quietly

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Deletes the job, and passes what it asks for to a thread; one that Docent did not enqueue is dropped."""
        slot, self._slot = self._slot, None
        assert slot
        is_ours = is_known(job)
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
                pipeline.delete(job.key)
                pipeline.execute()
        except redis.RedisError as error:  # it is taken all the same, and RQ forgets it in time
            observability.log.warning("job_not_deleted", error_type=type(error).__name__)
        if not is_ours:
            slot.release()
            observability.log.error("job_refused", job_id=job.id[:MAX_ID_CHARS])
            return

        def perform() -> None:
            with _trace(job):
                self.perform_job(job, queue, cast("Execution", None))  # which is used for records alone

        self._pool.submit(slot, perform)

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        """Records nothing, like the methods after it; RQ's own way of performing a job is kept, which Sentry
        watches."""

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        """Records nothing."""

    def handle_job_success(self, job: Job, queue: Queue, started_job_registry: object, execution: object) -> None:
        """Records nothing."""

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: object = None,
        exc_string: str = "",
        execution: object = None,
    ) -> None:
        """Records nothing: RQ has logged the bug, and what the job was to do is woken again."""

    def heartbeat(self, timeout: int | None = None, pipeline: "Pipeline | None" = None) -> None:
        """Renews the worker's entry in Redis, a few times as often as it must be."""
        if self.last_heartbeat is None or datetime.now(UTC) - self.last_heartbeat >= HEARTBEAT_PAUSE:
            with self._watch_redis():
                super().heartbeat(timeout, pipeline)

    def _dequeue(self) -> tuple[Job, Queue] | None:
        """Returns the next job, or None where none came in time."""
        with self._watch_redis():
            try:
                return self.queue_class.dequeue_any(
                    self._ordered_queues, LISTEN_SECONDS, self.connection, self.job_class, self.serializer
                )
            except DequeueTimeout:
                return None

    @contextmanager
    def _watch_redis(self) -> Iterator[None]:
        """Where Redis is away, ends RQ's loop, which would try and log for ever; the listener begins again."""
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if self._redis_watch:
                self._redis_watch.note_away(error)
            raise StopRequested from error
        if self._redis_watch:
            self._redis_watch.note_back()

    def _install_signal_handlers(self) -> None:
        """Installs none: the process has its own, and this is not its main thread."""


@contextmanager
def _trace(job: Job) -> Iterator[None]:
    """Opens a span for the job, below the one from which it was enqueued."""
    name = "process question" if job.func_name == JOB else "process sync"
    attributes = {"messaging.system": "rq", "messaging.operation.type": "process"}
    meta = job.meta if isinstance(job.meta, dict) else {}  # whoever can write to Redis may write anything
    with (
        tracing.continue_at(meta.get(tracing.TRACEPARENT)),
        tracing.span(name, SpanRole.CONSUMER, attributes),
    ):
        yield


def _is_no_outage(record: logging.LogRecord) -> bool:
    """Drops what RQ says of a Redis that is away, at every try: :class:`RedisWatch` says it once."""
    return not str(record.msg).startswith(OUTAGE_MESSAGES)
